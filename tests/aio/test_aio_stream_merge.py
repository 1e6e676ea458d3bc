"""How several logs of events become one stream."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from cl._core.history import EventLog
from cl._streams.cursor import Cursor
from cl._streams.events import EventStream


class Event(NamedTuple):
    """Stands for an event; they sort as a stream is to give them."""

    time: int
    kind: int
    number: int
    channel: int


@settings(deadline=None, max_examples=60)
@given(
    times=st.lists(st.lists(st.integers(0, 30), max_size=25).map(sorted), min_size=1, max_size=3),
    mask=st.none() | st.integers(0, 7),
    start=st.integers(0, 12),
    limits=st.lists(st.none() | st.integers(1, 6), min_size=1, max_size=12),
    stops=st.lists(st.integers(0, 32), min_size=1, max_size=6),
)
def test_whatever_is_taken_it_is_merged_in_order(
    times: list[list[int]],
    mask: int | None,
    start: int,
    limits: list[int | None],
    stops: list[int],
) -> None:
    """Against sorting everything at once: whatever is asked for, however far time has come."""
    logs = []
    for kind, events in enumerate(times):
        log: EventLog[Event] = EventLog()
        log.extend(events, [Event(time, kind, i, i % 3) for i, time in enumerate(events)])
        logs.append(log)
    stream = SimpleNamespace(_cursors=[Cursor(log, start, mask) for log in logs], _upto=lambda: stop)
    expected = sorted(event for log in logs for event in log.items if event.time >= start)
    expected = [event for event in expected if mask is None or mask >> event.channel & 1]
    found: list[Event] = []
    for stop in sorted(stops):
        for limit in limits:
            taken = EventStream._collect(stream, limit)  # type: ignore[arg-type]
            assert limit is None or len(taken) <= limit
            found += taken
            due = [event for event in expected if event.time < stop]
            assert found == due if limit is None or len(taken) < limit else found == due[: len(found)]
