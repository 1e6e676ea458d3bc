"""The event log and the frame ring, against plain lists and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._core.history import EventLog, FrameRing
from cl._core.lateness import Lateness
from cl._values.constants import HISTORY_FRAMES


@given(st.lists(st.integers(0, 50)).map(sorted), st.integers(0, 60), st.integers(0, 60))
def test_a_window_holds_what_lies_in_it(times: list[int], start: int, stop: int) -> None:
    log: EventLog[int] = EventLog()
    log.extend(times, range(len(times)))
    expected = [i for i, t in enumerate(times) if start <= t < stop]
    assert log.window(start, stop) == expected


@given(st.integers(300, 3000), st.lists(st.integers(0, 3000)).map(sorted))
def test_trimming_keeps_cursors_and_what_is_young(count: int, cuts: list[int]) -> None:
    log: EventLog[int] = EventLog()
    log.extend(range(count), range(count))
    for cut in cuts:
        log.trim(cut)
        young = min(cut, count)
        assert log.window(young, count) == list(range(young, count))
        assert log.index(count) == log.end == count


def test_a_log_that_is_trimmed_does_not_grow() -> None:
    log: EventLog[int] = EventLog()
    for time in range(100_000):
        log.append(time, time)
        log.trim(time - 1000)
    assert len(log.times) < 2600


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, HISTORY_FRAMES // 2), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_ring_gives_back_what_was_appended(start: int, sizes: list[int], random: object) -> None:
    ring = FrameRing(start, channel_count=1)
    for size in sizes:
        ring.append((np.arange(ring.end, ring.end + size) % 30_000).astype(np.int16)[:, None])
    low = random.randint(ring.oldest, ring.end)  # type: ignore[attr-defined]
    high = random.randint(low, ring.end)  # type: ignore[attr-defined]
    expected = (np.arange(low, high) % 30_000).astype(np.int16)
    assert np.array_equal(ring.read(low, high)[:, 0], expected)
    assert ring.end - ring.oldest >= min(sum(sizes), HISTORY_FRAMES)


def test_the_ring_takes_more_than_it_holds() -> None:
    ring = FrameRing(0, channel_count=1)
    ring.append((np.arange(400_000) % 30_000).astype(np.int16)[:, None])
    whole = ring.read(ring.oldest, ring.end)[:, 0]
    assert np.array_equal(whole, np.arange(ring.oldest, 400_000) % 30_000)


def test_the_ring_grows_and_holds_what_it_held() -> None:
    ring = FrameRing(0, channel_count=1)
    stamps = (np.arange(1_000_000) % 30_000).astype(np.int16)[:, None]
    ring.append(stamps[:200_000])
    oldest = ring.oldest
    ring.grow(HISTORY_FRAMES)
    ring.grow(400_000)
    assert ring.oldest == oldest
    assert np.array_equal(ring.read(oldest, 200_000), stamps[oldest:200_000])
    with pytest.raises(ValueError, match=f"{oldest} to 200000"):
        ring.read(oldest - 1, 200_000)
    ring.append(stamps[200_000:])
    assert np.array_equal(ring.read(600_000, 1_000_000), stamps[600_000:])


def test_the_ring_refuses_what_it_does_not_hold() -> None:
    ring = FrameRing(100, channel_count=1)
    ring.append(np.zeros((10, 1), np.int16))
    for start, stop in ((99, 105), (105, 111)):
        with pytest.raises(ValueError, match="100 to 110"):
            ring.read(start, stop)


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300))
def test_percentiles_are_within_an_eighth_of_the_exact_ones(values: list[int]) -> None:
    lateness = Lateness()
    for value in values:
        lateness.add(value)
    found = lateness.statistics()
    ordered = sorted(values)
    assert found.count == len(values)
    assert found.max_us == ordered[-1] / 1000
    for fraction, got in ((0.5, found.p50_us), (0.99, found.p99_us), (0.999, found.p999_us)):
        exact = ordered[max(0, -(-len(ordered) * round(fraction * 1000) // 1000) - 1)] / 1000
        assert exact <= got <= exact * 1.125


def test_frames_that_are_overwritten_while_they_are_read_are_not_given() -> None:
    """Another thread appends between the look and the copy."""
    ring = FrameRing(0)
    ring.append(np.ones((1_000, 64), np.int16))

    class Overtaken(np.ndarray):  # type: ignore[type-arg]
        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            if ring.end == 1_000:
                ring._data = np.asarray(self)
                ring.append(np.zeros((len(self), 64), np.int16))
            return found

    ring._data = ring._data.view(Overtaken)
    with pytest.raises(ValueError, match="no longer held"):
        ring.read(500, 600)
