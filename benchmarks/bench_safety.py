"""What it costs a closed loop that its commands are logged, watched and counted.

    python benchmarks/bench_safety.py [SECONDS]

A closed loop is one at 1 kHz in accelerated time, with a recording: as experiments have it, every spike is
answered with a stim (some 70 a second); at worst, there is a stim in every tick. Each runs in turns with the
log, with budgets on all channels besides, and without any of it, recorded with samples and without. Then a
loop gives four stims a tick, for what each of them costs, which a busy machine blurs less; and a tick in
wall-clock time, watched and not. The figures are CPU time of all threads, the lower quartiles of all turns,
every second in reversed order. (Without the log there is still a call that does nothing, of 0.04 µs.)
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cl
from cl._core.device_log import DeviceLog
from cl._recording.plan import RecordingPlan
from cl.sim import Simulator

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
TURNS = 21
DESIGN = cl.StimDesign(160, -1.0, 160, 1.0)


def answers(neurons: cl.Neurons) -> None:
    """Answer every spike."""
    for tick in neurons.loop(1000, stop_after_seconds=SECONDS):
        for spike in tick.analysis.spikes:
            neurons.stim(spike.channel, DESIGN)


def at_worst(neurons: cl.Neurons) -> None:
    """Give a stim in every tick, for a quarter of the time."""
    for tick in neurons.loop(1000, stop_after_ticks=SECONDS * 250):
        neurons.stim(8 + tick.iteration % 40, DESIGN)


def loop(
    folder: str,
    samples: bool,
    body: Callable[[cl.Neurons], None],
    prepare: Callable[[cl.Neurons], None],
) -> float:
    """Return the CPU seconds of a loop."""
    with cl.open(device=Simulator(seed=7, accelerated=True, visualisation=False)) as neurons:
        prepare(neurons)
        begun = time.process_time()
        recording = neurons.record(file_location=folder, include_raw_samples=samples)
        body(neurons)
        recording.stop()
        took = time.process_time() - begun
    os.unlink(recording.file["path"])
    return took


@contextmanager
def without_log() -> Iterator[None]:
    """Have nothing logged."""
    header = RecordingPlan.header

    def plain(self: RecordingPlan, *arguments: object) -> object:
        made = header(self, *arguments)  # type: ignore[arg-type]
        object.__setattr__(made, "include_log", False)
        return made

    def command(self: DeviceLog, timestamp: int, operations: object, at: int, plan: int) -> None:
        """Do nothing."""

    with patch.object(RecordingPlan, "header", plain), patch.object(DeviceLog, "command", command):
        yield


def nothing(neurons: cl.Neurons) -> None:
    """Prepare nothing."""


def budgets(neurons: cl.Neurons) -> None:
    """Give every channel a budget of each kind that is never met."""
    neurons.set_stim_budget(
        cl.ChannelSet(range(64)), max_rate_hz=200, max_charge_nC_per_s=1000, max_net_charge_nC=10
    )


def stim(folder: str, prepare: Callable[[cl.Neurons], None]) -> float:
    """Return the µs of CPU time that a stim takes in the body of a recorded loop, with its delivery."""
    with cl.open(device=Simulator(seed=7, accelerated=True, visualisation=False)) as neurons:
        prepare(neurons)
        recording = neurons.record(file_location=folder, include_raw_samples=False)
        begun = time.process_time()
        for tick in neurons.loop(1000, stop_after_ticks=1500):
            for number in range(4):
                neurons.stim(8 + (4 * tick.iteration + number) % 40, DESIGN)
        recording.stop()
        took = time.process_time() - begun
    os.unlink(recording.file["path"])
    return took / 6000 * 1e6


def in_turns(measure: Callable[[Callable[[cl.Neurons], None]], float]) -> dict[str, float]:
    """Return the lower quartiles of a figure: without anything, with the log, with budgets as well."""
    found: dict[str, list[float]] = {"without": [], "log": [], "log, budgets": []}
    prepared = {"without": nothing, "log": nothing, "log, budgets": budgets}
    for turn in range(TURNS):
        for name in list(found)[:: -1 if turn % 2 else 1]:
            with without_log() if name == "without" else nullcontext():
                found[name].append(measure(prepared[name]))
    return {name: sorted(each)[TURNS // 4] for name, each in found.items()}


def wall_tick(seconds: float | None) -> float:
    """Return the µs of CPU time of a tick in wall-clock time, all threads together."""
    simulator = Simulator(seed=7, accelerated=False, visualisation=False)
    with cl.open(device=simulator, stim_watchdog_seconds=seconds) as neurons:
        begun = time.process_time()
        for _ in neurons.loop(1000, stop_after_ticks=3000, ignore_jitter=True):
            pass
        return (time.process_time() - begun) / 3000 * 1e6


def main() -> None:
    with TemporaryDirectory() as folder:
        for body, ticks in ((answers, SECONDS * 1000), (at_worst, SECONDS * 250)):
            for samples in (True, False):
                figures = in_turns(partial(loop, folder, samples, body))
                what = "all" if samples else "all but samples"
                for name, took in figures.items():
                    print(
                        f"{body.__name__:8s}, recording {what:15s} {name:12s} {took / ticks * 1e6:6.2f} µs "
                        f"a tick, speed {figures['without'] / took:.3f} of without "
                        f"(load {os.getloadavg()[0]:.2f})",
                        flush=True,
                    )
        for name, took in in_turns(partial(stim, folder)).items():
            print(f"a stim, recorded, {name:14s} {took:7.2f} µs (load {os.getloadavg()[0]:.2f})", flush=True)

    for seconds in (None, 5.0):
        took = min(wall_tick(seconds) for _ in range(3))
        print(f"tick in wall-clock time, watchdog {seconds}: {took:7.2f} µs")


if __name__ == "__main__":
    main()
