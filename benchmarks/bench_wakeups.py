"""Precise wake-ups of tasks in wall-clock time: what they leave to other tasks, and how late they are.

    python benchmarks/bench_wakeups.py [alarm] [aloop] [asyncio] [uvloop] [trio]

`alarm` has bare alarms wake a task, `aloop` is `neurons.aloop`; everything runs if nothing is named. A task
that does nothing but let others run counts its turns beside 10 wake-ups a second, and beside 1 000. Lateness
and processor time are those of 1 000 a second: beside that task, alone, and of a thread's loop that sleeps
and spins (bare), since on a busy machine all of them are late. Medians of five runs in alternation.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

os.environ["CL_SDK_VISUALISATION"] = "0"
os.environ.pop("CL_SDK_ACCELERATED_TIME", None)

import anyio

import cl
from cl._core.host_clock import WallClock, host_ns
from cl._core.lateness import Lateness, LoopStatistics
from cl._wait.backend import current_backend

SECONDS = 1.0
RUNS = 5
KEPT, P99_US = 0.85, 400
Program = Callable[[int], Awaitable[LoopStatistics]]
LOOPS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}


async def alarm(rate: int) -> LoopStatistics:
    """Be woken at a rate by an alarm."""
    ring, lateness = current_backend().alarm(), Lateness()
    begin = host_ns()
    for i in range(1, int(rate * SECONDS) + 1):
        due = begin + i * 1_000_000_000 // rate
        await ring.until(due)
        lateness.add(host_ns() - due)
    ring.close()
    return lateness.statistics()


async def aloop(rate: int) -> LoopStatistics:
    """Run a loop that does nothing."""
    async with cl.aopen() as neurons:
        loop = neurons.aloop(rate, stop_after_seconds=SECONDS)
        async for _ in loop:
            pass
        return loop.statistics()


def bare(rate: int) -> LoopStatistics:
    """Sleep and spin, in a thread without an event loop."""
    clock, lateness = WallClock(0), Lateness()
    for i in range(1, int(rate * SECONDS) + 1):
        frame = i * 25_000 // rate
        clock.wait(frame)
        lateness.add(host_ns() - clock.due_ns(frame))
    return lateness.statistics()


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured: `turns` of the other task a second, `used` of a core."""

    turns: float
    used: float
    late: LoopStatistics


async def measure(program: Program, rate: int, beside: bool) -> Run:
    """Run a program at a rate, beside a task that counts its turns, or alone."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        checkpoint = current_backend().checkpoint
        while True:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as group:
        if beside:
            group.start_soon(count)
        began, used = time.perf_counter(), time.process_time()
        late = await program(rate)
        took, used = time.perf_counter() - began, time.process_time() - used
        group.cancel_scope.cancel()
    return Run(turns / took, used / took, late)


def compare(name: str, program: Program, loop: str) -> None:
    """Print a program's figures on an event loop."""

    def run(rate: int, beside: bool) -> Run:
        return anyio.run(measure, program, rate, beside, **LOOPS[loop])

    run(1000, False)
    rounds = [(run(10, True), run(1000, True), run(1000, False), bare(1000)) for _ in range(RUNS)]
    median = statistics.median
    kept = median(fast.turns / slow.turns for slow, fast, _, _ in rounds)
    late = [(fast.late, alone.late, thread) for _, fast, alone, thread in rounds]
    p50, p99 = ([median(column) for column in zip(*rows, strict=True)] for rows in (
        [[s.p50_us for s in row] for row in late], [[s.p99_us for s in row] for row in late],
    ))  # fmt: skip
    mark = "ok" if kept >= KEPT and max(p99[:2]) <= P99_US else "MISSED"
    print(
        f"{name:5s} {loop:7s} {median(r[0].turns for r in rounds):7.0f} turns/s beside 10 Hz, "
        f"{median(r[1].turns for r in rounds):7.0f} beside 1 kHz: {kept:4.0%} kept "
        f"({mark}; load {os.getloadavg()[0]:.2f})\n"
        f"    µs late, beside | alone | bare: p50 {' | '.join(f'{x:.0f}' for x in p50)}, "
        f"p99 {' | '.join(f'{x:.0f}' for x in p99)}; alone {median(r[2].used for r in rounds):.1%} of a core",
        flush=True,
    )


def main() -> None:
    """Run what is named, or everything."""
    programs: dict[str, Program] = {"alarm": alarm, "aloop": aloop}
    named = sys.argv[1:]
    if unknown := set(named) - set(programs) - set(LOOPS):
        sys.exit(f"unknown: {' '.join(sorted(unknown))}")
    print(f"wanted: {KEPT:.0%} of the turns kept, p99 at most {P99_US} µs")
    for name in [name for name in programs if name in named] or programs:
        for loop in [loop for loop in LOOPS if loop in named] or LOOPS:
            compare(name, programs[name], loop)


if __name__ == "__main__":
    main()
