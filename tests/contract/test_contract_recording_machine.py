"""Recordings and views of them, against lists of what happened."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, rule
from machines import TIMEOUT, Machine
from source_tools import Source, numbered

import cl
from cl.sim import Simulator

NOTICE = 2
"""Frames from a command to its pulse."""
STREAMS = ("a", "b", "c")
Entry = tuple[int, int, int]
"""When it was appended, its timestamp, its value."""


class Stamped(Source):
    """Frames that say which they are, without a thread."""

    def __init__(self) -> None:
        super().__init__(read_timeout_seconds=None)


@dataclass(eq=False)
class Expected:
    """A recording, and what it has to have."""

    recording: cl.Recording
    start: int
    end: int | None
    samples: bool
    only: tuple[str, ...]
    """Data streams it records."""
    begun_at: int
    first_own: dict[str, int]
    """How many entries each stream had when it began."""
    attributes: dict[str, Any] = field(default_factory=dict)
    stopped_at: int | None = None
    entries: dict[str, list[Entry]] = field(default_factory=dict)


class Recordings(Machine):
    """They overlap, reach into the past, and end by themselves, by a stop, or with the device."""

    recordings = Bundle("recordings")

    @initialize()
    def begin(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="cl-machine-")
        self._open = cl.open(device=Simulator(Stamped, accelerated=True))
        self._neurons = self._open.__enter__()
        self._streams: dict[str, cl.DataStream] = {}
        self._entries: dict[str, list[Entry]] = {name: [] for name in STREAMS}
        self._stims: list[tuple[int, int]] = []
        self._idle = dict.fromkeys(range(8, 56), 0)
        self._all: list[Expected] = []
        self._value = 0

    @property
    def _now(self) -> int:
        return self._neurons.timestamp()

    @rule(
        target=recordings,
        past=st.sampled_from([0, 0, 1, 99, 700, 6_000]),
        length=st.sampled_from([None, None, 1, 250, 3_000]),
        samples=st.booleans(),
        only=st.sampled_from([STREAMS, (), ("a",)]),
    )
    def record(self, past: int, length: int | None, samples: bool, only: tuple[str, ...]) -> Expected:
        now = self._now
        past = min(past, now)
        recording = self._neurons.record(
            file_location=self._folder,
            from_frames_ago=past or None,
            stop_after_frames=length,
            include_raw_samples=samples,
            include_data_streams=list(only) if only else False,
            attributes={"n": len(self._all)},
        )
        assert recording.start_timestamp == now - past
        expected = Expected(
            recording,
            now - past,
            None if length is None else now - past + length,
            samples,
            only,
            now,
            {name: len(entries) for name, entries in self._entries.items()},
            {"n": len(self._all)},
        )
        self._all.append(expected)
        self.count("recordings")
        return expected

    @rule(frames=st.sampled_from([1, 50, 249, 1_000, 5_001]), name=st.sampled_from((*STREAMS, None)))
    def something_happens(self, frames: int, name: str | None) -> None:
        if name is not None:
            self.append(name, 0)
        self.time_goes_on(frames)
        self.stim(8 + self._value % 48)

    def time_goes_on(self, frames: int) -> None:
        self._neurons.read(frames)
        for expected in self._all:
            if expected.end is not None and expected.stopped_at is None and self._now >= expected.end:
                self._stopped(expected, expected.end)

    def _stopped(self, expected: Expected, at: int) -> None:
        expected.stopped_at = max(at, expected.start)
        for name in expected.only:
            before = expected.first_own[name]
            expected.entries[name] = [
                entry
                for number, entry in enumerate(self._entries[name])
                if (number >= before or entry[1] >= expected.start)
                and (expected.end is None or entry[0] < max(expected.end, 0) or at < expected.end)
            ]

    def stim(self, channel: int) -> None:
        if self._idle[channel] <= self._now:
            self._neurons.stim(channel, 1.0)
            self._stims.append((self._now + NOTICE, channel))
            self._idle[channel] = self._now + 200
            self.count("stims")

    @rule(name=st.sampled_from(STREAMS), ahead=st.sampled_from([0, 10, 2_000]))
    def appends(self, name: str, ahead: int) -> None:
        self.append(name, ahead)

    def append(self, name: str, ahead: int) -> None:
        if name not in self._streams:
            self._streams[name] = self._neurons.create_data_stream(name)
        entries = self._entries[name]
        timestamp = max(self._now + ahead, entries[-1][1] + 1 if entries else 0)
        self._value += 1
        self._streams[name].append(timestamp, self._value)
        entries.append((self._now, timestamp, self._value))
        self.count("entries")

    @rule(recording=recordings)
    def set_attribute(self, recording: Expected) -> None:
        if recording.stopped_at is None:
            self._value += 1
            recording.recording.set_attribute("value", self._value)
            recording.attributes["value"] = self._value

    @rule(recording=recordings)
    def look_at_it(self, recording: Expected) -> None:
        """Whatever a view of one that runs has is right, and a moment: it does not grow."""
        if recording.stopped_at is not None:
            return
        with cl.RecordingView(recording.recording.file["path"]) as view:
            seen = self._check_prefix(view, recording)
            self._neurons.read(60)
            assert self._check_prefix(view, recording) == seen
            view.refresh()
            assert self._check_prefix(view, recording) >= seen
        self.count("looks")
        self.time_goes_on(1)

    def _check_prefix(self, view: cl.RecordingView, expected: Expected) -> int:
        frames = view.attributes["duration_frames"]
        assert 0 <= frames <= self._now - expected.start
        if expected.samples:
            assert view.samples is not None
            assert (view.samples[:] == numbered(expected.start, frames)).all()
        stims = [(int(row["timestamp"]) + expected.start, int(row["channel"])) for row in view.stims]
        assert stims == self._stims_of(expected.start, expected.start + frames)
        return int(frames)

    def _stims_of(self, start: int, stop: int) -> list[tuple[int, int]]:
        return sorted(stim for stim in self._stims if start <= stim[0] < stop)

    @rule(recording=consumes(recordings))
    def stop(self, recording: Expected) -> None:
        if recording.stopped_at is None:
            self._stopped(recording, min(self._now, recording.end or self._now))
        recording.recording.stop()
        recording.recording.stop()
        self._check(recording)
        self.count("stops")

    @rule(recording=consumes(recordings))
    def wait(self, recording: Expected) -> None:
        if recording.end is None:
            return
        end = recording.end
        recording.recording.wait_until_stopped()
        assert self._now >= end
        self.time_goes_on(1)
        self._check(recording)
        self.count("waits")

    def _check(self, expected: Expected) -> None:
        assert expected.stopped_at is not None
        start, stop = expected.start, expected.stopped_at
        with expected.recording.open() as view:
            assert view.complete
            assert view.attributes["duration_frames"] == stop - start, (
                dict(view.attributes)["duration_frames"],
                expected,
                stop,
            )
            assert view.attributes["application"] == expected.attributes
            if expected.samples:
                assert (view.samples[:] == numbered(start, stop - start)).all()
            else:
                assert view.samples is None
            spikes = [(int(row["timestamp"]) + start, int(row["channel"])) for row in view.spikes]
            assert spikes == [(t, t // 100 % 64) for t in range(-(-start // 100) * 100, stop, 100)]
            stims = [(int(row["timestamp"]) + start, int(row["channel"])) for row in view.stims]
            assert stims == self._stims_of(start, stop)
            found = view.data_streams or {}
            for name in STREAMS:
                entries = dict(found[name].items()) if name in found else {}
                wanted = {entry[1] - start: entry[2] for entry in expected.entries.get(name, ())}
                assert entries == wanted, (name, entries, wanted)
        self.count("checked")

    def _is_end(self, end: int, expected: Expected, now: int, begun: list[int]) -> bool:
        """Return whether a recording may end there that the close of the device at `now` has ended."""
        if end == expected.end:
            return True
        return begun[-1] < end <= now + 4 if begun else end == now

    def teardown(self) -> None:
        if not hasattr(self, "_open"):
            return
        now = self._now
        self._open.__exit__(None, None, None)
        # Closing has the pulses delivered that have begun: time goes on until then. What was asked for just
        # now has not.
        self._stims = [(at, channel) for at, channel in self._stims if at - NOTICE < now]
        begun = [at for at, _ in self._stims if at >= now]
        for expected in self._all:
            if expected.stopped_at is None:
                with expected.recording.open() as view:
                    end = expected.start + view.attributes["duration_frames"]
                assert self._is_end(end, expected, now, begun), (expected, end, now, begun)
                self._stopped(expected, end)
        for expected in self._all:
            self._check(expected)
        shutil.rmtree(self._folder)
        self.count("runs")


@pytest.mark.timeout(TIMEOUT)
def test_recordings_and_views() -> None:
    counts = Recordings.try_out(examples=25, steps=18)
    assert counts["runs"] >= 25 and counts["checked"] > 40 and counts["looks"] > 10
    assert counts["stims"] > 10 and counts["entries"] > 20
