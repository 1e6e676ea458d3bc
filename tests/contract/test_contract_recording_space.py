"""How long the disk still has room for a recording."""

from __future__ import annotations

import shutil
from collections import namedtuple
from typing import Any

import pytest

import cl

Usage = namedtuple("Usage", "total used free")
RATE = 25_000 * 64 * 2


class Disk:
    """A disk with as much room as is wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 10**12
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**13, 0, self.free))

    def has_for(self, seconds: float) -> None:
        self.free = int(seconds * RATE)


@pytest.fixture
def disk(accelerated: None, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_what_is_left_at_the_present_rate(disk: Disk) -> None:
    with cl.open() as neurons:
        disk.has_for(1_000)
        recording = neurons.record()
        assert recording.seconds_left() == 1_000, "before anything is known, the samples' rate"
        neurons.read(75_000)
        assert 900 < recording.seconds_left() < 1_000, "events and indexes take some room, too"
        other = neurons.record()
        neurons.read(75_000)
        assert 450 < recording.seconds_left() == other.seconds_left() < 500, "two write to the disk"
        other.stop()
        assert recording.seconds_left() > 900
        recording.stop()
        with pytest.raises(RuntimeError, match="has stopped"):
            recording.seconds_left()


def test_a_recording_without_samples_has_room_for_longer(disk: Disk) -> None:
    with cl.open() as neurons:
        disk.has_for(1_000)
        recording = neurons.record(include_raw_samples=False)
        assert recording.seconds_left() == float("inf")
        neurons.read(250_000)
        assert 10_000 < recording.seconds_left() < 10**7


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for r in caplog.records if "has room" in (text := r.getMessage())]


def test_warnings_at_an_hour_and_at_ten_minutes(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        for seconds, expected in (
            (3_900, 0),
            (3_500, 1),
            (3_400, 1),
            (3_900, 1),
            (3_500, 1),
            (500, 2),
            (300, 2),
        ):
            disk.has_for(seconds)
            for _ in range(3):
                neurons.read(25_000)
            neurons.record(stop_after_frames=1).wait_until_stopped()
            assert len(warnings(caplog)) == expected, seconds
    first, second = warnings(caplog)
    assert recording.file["path"] in first and "less than an hour" in first and "ten minutes" in second


def test_what_is_planned_and_has_room_is_not_warned_of(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    with cl.open() as neurons:
        disk.has_for(300)
        neurons.record(stop_after_seconds=10).wait_until_stopped()
        assert not warnings(caplog)
        late: Any = neurons.record(stop_after_seconds=400)
        neurons.read(75_000)
        late.stop()
        assert len(warnings(caplog)) == 1 and "ten minutes" in warnings(caplog)[0]
