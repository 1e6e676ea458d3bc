"""Random programs that a signal ends at a drawn point, by name and always alike; nothing is left behind."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.abc
import pytest
from drawn_signals import DrawnSignal
from leak_tools import open_files, threads
from random_programs import Program, Run, generate
from seeded_loop import seeded

import cl

SIGNALS = int(os.environ.get("CL_SIGNALS", "20"))
PER_PROGRAM = 2
REPLAYED = os.environ.get("CL_SIGNAL")
"""A program and a seed, as a failure has printed them."""


def ended(program: Program, seed: int, drawn: DrawnSignal) -> tuple[Any, ...]:
    """Return how a program has ended, and what it comes to, under a schedule with a signal."""
    before, files = threads(), open_files()
    with tempfile.TemporaryDirectory(prefix="cl-signals-") as folder, drawn.arranged():
        run = Run(program, Random(seed), Path(folder), drawn.point)
        with seeded(seed, drawn.point) as make:
            loop = {"loop_factory": make}
            how = how_it_ends(run, lambda: anyio.run(listening, run, drawn, backend_options=loop))
        assert not cl._session.opening.is_open(), "the device is open"
        assert not threads() - before, threads() - before
        assert open_files() <= files, f"{open_files()} files after {files}"
        recorded = run.recorded() if program.fails_at is None else []
    return how, run.log, run.ends, recorded


def how_it_ends(run: Run, start: Callable[[], None]) -> str:
    """Start a run, and return how it has ended."""
    try:
        start()
    except KeyboardInterrupt:
        return "KeyboardInterrupt"
    except BaseExceptionGroup as group:
        _, others = group.split(KeyboardInterrupt)
        if others is not None:
            raise
        return "KeyboardInterrupt"
    return "cancelled" if run.scope is not None and run.scope.cancelled_caught else "end"


async def listening(run: Run, drawn: DrawnSignal) -> None:
    """Run, until SIGTERM cancels what it does."""
    try:
        async with anyio.create_task_group() as group:
            await group.start(_listen, run)
            await run.run()
            drawn.over = drawn.kind == "handler"  # asyncio puts the system's own in the place of its handler.
            group.cancel_scope.cancel()
    finally:
        drawn.over = True


async def _listen(run: Run, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if run.scope is not None:
                run.scope.cancel()


def unrecorded_if_failing(program: Program) -> Program:
    """Return it without recordings where its device fails: their thread notices that in the host's time."""
    if program.fails_at is None:
        return program
    jobs = tuple(job for job in program.jobs if job.kind != "recorder")
    return replace(program, records=False, jobs=jobs)


def check(number: int, seed: int) -> str:
    """Check what a signal makes of a program; return how it has ended."""
    program = unrecorded_if_failing(generate(number))
    silent = DrawnSignal()
    whole = ended(program, seed, silent)
    drawn = [DrawnSignal.drawn(Random(seed), silent.passed) for _ in range(2)]
    first, again = (ended(program, seed, each) for each in drawn)
    assert first == again
    assert drawn[0].came or drawn[0].kind == "handler"
    how, log, _, recorded = first
    for (_, _, stims, entries), (_, _, all_stims, all_entries) in zip(recorded, whole[3], strict=False):
        assert entries == all_entries[: len(entries)]
        assert stims == all_stims[: len(stims)]
    assert how == "end" or how == ("cancelled" if drawn[0].kind == "handler" else "KeyboardInterrupt")
    assert log == whole[1][: len(log)], "what happened before is what happens without it"
    return f"{drawn[0].kind}: {how}"


def end_all(check: Callable[[int, int], str], signals: int, command: str) -> None:
    """Have so many signals end programs; where one does not as it should, say what replays it."""
    counts: Counter[str] = Counter()
    for seed in range(signals):
        number = seed // PER_PROGRAM
        try:
            counts[check(number, seed)] += 1
        except BaseException as error:
            pytest.fail(f"{command.format(f'{number}/{seed}')}: {type(error).__name__}: {error}")
    print(dict(counts))
    assert sum(counts.values()) == signals


def replay(check: Callable[[int, int], str], replayed: str | None) -> None:
    """Do again what a failure has named."""
    assert replayed is not None
    program, seed = replayed.split("/")
    print(check(int(program), int(seed)))


# Tasks that a task group has started just before the signal never begin, which asyncio says.
@pytest.mark.filterwarnings("ignore:coroutine 'Run.*never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object Run")
@pytest.mark.timeout(120 + SIGNALS)
@pytest.mark.skipif(REPLAYED is not None, reason="one is replayed")
def test_a_signal_ends_any_program() -> None:
    end_all(check, SIGNALS, f"CL_SIGNAL={{}} pytest {__file__}")


@pytest.mark.skipif(REPLAYED is None, reason="CL_SIGNAL=<program>/<seed> replays one")
def test_replay() -> None:
    replay(check, REPLAYED)
