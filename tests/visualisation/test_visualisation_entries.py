"""What custom visualisers are fed, in the form in which it travels."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgpack
import numpy as np
import pytest
from visualisation_tools import Script, decode

from cl._core.entries import StreamEntry
from cl._store.packing import pack, unpack
from cl.visualisation.server import messages
from cl.visualisation.server.commands import CommandError, Subscribe, parse
from cl.visualisation.server.entries import LARGEST_ENTRY, PackedEntries


def topic(script: Script, *names: str, since: int | None = None) -> PackedEntries:
    return PackedEntries(script, Subscribe("entries", since, names=names, packed=True))


def taken(one: PackedEntries, position: int, now: float = 0.0) -> list[Any]:
    """Return (kind, argument, values) of each section, the values unpacked."""
    _, _, sections = decode(messages.message(one.take(position, now), position, 0))
    found = []
    for section in sections:
        unpacker = msgpack.Unpacker(BytesIO(section.body), strict_map_key=False)
        values = [
            unpack(msgpack.packb(unpacker.unpack())) for _ in range(section.count + (section.kind == 6))
        ]
        found.append((section.kind, section.argument, values))
    return found


def entry(timestamp: int, data: Any, name: str = "game") -> StreamEntry:
    return StreamEntry(name, timestamp, data, pack(data))


def test_entries_of_before_are_marked_and_come_first() -> None:
    script = Script(log=[entry(1, "a"), entry(2, "b", "other"), entry(3, "c")])
    one = topic(script, "game", since=0)
    script.log.append(entry(4, {"x": float("nan")}))
    ((_, past, values),) = taken(one, 10)
    assert (past, values) == (1, [0, ["game", 1, "a"], ["game", 3, "c"]])
    ((_, past, values),) = taken(one, 10)
    assert (past, values[1][:2]) == (0, ["game", 4]) and np.isnan(values[1][2]["x"])
    assert taken(one, 10) == []
    assert taken(topic(script, "game"), 10) == []


def test_an_entry_is_what_it_was_when_it_was_appended() -> None:
    data = {"x": 1}
    script = Script(log=[entry(1, data)])
    data["x"] = 2
    assert taken(topic(script, "game", since=0), 10)[0][2][1] == ["game", 1, {"x": 1}]
    unpacked = Script(log=[StreamEntry("game", 1, np.arange(3)), StreamEntry("game", 2, object())])
    values = taken(topic(unpacked, "game", since=0), 10)[0][2]
    assert values[1][2].tolist() == [0, 1, 2] and values[2][2].startswith("cannot be shown")


def test_what_is_too_large_is_left_out_and_much_comes_in_pieces() -> None:
    script = Script()
    one = topic(script, "game")
    script.log = [entry(1, bytes(LARGEST_ENTRY)), *(entry(2 + k, bytes(100_000)) for k in range(7))]
    sizes = []
    while True:
        ((_, _, (dropped, *rows)),) = taken(one, 10)
        sizes.append(len(rows))
        assert dropped == 1
        if not one.behind:
            break
    assert sizes == [2, 2, 2, 1]
    script.log += [entry(100 + k, bytes(8_000_000)) for k in range(5)]
    (first,) = taken(one, 10)
    assert first[2][0] == 2 and first[2][1][1] == 101, "the oldest are left out where too much waits"


def test_spikes_and_stims_are_streams_of_their_own() -> None:
    script = Script(spikes=[(10, 3)], stims=[(20, 4), (990, 5)], now=15)
    script.log = [entry(1, "not the device's", "cl_stims")]
    one = topic(script, "cl_stims", "cl_spikes")
    script.spikes += [(40, 7), (960, 1)]
    spikes, stims = taken(one, 1000)
    assert stims[2][1:] == [["cl_stims", 20, {"channel": 4}], ["cl_stims", 990, {"channel": 5}]]
    ((name, timestamp, data),) = spikes[2][1:]
    assert (name, timestamp, data["channel"]) == ("cl_spikes", 40, 7)
    assert data["samples"].dtype == np.float32 and data["samples"].tolist() == list(range(75))
    ((_, _, values),) = taken(one, 1011)
    assert [row[1] for row in values[1:]] == [960], "once all its samples are there"


def test_many_spikes_come_in_pieces_that_keep_what_is_simultaneous_together() -> None:
    script = Script()
    one = topic(script, "cl_spikes")
    script.spikes = [(100, c) for c in range(64)] + [(101 + k, 0) for k in range(60)]
    sizes = []
    while True:
        sizes += [len(values) - 1 for _, _, values in taken(one, 1000)]
        if not one.behind:
            break
    assert sizes == [64, 50, 10]
    script.spikes.append((300_000, 9))
    found: list[Any] = []
    while not found:
        found = taken(one, 301_000)
    assert found[0][2][1][1] == 300_000


def test_attributes_are_told_at_first_when_they_change_and_when_a_stream_is_made_anew() -> None:
    script = Script(streams={"game": {"level": 1, "map": np.zeros((2, 2))}, "bare": {}})
    one = topic(script, "game", "bare")
    ((kind, _, (told,)),) = taken(one, 0)
    assert (kind, told["name"], told["reset"]["level"]) == (7, "game", 1)
    script.streams["game"]["level"] = float("nan")
    assert taken(one, 0, 0.01) == []
    ((_, _, (told,)),) = taken(one, 0, 1.0)
    assert told["name"] == "game" and list(told["updated"]) == ["level"]
    assert taken(one, 0, 2.0) == []
    script.makers["game"] = object()
    assert "reset" in taken(one, 0, 3.0)[0][2][0]
    del script.streams["game"]["level"]
    assert list(taken(one, 0, 4.0)[0][2][0]["reset"]) == ["map"]
    gone = script.streams.pop("game")
    assert taken(one, 0, 5.0) == []
    script.streams["game"] = gone
    assert "reset" in taken(one, 0, 6.0)[0][2][0]


def test_the_form_is_asked_for() -> None:
    command = '{"type": "subscribe", "topic": "entries", "names": ["a"], "format": "%s"}'
    assert parse(command % "msgpack") == Subscribe("entries", names=("a",), packed=True)
    assert parse(command % "json") == Subscribe("entries", names=("a",))
    with pytest.raises(CommandError, match="format must be json or msgpack, not 'xml'"):
        parse(command % "xml")
