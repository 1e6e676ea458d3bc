"""The binary messages, taken apart again as the document says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from visualisation_tools import decode, samples

from cl.visualisation.server import messages

_events = st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 63)), max_size=40).map(sorted)


@given(st.integers(0, 2**52), _events, _events)
@settings(deadline=None, max_examples=60)
def test_events_come_back(start: int, spikes: list[tuple[int, int]], stims: list[tuple[int, int]]) -> None:
    sections = []
    for kind, events in ((messages.SPIKES, spikes), (messages.STIMS, stims)):
        times, channels = [start + t for t, _ in events], [c for _, c in events]
        sections.append(messages.events(kind, start, start + 60_001, times, channels))
    position, dropped, found = decode(messages.message(sections, start + 60_001, 5))
    assert (position, dropped) == (start + 60_001, 5)
    assert [section.kind for section in found] == [1, 2]
    assert [(t - start, c) for t, c in found[0].events()] == spikes
    assert [(t - start, c) for t, c in found[1].events()] == stims
    assert (found[0].start, found[0].stop) == (start, start + 60_001)


def test_the_overview_holds_the_extremes_of_every_bin() -> None:
    frames = samples(1000, 1000 + 375)
    ((section,),) = [decode(messages.message([messages.overview(frames, 1000, 125)], 0, 0))[2]]
    assert (section.kind, section.argument, section.bin_frames, section.count) == (3, 64, 125, 3)
    assert (section.start, section.stop) == (1000, 1375)
    low, high = section.extremes(0, 64)
    for k in range(3):
        part = frames[k * 125 : (k + 1) * 125]
        assert np.array_equal(low[k], part.min(axis=0))
        assert np.array_equal(high[k], part.max(axis=0))


def test_traces_hold_chosen_channels_in_their_order() -> None:
    frames = samples(0, 250)
    chosen = (9, 3, 40)
    (section,) = decode(messages.message([messages.traces(frames, 0, chosen, 25)], 0, 0))[2]
    assert section.channels() == list(chosen)
    low, high = section.extremes(8, 3)
    binned = frames[:, list(chosen)].reshape(10, 25, 3)
    assert np.array_equal(low, binned.min(axis=1))
    assert np.array_equal(high, binned.max(axis=1))


def test_raw_traces_hold_every_sample() -> None:
    frames = samples(500, 625)
    (section,) = decode(messages.message([messages.traces(frames, 500, (1, 2), 1)], 0, 0))[2]
    assert (section.bin_frames, section.count, section.start, section.stop) == (1, 125, 500, 625)
    raw = np.frombuffer(section.body, "<i2", 250, 8).reshape(125, 2)
    assert np.array_equal(raw, frames[:, [1, 2]])


def test_waveforms_come_back() -> None:
    shapes = [np.linspace(-k, k, 75, dtype=np.float32) for k in (1, 2, 3)]
    (section,) = decode(messages.message([messages.waveforms(17, 90, 200, [90, 95, 199], shapes)], 0, 0))[2]
    assert (section.argument, section.count) == (17, 3)
    assert np.frombuffer(section.body, "<u4", 3).tolist() == [0, 5, 109]
    assert np.array_equal(section.waveforms(), np.array(shapes))


def test_a_message_may_be_empty() -> None:
    assert decode(messages.message([], 7, 0)) == (7, 0, [])
