"""Checks of a device, as programs see it: a card's, a bridge's across the network, or a simulator's."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._core.host_clock import host_seconds
from cl._session import open as open_device
from cl._store.read.view import RecordingView
from cl.error import LaggedError
from cl.stim import BurstDesign, ChannelSet

from .report import CheckReport, Checks, NotApplicable, demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl.events import Stim
    from cl.sim import Simulator

_SECOND: Final = 25_000
_LATEST: Final = 25_000
"""Frames after which a command has been carried out, if ever."""
_RETURNED_S: Final = 2.0
_ATTRIBUTES: Final = ("project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname")


def check_device(
    device: str | Simulator, *, seconds: float = 0.5, stimulate: bool = True, channel: int = 9
) -> CheckReport:
    """Check what is at an address, or a `cl.sim.Simulator`: facts, frames, pace, stims, recordings, close.

    It takes some seconds more than `seconds`, for which a loop of 1 kHz runs. With `stimulate` it delivers
    some pulses of 0.5 µA on `channel` and the one after it: not on a culture that is being worked with.
    Returns the report; `CheckFailedError`, an AssertionError whose text is the report, names what is broken.
    """
    return _DeviceChecks(device, seconds, stimulate, channel).run()


class _DeviceChecks:
    def __init__(self, device: str | Simulator, seconds: float, stimulate: bool, channel: int) -> None:
        self._device = device
        self._seconds = seconds
        self._stimulate = stimulate
        self._channels = channel, channel + 1
        self._checks = Checks(f"device {device}")
        self._neurons: Any = None
        self._position = 0

    def run(self) -> CheckReport:
        run = self._checks.run
        before = set(threading.enumerate())
        if run("opens", "it can be opened with control", self._opens):
            run("facts", "64 channels at 25 000 frames/s, and who it is", self._facts)
            run("frames", "frames are int16 (n, 64) that stay as they are", self._frames)
            run("spikes", "spikes lie in their windows, in order, with samples", self._spikes)
            run("loop", "a loop of 1 kHz gets every frame, at the pace of time", self._loop)
            run("stims", "a pulse is delivered once, after its notice of 80 µs", self._stims)
            run("bursts", "the pulses of a burst keep their interval", self._bursts)
            run("interrupt", "an interrupt drops what has not begun", self._interrupt)
            run("sync", "a sync has channels wait for one another", self._sync)
            run("recording", "a recording holds what was read meanwhile", self._recording)
            run("closes", "leaving it leaves no thread and no control behind", lambda: self._closes(before))
            run("again", "it can be opened again, and its time goes on", self._again)
        return self._checks.done()

    def _opens(self) -> None:
        self._context = open_device(device=self._device)
        self._neurons = self._context.__enter__()
        demand(self._neurons.has_control(), "there is no control")

    def _facts(self) -> None:
        neurons = self._neurons
        facts = neurons.get_channel_count(), neurons.get_frames_per_second()
        demand(facts == (64, _SECOND), f"it has {facts[0]} channels at {facts[1]} frames/s")
        for name in _ATTRIBUTES:
            demand(name in neurons.system_attributes, f"its system_attributes have no {name}")

    def _frames(self) -> None:
        neurons = self._neurons
        frames = neurons.read(1_000)
        stop = neurons.timestamp()
        demand(frames.dtype == np.int16 and frames.shape == (1_000, 64), f"{frames.dtype} {frames.shape}")
        start = stop - 1_000
        one, two = neurons.read(500, start), neurons.read(300, start + 200)
        demand(bool((one[200:] == two).all()), f"two reads of the frames from {start + 200} on differ")

    def _spikes(self) -> None:
        result = self._neurons.read(2_500, analysis=True)
        order = [(spike.timestamp, spike.channel) for spike in result.spikes]
        demand(order == sorted(order), "they are not in order")
        for timestamp, channel in order:
            inside = result.start_timestamp <= timestamp < result.stop_timestamp and 0 <= channel < 64
            demand(inside, f"a spike at {timestamp} on channel {channel}")
        for spike in result.spikes[:5]:
            demand(bool(np.isfinite(spike.samples).all()), f"the samples of {spike}")

    def _loop(self) -> None:
        begin, last, count = host_seconds(), None, 0
        try:
            for tick in self._neurons.loop(1_000, stop_after_seconds=self._seconds, ignore_jitter=True):
                start = tick.iteration_timestamp - 25
                demand(last in (None, start), f"the tick after {last} begins at {start}")
                demand(tick.frames.shape == (25, 64), f"a tick of {tick.frames.shape} frames")
                last, count = tick.iteration_timestamp, count + 1
        except LaggedError as error:
            demand(False, str(error))
        took = host_seconds() - begin
        if self._neurons._engine.time.clock is not None:
            pace = count / 1_000 / took
            demand(0.8 < pace < 1.2, f"{count} ticks took {took:.3f} s")

    def _needs_stimulation(self) -> None:
        if not self._stimulate:
            raise NotApplicable("it is not to be stimulated")

    def _stims_after(self, start: int, count: int) -> Sequence[Stim]:
        """Return the stims from `start` on, until there are so many, and 500 frames more."""
        found: list[Stim] = []
        at = start
        while at < start + _LATEST and len(found) < count:
            found += self._neurons.read(500, at, analysis=True).stims
            at += 500
        found += self._neurons.read(500, at, analysis=True).stims
        return found

    def _stims(self) -> None:
        self._needs_stimulation()
        neurons, channel = self._neurons, self._channels[0]
        start = neurons.timestamp()
        neurons.stim(channel, 0.5)
        found = self._stims_after(start, 1)
        demand([stim.channel for stim in found] == [channel], f"one pulse was asked for, there are {found}")
        demand(found[0].timestamp >= start + 2, f"it came at {found[0].timestamp}, asked for at {start}")
        for grounded in (0, 7, 56, 63):
            neurons.stim(grounded, 0.5)
        found = self._neurons.read(1_000, analysis=True).stims
        demand(not found, f"grounded channels were stimulated: {found}")

    def _bursts(self) -> None:
        self._needs_stimulation()
        start = self._neurons.timestamp()
        self._neurons.stim(self._channels[0], 0.5, BurstDesign(4, 100))
        times = [stim.timestamp for stim in self._stims_after(start, 4)]
        gaps = [int(gap) for gap in np.diff(times)]
        demand(gaps == [250] * 3, f"at 100 Hz the pulses came {gaps} frames after one another, not 250")

    def _interrupt(self) -> None:
        self._needs_stimulation()
        neurons, channel = self._neurons, self._channels[0]
        start = neurons.timestamp()
        neurons.stim(channel, 0.5, BurstDesign(10_000, 100))
        demand(bool(self._stims_after(start, 1)), "the burst did not begin")
        neurons.interrupt(channel)
        neurons.read(1_000)
        found = neurons.read(1_000, analysis=True).stims
        demand(not found, f"after the interrupt there are {found}")

    def _sync(self) -> None:
        self._needs_stimulation()
        neurons, (one, other) = self._neurons, self._channels
        plan = neurons.create_stim_plan()
        plan.stim(one, 0.5, BurstDesign(3, 100))
        plan.sync(ChannelSet(one, other))
        plan.stim(other, 0.5)
        start = neurons.timestamp()
        plan.run()
        found = self._stims_after(start, 4)
        order = [stim.channel for stim in found]
        demand(order == [one, one, one, other], f"the channels of the pulses are {order}")
        gap = found[3].timestamp - found[2].timestamp
        demand(gap == 250, f"the other channel waited {gap} frames for the end of the burst, not 250")

    def _recording(self) -> None:
        neurons = self._neurons
        with tempfile.TemporaryDirectory(prefix="cl-check-") as folder:
            recording = neurons.record(file_location=folder, stop_after_frames=2_500)
            if self._stimulate:
                neurons.stim(self._channels[0], 0.5)
            recording.wait_until_stopped()
            frames = neurons.read(2_500, recording.start_timestamp)
            result = neurons.read(2_500, recording.start_timestamp, analysis=True)
            with RecordingView(Path(recording.file["path"])) as view:
                demand(view.complete, "it has no end")
                samples: Any = view.samples
                demand(bool((samples[:] == frames).all()), "its frames differ from what was read")
                tables: tuple[tuple[str, Any], ...] = (("spikes", view.spikes), ("stims", view.stims))
                for name, table in tables:
                    begin = recording.start_timestamp
                    rows = [(int(row["timestamp"]) + begin, int(row["channel"])) for row in table]
                    events = [(event.timestamp, event.channel) for event in getattr(result, name)]
                    demand(rows == events, f"its {name} differ from what was read")

    def _closes(self, before: set[threading.Thread]) -> None:
        self._position = self._neurons.timestamp()
        neurons, self._neurons = self._neurons, None
        self._context.__exit__(None, None, None)
        for thread in set(threading.enumerate()) - before:
            thread.join(_RETURNED_S)
            demand(not thread.is_alive(), f"the thread {thread.name!r} goes on")
        try:
            neurons.read(1)
        except RuntimeError:
            return
        demand(False, "it can be read once it is closed")

    def _again(self) -> None:
        with open_device(device=self._device) as neurons:
            demand(neurons.has_control(), "there is no control any more")
            neurons.read(100)
            if not neurons.is_simulator:
                at = neurons.timestamp()
                demand(at > self._position, f"its time went from {self._position} back to {at}")
