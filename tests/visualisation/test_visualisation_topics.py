"""The topics: cursors that miss nothing, and slow clients that miss frames only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from visualisation_tools import Script, Section, decode, samples

from cl._core.entries import StreamEntry
from cl._store.packing import pack
from cl.visualisation.server import messages
from cl.visualisation.server.commands import Subscribe
from cl.visualisation.server.streams import StreamEntries, StreamSummaries
from cl.visualisation.server.topics import Events, FellBehindError, Frames, Missed, Sections, Waveforms


def opened(section: bytes | None) -> Section:
    assert section is not None
    return decode(messages.message([section], 0, 0))[2][0]


@given(
    st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 63)), max_size=60).map(sorted),
    st.lists(st.integers(0, 60_000), max_size=12),
)
@settings(deadline=None, max_examples=60)
def test_every_spike_comes_once_however_time_moves(events: list[tuple[int, int]], steps: list[int]) -> None:
    script = Script(spikes=events)
    topic = Events(Sections(script), messages.SPIKES, Subscribe("spikes"))
    found, until = [], 0
    for step in steps:
        script.now += step
        while topic.behind(script.now):
            section = opened(topic.take(script.now, True))
            assert section.start == until
            until = section.stop
            found += section.events()
    assert until == script.now
    assert found == [event for event in events if event[0] < script.now]


def test_a_subscription_begins_now_or_where_it_asks_to() -> None:
    script = Script(now=400_000, spikes=[(269_000, 1), (300_000, 2), (399_999, 3)])
    sections = Sections(script)
    assert Events(sections, 1, Subscribe("spikes")).take(400_000, False) is None
    assert opened(Events(sections, 1, Subscribe("spikes", 399_000)).take(400_000, False)).count == 1
    early = opened(Events(sections, 1, Subscribe("spikes", 5)).take(400_000, False))
    assert early.start == script.horizon()
    assert Events(sections, 1, Subscribe("spikes", 10**9)).take(400_000, False) is None


def test_a_client_that_lost_events_is_let_go() -> None:
    script = Script()
    topic = Events(Sections(script), messages.STIMS, Subscribe("stims"))
    script.now = script.history
    assert topic.take(script.now, True) is not None
    script.now = script.history + 100_000
    with pytest.raises(FellBehindError):
        topic.take(script.now, True)


def test_frames_come_in_multiples_of_the_grid() -> None:
    script = Script(now=130)
    topic = Frames(Sections(script), Subscribe("traces", None, (4,), 1), Missed())
    assert topic.take(130, False) is None  # it begins at 250
    section = opened(topic.take(700, False))
    assert (section.start, section.stop, section.count) == (250, 625, 375)
    assert np.array_equal(np.frombuffer(section.body, "<i2", 375, 8), samples(250, 625)[:, 4])
    assert topic.take(749, False) is None


def test_a_client_that_keeps_up_gets_every_frame_even_when_time_jumps() -> None:
    script = Script()
    missed = Missed()
    topic = Frames(Sections(script), Subscribe("overview"), missed)
    script.now = 100_000
    until = 0
    while (taken := topic.take(script.now, False)) is not None:
        section = opened(taken)
        assert section.start == until
        until = section.stop
    assert until == 100_000
    assert missed.frames == 0


def test_a_slow_client_misses_frames_which_are_counted() -> None:
    script = Script()
    missed = Missed()
    sections = Sections(script)
    topics = [
        Frames(sections, Subscribe(*more), missed) for more in (("overview",), ("traces", None, (1,), 25))
    ]
    script.now = 50_000
    for topic in topics:
        section = opened(topic.take(script.now, True))
        assert (section.start, section.stop) == (47_500, 50_000)
    assert missed.frames == 47_500  # of both topics, the same


def test_a_slow_client_misses_nothing_while_it_is_hardly_behind() -> None:
    script = Script()
    topic = Frames(Sections(script), Subscribe("overview"), missed := Missed())
    script.now = 12_500
    assert opened(topic.take(script.now, True)).start == 0
    assert missed.frames == 0


def test_frames_that_have_left_the_history_are_skipped() -> None:
    script = Script()
    topic = Frames(Sections(script), Subscribe("overview"), missed := Missed())
    script.now = 400_000
    assert opened(topic.take(script.now, False)).stop == 400_000
    assert missed.frames == 397_500


def test_pages_that_show_the_same_share_the_work() -> None:
    script = Script()
    sections = Sections(script)
    two = [Frames(sections, Subscribe("overview"), Missed()) for _ in range(2)]
    script.now = 1250
    first, second = (topic.take(1250, False) for topic in two)
    assert first is second


def test_waveforms_wait_for_their_samples_and_are_thinned() -> None:
    script = Script(spikes=[(1000 + k, 9) for k in range(200)] + [(2000, 9), (2000, 10)])
    topic = Waveforms(Sections(script), Subscribe("waveforms", 0, (9,)))
    script.now = 1050
    assert topic.take(script.now, False) is None
    script.now = 1051
    section = opened(topic.take(script.now, False))
    assert (section.argument, section.count, section.start) == (9, 1, 1000)
    assert np.array_equal(section.waveforms()[0], np.arange(75))
    script.now = 5000
    times = []
    while topic.behind(script.now) or not times:
        section = opened(topic.take(script.now, False))
        assert section.count <= 8
        times += (section.start + np.frombuffer(section.body, "<u4", section.count)).tolist()
    assert times == [*range(1151, 1200), 2000]  # the last 50


# -- data streams --------------------------------------------------------------------------------


def test_summaries_tell_the_latest_value_and_thin_the_numbers() -> None:
    script = Script(streams={"score": {}, "silent": {}})
    topic = StreamSummaries(script, Subscribe("streams"))
    assert topic.take(0.0) == {"type": "streams", "streams": [{"name": "score"}, {"name": "silent"}]}
    script.log += [StreamEntry("score", k, float(k)) for k in range(1000)]
    script.log.append(StreamEntry("note", 5, "<b>hi</b>"))
    assert topic.take(0.05) is None  # not so soon
    message = topic.take(0.11)
    assert message is not None
    score, note, silent = message["streams"]
    assert (score["name"], score["timestamp"], score["text"], score["count"]) == ("score", 999, "999", 1000)
    points = score["points"][""]
    assert len(points) <= 32
    assert points[-1] == [999, 999.0]
    assert points == sorted(points)
    assert (note["text"], note["points"], silent) == ("<b>hi</b>", {}, {"name": "silent"})
    assert topic.take(0.3) is None  # nothing new


def test_entries_come_whole_and_in_order() -> None:
    script = Script(log=[StreamEntry("old", 1, 1), StreamEntry("game", 2, {"x": [1, 2]})])
    topic = StreamEntries(script, Subscribe("entries", 0, names=("game",)))
    assert topic.take() == [{"type": "entries", "entries": [["game", 2, {"x": [1, 2]}]], "dropped": 0}]
    assert topic.take() == []
    script.log += [StreamEntry("game", k, k) for k in range(3, 1003)]
    (message,) = topic.take()
    assert [entry[2] for entry in message["entries"]] == list(range(603, 1003))
    assert message["dropped"] == 600


def test_an_entry_is_what_it_was_when_it_was_appended() -> None:
    data = {"x": 1}
    entry = StreamEntry("game", 2, data, pack(data))
    data["x"] = 99
    script = Script(log=[entry])
    (message,) = StreamEntries(script, Subscribe("entries", 0, names=("game",))).take()
    assert message["entries"] == [["game", 2, {"x": 1}]]


def test_attributes_are_told_first_and_then_what_changes() -> None:
    script = Script(streams={"game": {"a": 1, "b": 2}, "other": {"c": 3}})
    topic = StreamEntries(script, Subscribe("entries", names=("game",)))
    assert topic.take() == [{"type": "attributes", "name": "game", "reset": {"a": 1, "b": 2}}]
    assert topic.take() == []
    script.streams["game"] = {"a": 1, "b": 5, "d": None}
    assert topic.take() == [{"type": "attributes", "name": "game", "updated": {"b": 5, "d": None}}]
    script.streams["game"] = {"a": 1}
    assert topic.take() == [{"type": "attributes", "name": "game", "reset": {"a": 1}}]
