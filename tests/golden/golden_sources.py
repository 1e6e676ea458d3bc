"""The sources that the golden programs run on, and how the simulator is told to play them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import reference_data
from numpy.typing import NDArray

from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
    SinkClosedError,
    clear_simulator_data_source,
    set_simulator_data_source,
)
from cl.testing import ScriptedSource

SPIKE_PERIOD = 37
"""Frames between the spikes that sources of this module give by themselves; no tick is a multiple of it."""
REPLAYED_FRAMES = 9_001
"""Fewer than a program takes, so that the recording begins anew within it, and no multiple of a block."""


# -- content that is whole numbers all the way: the same on every computer ------------------


def pattern(start: int, count: int) -> NDArray[np.int16]:
    """Return frames that depend on their timestamps and channels only, int16 (count, 64)."""
    stamps = np.arange(start, start + count, dtype=np.int64)[:, None]
    return ((stamps * 31 + np.arange(64) * 17) % 401 - 200).astype(np.int16)


def regular_spikes(start: int, stop: int) -> list[DataSourceSpike]:
    """Return a spike every so many frames, on channels that no program stimulates; some bring samples."""
    first = -(-start // SPIKE_PERIOD)
    spikes = []
    for number in range(first, -(-stop // SPIKE_PERIOD)):
        own = number % 3 == 0
        spikes.append(
            DataSourceSpike(
                number * SPIKE_PERIOD,
                24 + number * 5 % 32,
                samples=waveform(number) if own else None,
                channel_mean_sample=float(number % 7) if own else None,
            )
        )
    return spikes


def waveform(number: int) -> NDArray[np.float32]:
    """Return 75 samples in µV that tell the spike's number."""
    return (np.arange(75, dtype=np.float32) - 37) * np.float32(0.25) + np.float32(number % 64)


# -- users' own sources ---------------------------------------------------------------------


class Answering(SimulatorDataSource):
    """Answers a pulse: its channel's next 20 frames are 1000, and 30 frames later it spikes.

    It is asked in a thread of its own if it is `threaded`, else by whoever waits for its data.
    """

    def __init__(self, threaded: bool) -> None:
        self._timeout = 30.0 if threaded else None
        self._pulses: list[DataSourceStim] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(read_timeout_seconds=self._timeout)

    def on_stim(self, stim: DataSourceStim) -> None:
        self._pulses.append(stim)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        start, stop = from_timestamp, from_timestamp + frame_count
        frames, spikes = pattern(start, frame_count), regular_spikes(start, stop)
        for pulse in self._pulses:
            low, high = max(pulse.timestamp, start), min(pulse.timestamp + 20, stop)
            if low < high:
                frames[low - start : high - start, pulse.channel] = 1_000
            if start <= pulse.timestamp + 30 < stop:
                spikes.append(DataSourceSpike(pulse.timestamp + 30, pulse.channel))
        self._pulses = [pulse for pulse in self._pulses if pulse.timestamp + 30 >= stop]
        return DataSourceBatch(frames, spikes)


class Live(LiveSimulatorDataSource):
    """Emits 40 frames at a time, as fast as the sink takes them, and answers a pulse 30 frames later."""

    def __init__(self) -> None:
        super().__init__(max_buffer_frames=300, supports_accelerated=True)

    def start(self, sink: LiveDataSink) -> None:
        self._sink = sink
        try:
            while True:
                at = sink.next_timestamp
                sink.emit_batch(DataSourceBatch(pattern(at, 40), regular_spikes(at, at + 40)))
        except SinkClosedError:
            return

    def on_stim(self, stim: DataSourceStim) -> None:
        self._sink.emit_spikes([DataSourceSpike(stim.timestamp + 30, stim.channel)])


def scripted() -> ScriptedSource:
    """Return a script of spikes over noise, on a timeline that does not begin at 0."""
    begin = 1_000_000
    spikes = [(begin + 11 + 53 * number, 8 + number * 7 % 48) for number in range(800)]
    return ScriptedSource(spikes, noise=9.0, seed=5, start_timestamp=begin)


# -- recordings to be replayed ---------------------------------------------------------------


def write_recording(path: Path) -> None:
    """Write a recording by itself, so that what is replayed does not depend on what the package writes."""
    numbers = np.arange(REPLAYED_FRAMES // 41)
    spikes = np.zeros(
        len(numbers), np.dtype([("timestamp", "<i8"), ("channel", "u1"), ("samples", "<f4", (75,))])
    )
    spikes["timestamp"] = numbers * 41 + 3
    spikes["channel"] = 8 + numbers * 11 % 48
    spikes["samples"] = [waveform(number) for number in numbers.tolist()]
    with h5py.File(path, "w") as file:
        file.attrs.update(
            channel_count=64, frames_per_second=25_000, uV_per_sample_unit=0.195, start_timestamp=77
        )
        file["samples"] = pattern(0, REPLAYED_FRAMES)
        file["spikes"] = spikes


def _replayed(path: Path, offset: int) -> dict[str, str]:
    return {"CL_SDK_REPLAY_PATH": str(path), "CL_SDK_REPLAY_START_OFFSET": str(offset)}


def _generated_replay(folder: Path) -> dict[str, str]:
    path = folder / "replayed.h5"
    write_recording(path)
    return _replayed(path, 1_234)


# -- all of them -----------------------------------------------------------------------------


def _nothing(folder: Path) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Source:
    """What the simulator plays, and in which file its golden values are.

    `variables` returns what is set in the environment, given a folder for files that it needs.
    """

    values: str
    variables: Callable[[Path], dict[str, str]] = _nothing
    factory: Callable[[], Any] | None = None
    foreseen: bool = False
    """Whether a spike's samples can be looked at before their frames are there, and time stands still."""


SOURCES = {
    "random": Source("random", lambda _: {"CL_SDK_SPIKE_PERCENTILE": "99.98"}, foreseen=True),
    "replay": Source("replay", _generated_replay, foreseen=True),
    "reference": Source("reference", lambda _: _replayed(reference_data.RECORDING, 24_321), foreseen=True),
    "scripted": Source("scripted", factory=scripted),
    "culture": Source(
        "culture",
        lambda _: {
            "CL_SDK_DATA_SOURCE": "cl.sim.culture:create",
            "CL_SDK_DATA_SOURCE_CONFIG": '{"size": 300, "seed": 3}',
        },
    ),
    # In whose thread a source is asked must not matter: both have the same values.
    "inline": Source("answering", factory=lambda: Answering(threaded=False)),
    "threaded": Source("answering", factory=lambda: Answering(threaded=True)),
    "live": Source("live", factory=Live),
}


@contextmanager
def played(source: Source, folder: Path, **variables: str) -> Iterator[None]:
    """Let what is opened in the block be a simulator of `source`, in accelerated time; files go to `folder`.

    `variables` are further ones of the environment; none is taken over from outside.
    """
    settings = {
        "CL_SDK_ACCELERATED_TIME": "1",
        "CL_SDK_RANDOM_SEED": "7",
        "CL_SDK_VISUALISATION": "0",
        **source.variables(folder),
        **variables,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name == "CL_DEVICE" or name.startswith("CL_SDK_"):
                patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, value)
        # The settings are looked for in a file of the working directory, too.
        patch.chdir(folder)
        if source.factory is not None:
            set_simulator_data_source(source.factory)
        try:
            yield
        finally:
            clear_simulator_data_source()
