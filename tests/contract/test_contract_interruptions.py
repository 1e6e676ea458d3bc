"""Interruptions at any moment: they belong to the caller, and the device goes on as if nothing had been."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interrupting import Interruption, moments

import cl
from cl.sim import DataSourceBatch, DataSourceSpike, DataSourceStim, Simulator, SimulatorDataSource
from cl.sim import SimulatorDataSourceMetadata as Metadata

SOME = 24
"""Moments that are tried of each source, unless all are."""


class Echo(SimulatorDataSource):
    """Answers each pulse by a spike of its channel, whatever it is told twice and asked twice."""

    def __init__(self, **metadata: Any) -> None:
        self._metadata = Metadata(**metadata)
        self._answers: dict[int, set[int]] = {}

    @property
    def metadata(self) -> Metadata:
        return self._metadata

    def on_stim(self, stim: DataSourceStim) -> None:
        self._answers.setdefault(stim.timestamp + 30, set()).add(stim.channel)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        stop = from_timestamp + frame_count
        frames = np.zeros((frame_count, 64), np.int16)
        frames[:, 5] = np.arange(from_timestamp, stop) % 30_000
        spikes = [
            DataSourceSpike(at, channel)
            for at, channels in self._answers.items()
            if from_timestamp <= at < stop
            for channel in sorted(channels)
        ]
        return DataSourceBatch(frames, spikes)


def inline() -> Echo:
    return Echo(read_timeout_seconds=None)


def lent() -> Echo:
    """Return one with a thread of its own, that the main thread is lent to."""
    return Echo()


SOURCES: dict[str, Any] = {
    "random": None,
    "inline": inline,
    "with a thread": lent,
    "culture": "cl.sim.culture:create",
}


class Notes:
    """What a program that may be interrupted has done for sure."""

    def __init__(self) -> None:
        self.channels: list[int] = []
        self.entries: list[int] = []


def loop_and_read(neurons: cl.Neurons, stream: Any, notes: Notes) -> None:
    """Do some of everything, and write down what is done."""
    for tick in neurons.loop(100, stop_after_ticks=2):
        neurons.stim(8 + tick.iteration, 1.0)
        notes.channels.append(8 + tick.iteration)
    neurons.read(300)
    plan = neurons.create_stim_plan()
    plan.stim(12, 1.0)
    plan.run()
    notes.channels.append(12)
    at = neurons.timestamp()
    stream.append(at, "an entry")
    notes.entries.append(at)
    neurons.read(250, analysis=True)


def record(neurons: cl.Neurons, stream: Any, notes: Notes) -> None:
    """Begin and end a recording."""
    neurons.record(file_suffix="inner").stop()


def taking_part(neurons: cl.Neurons) -> list[str]:
    """Return the names of those who take part in the device's time: whoever is left there may hold it."""
    engine = neurons._engine
    with engine.lock:
        engine.reap()
    return [participant.name for participant in engine.time.participants()] + [
        str(run) for run in engine.runs
    ]


def check(neurons: cl.Neurons, recording: cl.Recording, notes: Notes) -> None:
    """Go on, and check that what the device tells, and what is recorded, is whole."""
    for tick in neurons.loop(100, stop_after_ticks=2):
        neurons.stim(20 + tick.iteration, 1.0)
    neurons.read(500)
    begin, end = recording.start_timestamp, neurons.timestamp()
    told, frames = neurons.read(end - begin, begin, analysis=True), neurons.read(end - begin, begin)
    recording.stop()
    with recording.open() as view:
        assert view.samples is not None and view.spikes is not None and view.stims is not None
        assert np.array_equal(view.samples[:], frames)
        assert [(s.timestamp, s.channel) for s in told.spikes] == [
            (int(row["timestamp"]), int(row["channel"])) for row in view.spikes
        ]
        channels = [int(row["channel"]) for row in view.stims]
        entries = [int(at) for at in view.data_streams["notes"].keys()]  # noqa: SIM118
    assert [s.channel for s in told.stims] == channels
    assert len(set(channels)) == len(channels), f"given twice: {channels}"
    assert {*notes.channels, 20, 21} <= {*channels}, f"lost: {notes.channels} of {channels}"
    assert {*notes.entries} <= {*entries}


Work = Callable[[cl.Neurons, Any, Notes], None]


def run(source: Any, work: Work, interruption: Interruption) -> None:
    """Interrupt a program on a source, and check what follows."""
    notes = Notes()
    try:
        with cl.open(device=Simulator(source=source, seed=7, accelerated=True)) as neurons:
            stream = neurons.create_data_stream("notes")
            recording = neurons.record(file_suffix="outer")
            neurons.read(100)
            with interruption.watching():
                work(neurons, stream, notes)
            gc.collect()  # What a loop that was interrupted left is given back with its traceback.
            assert taking_part(neurons) == []
            check(neurons, recording, notes)
    finally:
        files = [path.rename(f"checked_{path.name}") for path in Path().glob("2*.h5")]
    for path in files:
        with cl.RecordingView(path):
            pass


def explore(run: Callable[[Interruption], None], some: int) -> None:
    """Run it with interruptions at some moments, or all, and tell where something went wrong."""
    watched = Interruption()
    run(watched)
    tried, wrong = moments(watched.count, some), []
    for moment in tried:
        interruption = Interruption(moment)
        try:
            run(interruption)
        except Exception as error:
            wrong.append(f"{moment} at {interruption.place}: {type(error).__name__}: {error}")
        # Tracebacks keep devices, and opening one keeps the collector from finding them.
        gc.collect()
    print(f"tried {len(tried)} of {watched.count} moments")
    assert len(tried) >= some
    assert not wrong, f"{len(wrong)} of {len(tried)} moments were wrong:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", SOURCES)
def test_a_device_goes_on_after_an_interruption_at_any_line(name: str) -> None:
    some = SOME // 3 if name == "culture" else SOME  # It takes its time to be made.
    explore(lambda interruption: run(SOURCES[name], loop_and_read, interruption), some)


def test_a_recording_that_is_interrupted_while_it_begins_or_ends_leaves_no_half_file() -> None:
    explore(lambda interruption: run(None, record, interruption), SOME)


@pytest.mark.parametrize("below", ["_neurons", "_core", "_wait"])
def test_time_goes_on_after_a_hold_that_was_interrupted(below: str) -> None:
    def hold(interruption: Interruption) -> None:
        with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
            with interruption.watching(), neurons.hold():
                neurons.timestamp()
            assert sum(1 for _ in neurons.loop(100, stop_after_ticks=2)) == 2

    watched = Interruption(below=below)
    hold(watched)
    for moment in range(1, watched.count + 1):
        hold(Interruption(moment, below))
    assert watched.count >= 3


def read(neurons: cl.Neurons) -> None:
    neurons.read(300)


def loop(neurons: cl.Neurons) -> None:
    for _ in neurons.loop(100, stop_after_ticks=2):
        pass


def wait_for_recording(neurons: cl.Neurons) -> None:
    neurons.record(stop_after_seconds=0.01).wait_until_stopped()


@pytest.mark.parametrize(
    ("work", "below"),
    [
        (read, "neurons.py"),
        (read, "_wait"),
        (loop, "loop.py"),
        (loop, "_loop"),
        (wait_for_recording, "recording.py"),
    ],
)
def test_whoever_was_interrupted_takes_part_no_more(work: Callable[[cl.Neurons], Any], below: str) -> None:
    def interrupted(interruption: Interruption) -> None:
        with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
            with interruption.watching():
                work(neurons)
            gc.collect()
            assert taking_part(neurons) == [], interruption.place

    watched = Interruption(below=below)
    interrupted(watched)
    for moment in range(1, watched.count + 1):
        interrupted(Interruption(moment, below))
    assert watched.count >= 3


def test_a_device_that_is_interrupted_while_it_opens_or_closes_can_be_opened_again() -> None:
    before = {*threading.enumerate()}

    def open_and_close(interruption: Interruption) -> None:
        with interruption.watching(), cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
            neurons.record(file_suffix="inner")
        # What writes a recording comes to its end, though nobody waits for that any more.
        for thread in {*threading.enumerate()} - before:
            thread.join(10)
            assert not thread.is_alive(), thread
        assert gc.isenabled()
        for path in Path().glob("*_inner*.h5"):
            with cl.RecordingView(path):
                pass
            path.unlink()
        run(None, record, Interruption())

    explore(open_and_close, SOME)
