"""Sweeps and environments: what a run costs beside its experiment, how many cores help, what a step takes.

    python benchmarks/bench_sweep.py [overhead] [short] [culture] [dask] [step]

`overhead` is of runs that do nothing, on one warm worker: start, device, folder, result. `short` are 1 000
runs of 10 s of device time with a loop at 100 Hz, on one worker and on two. `culture` is a sweep of the
culture on two processes, `dask` the same on a Dask cluster of two workers, with their table. `step` is
`CultureEnv.step` of 10 ms, unwrapped. Everything runs if nothing is named. Processor time is that of all
processes of a part: on a busy machine it says more than the clock.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cl

RUNS = int(os.environ.get("BENCH_RUNS", "1000"))
CULTURE = {"source": "cl.sim.culture:create", "config": {"size": 300}}


def nothing(neurons: cl.Neurons, number: int) -> dict[str, Any]:
    return {"number": number}


def short(neurons: cl.Neurons, number: int) -> dict[str, Any]:
    loop = neurons.loop(100, stop_after_seconds=10)
    return {"spikes": sum(len(tick.analysis.spikes) for tick in loop)}


def answers(neurons: cl.Neurons, current_uA: float, channel: int) -> dict[str, Any]:
    recording = neurons.record()
    evoked = []
    for _ in range(5):
        neurons.stim(channel, current_uA)
        evoked.append(len(neurons.read(1_250, analysis=True).spikes))
        neurons.read(5_000, analysis=True)
    recording.stop()
    return {"evoked": statistics.mean(evoked)}


def processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what work returns, and the seconds of the clock and of processors that it took."""
    began, used = time.perf_counter(), processor_s()
    found = work()
    return found, time.perf_counter() - began, processor_s() - used


def overhead(out: Path) -> None:
    sweep = cl.sweep(nothing, {"number": range(101)}, out=out / "nothing", executor=1)
    rows = iter(sweep)
    next(rows)  # the worker is warm
    _, seconds, used = timed(lambda: list(rows))
    print(f"overhead: {seconds * 10:.1f} ms a run by the clock, goal 40; {used * 10:.1f} ms of processors")


def shorts(out: Path) -> None:
    clocks = []
    for workers in (1, 2):
        sweep = cl.sweep(short, {"number": range(RUNS)}, out=out / f"short{workers}", executor=workers)
        _, seconds, used = timed(sweep.run)
        assert not any(row.failed for row in sweep.rows)
        clocks.append(seconds)
        print(f"short: {RUNS} runs on {workers}: {seconds:.1f} s, {used:.1f} s of processors")
    print(
        f"short: two workers are {clocks[0] / clocks[1]:.2f} times as fast, goal 1.8; goal of 1000 runs 60 s"
    )


def culture(out: Path) -> None:
    sweep = cl.sweep(answers, GRID, 2, out=out / "culture", source=CULTURE, executor=2)
    _, seconds, used = timed(sweep.run)
    print(sweep.to_pandas().drop(columns=["status", "error"]).to_string())
    print(f"culture: {len(sweep)} runs on 2 processes: {seconds:.1f} s, {used:.1f} s of processors")


def dask(out: Path) -> None:
    from distributed import Client, LocalCluster

    began = time.perf_counter()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        print(f"dask: a cluster of two workers, started in {time.perf_counter() - began:.1f} s")
        with client.get_executor() as executor:
            sweep = cl.sweep(answers, GRID, 2, out=out / "dask", source=CULTURE, executor=executor)
            _, seconds, _ = timed(sweep.run)
            print(sweep.to_pandas().drop(columns=["status", "error"]).to_string())
    print(f"dask: {len(sweep)} runs on a cluster of 2 workers: {seconds:.1f} s")


def step(out: Path) -> None:
    from cl.gym import CultureEnv

    for source, goal in (("random", 60), ("cl.sim.culture:create", 1_000)):
        env = CultureEnv(source=source)
        env.reset(seed=1)
        env.action_space.seed(1)
        actions = [env.action_space.sample() for _ in range(500)]
        found = [timed(lambda env=env, actions=actions: [env.step(one) for one in actions]) for _ in range(5)]
        clock, used = (statistics.median(one[at] for one in found) / 500 * 1e6 for at in (1, 2))
        env.close()
        print(f"step: {source}: {clock:.0f} µs by the clock, goal {goal}; {used:.0f} µs of processors")


GRID = {"current_uA": [0.5, 1.0, 2.0], "channel": [12, 44]}
PARTS = {"overhead": overhead, "short": shorts, "culture": culture, "dask": dask, "step": step}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            PARTS[name](Path(folder))


if __name__ == "__main__":
    main()
