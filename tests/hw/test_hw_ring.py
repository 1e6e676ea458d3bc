"""The rings: wrap-around, overwriting, and what a device may not post."""

from __future__ import annotations

import numpy as np
import pytest
from hw_tools import event_ring, frame_ring, new_region
from hypothesis import given, settings
from hypothesis import strategies as st

from cl.error import DeviceDisconnectedError, LaggedError
from cl.hw.wire.layout import CAPACITY_LIMIT, PAGE, RingWord, ring_bytes
from cl.hw.wire.ring import FrameReader, ring_capacity, write_ring_header

CAPACITY = 64
CHANNELS = 4


def numbered(start: int, stop: int) -> np.ndarray:
    """Frames whose every sample tells frame and channel."""
    return (np.arange(start, stop)[:, None] * CHANNELS + np.arange(CHANNELS)).astype(np.int16)


@settings(deadline=None, max_examples=60)
@given(
    first=st.integers(0, 1000),
    steps=st.lists(
        st.tuples(st.integers(0, CAPACITY), st.integers(0, 80), st.integers(0, CAPACITY)), max_size=20
    ),
)
def test_every_window_in_the_ring_reads_back_and_older_ones_say_what_is_missing(
    first: int, steps: list[tuple[int, int, int]]
) -> None:
    with frame_ring(CAPACITY, CHANNELS, first) as (writer, reader):
        posted = first
        for count, back, length in steps:
            writer.write(posted, numbered(posted, posted + count))
            posted += count
            writer.post(posted)
            start = max(first, posted - back)
            stop = min(posted, start + length)
            oldest = max(first, posted - CAPACITY)
            assert (reader.posted, reader.oldest) == (posted, oldest)
            if start >= oldest:
                assert (reader.read(start, stop) == numbered(start, stop)).all()
                assert reader.read(start, stop).shape == (stop - start, CHANNELS)
            else:
                with pytest.raises(LaggedError) as caught:
                    reader.read(start, stop)
                assert caught.value.missed == min(stop, oldest) - start


def test_a_read_is_a_copy() -> None:
    with frame_ring(CAPACITY, CHANNELS) as (writer, reader):
        writer.write(0, numbered(0, 8))
        writer.post(8)
        frames = reader.read(0, 8)
        writer.write(CAPACITY, numbered(500, 508))
        assert (frames == numbered(0, 8)).all()
        assert frames.flags.owndata and frames.flags.writeable


def test_frames_that_are_not_posted_cannot_be_read() -> None:
    with frame_ring(CAPACITY, CHANNELS, 10) as (writer, reader):
        writer.write(10, numbered(10, 20))
        for start, stop in ((10, 11), (5, 10), (9, 9), (10, 9)):
            with pytest.raises(ValueError, match=r"\[10, 10\) exist"):
                reader.read(start, stop)
        writer.post(20)
        assert len(reader.read(10, 20)) == 10


def test_writing_ahead_takes_from_the_oldest() -> None:
    with frame_ring(CAPACITY, CHANNELS) as (writer, reader):
        writer.write(0, numbered(0, CAPACITY))
        writer.post(CAPACITY)
        writer.write(CAPACITY, numbered(CAPACITY, CAPACITY + 10))
        assert (reader.posted, reader.oldest) == (CAPACITY, 10)
        with pytest.raises(LaggedError, match="10 frames from 0 on") as caught:
            reader.read(0, 30)
        assert caught.value.missed == 10


def test_frames_overwritten_while_they_are_copied_are_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    with frame_ring(CAPACITY, CHANNELS) as (writer, reader):
        writer.write(0, numbered(0, CAPACITY))
        writer.post(CAPACITY)
        copy = FrameReader._copy

        def slow_copy(self: FrameReader, start: int, stop: int) -> np.ndarray:
            frames = copy(self, start, stop)
            writer.write(CAPACITY, numbered(CAPACITY, CAPACITY + 5))
            return frames

        monkeypatch.setattr(FrameReader, "_copy", slow_copy)
        with pytest.raises(LaggedError) as caught:
            reader.read(2, 20)
        assert caught.value.missed == 3
        assert (reader.read(5, 20) == numbered(5, 20)).all()


def test_a_counter_far_beyond_the_reserved_frames_gives_no_window_larger_than_the_ring() -> None:
    with frame_ring(CAPACITY, CHANNELS) as (writer, reader):
        writer._words[RingWord.PRODUCED] = 10 * CAPACITY
        with pytest.raises(LaggedError):
            reader.read(0, 5 * CAPACITY)


@pytest.mark.parametrize(
    ("record", "capacity", "text"),
    [
        (8, 64, "records of 8 bytes"),
        (16, 0, "no power of two"),
        (16, 63, "no power of two"),
        (16, 2 * CAPACITY_LIMIT, "no power of two"),
        (16, 512, "does not fit"),
        ((1 << 64) - 1, 64, "records of"),
    ],
)
def test_a_ring_header_that_does_not_fit_is_refused(record: int, capacity: int, text: str) -> None:
    with new_region(PAGE + 4096) as (_, region):
        write_ring_header(region, record, capacity)
        with pytest.raises(ValueError, match=text):
            ring_capacity(region, 16)


def test_a_ring_may_have_room_to_spare() -> None:
    with new_region(ring_bytes(16, 256)) as (_, region):
        write_ring_header(region, 16, 128)
        assert ring_capacity(region, 16) == 128


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, CAPACITY // 2), st.integers(0, 40)), max_size=25))
def test_events_come_once_in_order_up_to_the_time_asked_for(steps: list[tuple[int, int]]) -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        posted: list[tuple[int, int]] = []
        taken: list[tuple[int, int]] = []
        now = 0
        for count, passed in steps:
            fresh = sorted((now + i % 50, i % 64) for i in range(count))
            writer.post([t for t, _ in fresh], [c for _, c in fresh])
            posted += fresh
            now += 50
            events = reader.take(now - passed)
            assert events.lost == 0
            taken += zip(events.timestamps, events.channels, strict=True)
            assert taken == [event for event in posted if event[0] < now - passed][: len(taken)]
            assert all(t >= now - passed for t, _ in posted[len(taken) :])
        events = reader.take(now)
        assert taken + list(zip(events.timestamps, events.channels, strict=True)) == posted
        assert not reader.take(now).timestamps


@settings(deadline=None, max_examples=40)
@given(before=st.integers(0, 100), unread=st.integers(0, 300))
def test_events_overwritten_unread_are_counted_exactly(before: int, unread: int) -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        for time in range(before):
            writer.post([time], [1])
            assert reader.take(time + 1) == ([time], [1], 0)
        for time in range(before, before + unread):
            writer.post([time], [2])
        events = reader.take(before + unread)
        assert events.lost == max(0, unread - CAPACITY)
        assert list(events.timestamps) == list(range(before + events.lost, before + unread))


def test_events_beyond_the_time_asked_for_are_not_lost_later() -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        writer.post([5, 90], [1, 2])
        assert reader.take(50) == ([5], [1], 0)
        for time in range(100, 100 + CAPACITY):
            writer.post([time], [3])
        events = reader.take(200)
        assert events.timestamps[0] == 90
        assert events.lost == 0
        assert len(events.timestamps) == 1 + CAPACITY


def test_events_lost_are_reported_even_when_none_is_due() -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        for time in range(CAPACITY + 7):
            writer.post([1000 + time], [3])
        assert reader.take(10) == ([], [], 7)
        assert reader.take(10) == ((), (), 0)


def test_seeking_finds_the_first_event_at_or_after_a_time() -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        for time in range(0, 300, 3):
            writer.post([time], [1])
        reader.seek(250)
        assert reader.take(260) == ([252, 255, 258], [1, 1, 1], 0)
        reader.seek(0)
        events = reader.take(300)
        assert events.lost == 0 and len(events.timestamps) == CAPACITY
        reader.seek(1000)
        assert reader.take(2000) == ((), (), 0)


@pytest.mark.parametrize(
    ("times", "channels", "text"),
    [
        ([5, 4], [1, 1], "out of order"),
        ([1], [1], "late or out of order"),
        ([5, 6], [1, 64], "on channel 64, and it has 64"),
        ([5], [-3], "on channel -3"),
    ],
)
def test_events_that_cannot_be_end_the_device(times: list[int], channels: list[int], text: str) -> None:
    with event_ring(CAPACITY) as (writer, reader, _):
        writer.post([0], [9])
        assert reader.take(3).timestamps == [0]
        writer.post(times, channels)
        for _ in range(2):  # Another thread that looks finds the same, and does not pass over it.
            with pytest.raises(DeviceDisconnectedError, match=text):
                reader.take(10)


@pytest.mark.parametrize(("produced", "reserved"), [(0, 5), (CAPACITY * 3, 5), (1 << 63, 1 << 63)])
def test_event_counters_that_make_no_sense_do_no_harm(produced: int, reserved: int) -> None:
    with event_ring(CAPACITY) as (writer, reader, region):
        writer.post([1, 2], [3, 4])
        reader.take(3)
        region.words[RingWord.PRODUCED], region.words[RingWord.RESERVED] = produced, reserved
        with pytest.raises(DeviceDisconnectedError):
            reader.take(10)
