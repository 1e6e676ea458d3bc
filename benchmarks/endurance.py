"""How memory, descriptors and threads are over a long time: they have to stay flat.

    python benchmarks/endurance.py hour --seconds 3600   a loop of 1 kHz in wall-clock time, with its page
    python benchmarks/endurance.py week --days 7         a loop of 10 Hz in accelerated time
    python benchmarks/endurance.py opens --count 10000   devices opened and closed

Each prints what it measured, and draws it into endurance_<what>.png where matplotlib is there. The status is
not 0 where something grew. No part of the tests.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cl
import cl._current
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata

SAMPLES = 200
"""So many times is looked at the process, evenly over the run."""
GROWTH_MB = 8.0
"""What the last quarter may have more than the second: allocators round, and caches fill."""


class Look(NamedTuple):
    """The process at a moment."""

    progress: float
    megabytes: float
    descriptors: int
    threads: int


class Process:
    """Looks at this process, and says whether it has grown."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.looks: list[Look] = []
        self._begin = time.monotonic()

    def look(self, progress: float) -> None:
        """Take note of how the process is."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        descriptors = len(os.listdir("/proc/self/fd"))
        self.looks.append(Look(progress, megabytes, descriptors, threading.active_count()))

    def done(self, text: str) -> int:
        """Print and draw what was seen; return the exit status."""
        seconds = time.monotonic() - self._begin
        quarter = len(self.looks) // 4
        second, last = self.looks[quarter : 2 * quarter], self.looks[-quarter:]
        growth = _median(last, 1) - _median(second, 1)
        flat = growth < GROWTH_MB and all(_most(last, at) <= _most(second, at) for at in (2, 3))
        print(f"{self._what}: {text} in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
        print(
            f"  memory {_median(second, 1):.1f} MB in the second quarter, {_median(last, 1):.1f} in the last"
        )
        for name, at in (("descriptors", 2), ("threads", 3)):
            print(
                f"  {name} {_most(second, at)} at most in the second quarter, {_most(last, at)} in the last"
            )
        self._draw()
        print("  flat" if flat else "  IT GROWS")
        return 0 if flat else 1

    def _draw(self) -> None:
        try:
            import matplotlib
        except ImportError:
            return
        matplotlib.use("agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(3, sharex=True, figsize=(8, 6))
        for axis, name, at in zip(axes, ("memory, MB", "descriptors", "threads"), (1, 2, 3), strict=True):
            axis.plot([look.progress for look in self.looks], [look[at] for look in self.looks])
            axis.set_ylabel(name)
            axis.set_ylim(bottom=0)
        axes[-1].set_xlabel(f"{self._what}: progress")
        figure.savefig(f"endurance_{self._what}.png")
        print(f"  drawn into endurance_{self._what}.png")


def _median(looks: list[Look], at: int) -> float:
    return statistics.median(look[at] for look in looks)


def _most(looks: list[Look], at: int) -> int:
    return int(max(look[at] for look in looks))


class Sparse(SimulatorDataSource):
    """Frames of zeros, and a spike every second."""

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(read_timeout_seconds=None)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch()


def hour(arguments: argparse.Namespace) -> int:
    """Run a loop of 1 kHz in wall-clock time, recorded, with a page that is looked at."""
    os.environ["CL_SDK_VISUALISATION"] = "1"
    process, count = Process("hour"), int(arguments.seconds * 1_000)
    every, late = max(1, count // SAMPLES), 0
    with tempfile.TemporaryDirectory() as folder, cl.open(device=Simulator(seed=7)) as neurons:
        recording = neurons.record(file_location=folder, include_raw_samples=arguments.samples)
        stream = neurons.create_data_stream("ticks")
        for tick in neurons.loop(1_000, stop_after_ticks=count, ignore_jitter=True):
            late += neurons.timestamp() > tick.iteration_timestamp + 25
            if tick.iteration % 100 == 0:
                neurons.stim(8 + tick.iteration // 100 % 40, 1.0)
                stream.append(tick.iteration_timestamp, tick.iteration)
            if tick.iteration % every == 0:
                process.look(tick.iteration / count)
                _visit(neurons)
        recording.stop()
        size = Path(recording.file["path"]).stat().st_size
    return process.done(f"{count} ticks, {late} of them late by a tick, {size / 1e6:.0f} MB recorded")


def _visit(neurons: cl.Neurons) -> None:
    """Ask for the page, as a browser that comes and goes does."""
    places: Any = cl._current.devices._places
    pages = [place.session.visualiser for place in places.values() if place.session is not None]
    threading.Thread(target=lambda: urllib.request.urlopen(pages[0].url, timeout=5).read()).start()


def week(arguments: argparse.Namespace) -> int:
    """Run a loop of 10 Hz over days of device time."""
    process, count = Process("week"), int(arguments.days * 864_000)
    every = max(1, count // SAMPLES)
    with cl.open(device=Simulator(Sparse, accelerated=True)) as neurons:
        for tick in neurons.loop(10, stop_after_ticks=count):
            if tick.iteration % 100 == 0:
                neurons.stim(9, 1.0)
            if tick.iteration % every == 0:
                process.look(tick.iteration / count)
        last = neurons.timestamp()
    return process.done(f"{arguments.days:g} days at 10 Hz, to timestamp {last}")


def opens(arguments: argparse.Namespace) -> int:
    """Open and close devices, with a recording each."""
    process, count = Process("opens"), arguments.count
    every = max(1, count // SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            with cl.open(device=Simulator(Sparse, accelerated=True)) as neurons:
                recording = neurons.record(file_location=folder, include_raw_samples=False)
                neurons.read(100)
            Path(recording.file["path"]).unlink()
            if number % every == 0:
                gc.collect()
                process.look(number / count)
    return process.done(f"{count} devices opened, recorded and closed")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    kinds: dict[str, Callable[[argparse.Namespace], int]] = {"hour": hour, "week": week, "opens": opens}
    for name, function in kinds.items():
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(function=function)
        if name == "hour":
            command.add_argument("--seconds", type=float, default=3_600)
            command.add_argument("--samples", action="store_true", help="with raw samples: 11.5 GB an hour")
        elif name == "week":
            command.add_argument("--days", type=float, default=7)
        else:
            command.add_argument("--count", type=int, default=10_000)
    arguments = parser.parse_args()
    status: int = arguments.function(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
