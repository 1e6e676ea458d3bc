"""How memory, descriptors and threads are over a long time: they have to stay flat.

    python benchmarks/endurance.py hour --seconds 3600   a loop of 1 kHz in wall-clock time, with its page
    python benchmarks/endurance.py week --days 7         a loop of 10 Hz in accelerated time
    python benchmarks/endurance.py opens --count 10000   devices opened and closed
    python benchmarks/endurance.py judge FILE.csv        draws again what one of them has seen

Each keeps what it sees in endurance_<what>.csv, prints what that says (`flatness.py`), and draws it into
endurance_<what>.svg where matplotlib is there. The status is not 0 where something grows. No part of the
tests.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flatness import Process, draw, read_looks, verdicts

import cl
import cl._current
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata

SAMPLES = 200
"""So many times is looked at the process, evenly over the run."""


def done(process: Process, text: str) -> int:
    """Print and draw what was seen; return the exit status."""
    seconds = process.looks[-1].seconds
    text = f"{text}, in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}"
    process.file.with_suffix(".txt").write_text(text + "\n")
    return judged(process.file)


def judged(file: Path) -> int:
    """Print and draw what the looks that were kept in a file say."""
    looks, text = read_looks(file), file.with_suffix(".txt").read_text().strip()
    found = verdicts(looks)
    print(text, *found, sep="\n")
    with suppress(ImportError):  # matplotlib
        draw(looks, text, file.with_suffix(".svg"))
        print(f"drawn into {file.with_suffix('.svg')}")
    return 0 if all(verdict.flat for verdict in found) else 1


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
    process, count = Process(Path("endurance_hour.csv")), int(arguments.seconds * 1_000)
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
    return done(
        process, f"{count} ticks at 1 kHz, {late} of them late by a tick, {size / 1e6:.0f} MB recorded"
    )


def _visit(neurons: cl.Neurons) -> None:
    """Ask for the page, as a browser that comes and goes does."""
    places: Any = cl._current.devices._places
    pages = [place.session.visualiser for place in places.values() if place.session is not None]
    threading.Thread(target=lambda: urllib.request.urlopen(pages[0].url, timeout=5).read()).start()


def week(arguments: argparse.Namespace) -> int:
    """Run a loop of 10 Hz over days of device time."""
    process, count = Process(Path("endurance_week.csv")), int(arguments.days * 864_000)
    every = max(1, count // SAMPLES)
    with cl.open(device=Simulator(Sparse, accelerated=True)) as neurons:
        for tick in neurons.loop(10, stop_after_ticks=count):
            if tick.iteration % 100 == 0:
                neurons.stim(9, 1.0)
            if tick.iteration % every == 0:
                process.look(tick.iteration / count)
        last = neurons.timestamp()
    return done(process, f"{arguments.days:g} days at 10 Hz, to timestamp {last}")


def opens(arguments: argparse.Namespace) -> int:
    """Open and close devices, with a recording each."""
    process, count = Process(Path("endurance_opens.csv")), arguments.count
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
    return done(process, f"{count} devices opened, recorded and closed")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    kinds: dict[str, Callable[[argparse.Namespace], int]] = {"hour": hour, "week": week, "opens": opens}
    judge = commands.add_parser("judge", help=judged.__doc__)
    judge.set_defaults(function=lambda arguments: judged(arguments.file))
    judge.add_argument("file", type=Path)
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
