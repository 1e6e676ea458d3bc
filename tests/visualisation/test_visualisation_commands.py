"""What a page may ask for, and what becomes of everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl.visualisation.server import commands
from cl.visualisation.server.commands import CommandError, Play, Seek, Speed, Subscribe, Unsubscribe, parse


def told(**command: Any) -> commands.Command:
    return parse(json.dumps(command))


def test_subscriptions_are_understood() -> None:
    assert told(type="subscribe", topic="spikes") == Subscribe("spikes")
    assert told(type="subscribe", topic="stims", since=7.0) == Subscribe("stims", 7)
    assert told(type="subscribe", topic="traces", channels=[5, 1], bin=25) == Subscribe(
        "traces", None, (5, 1), 25
    )
    assert told(type="subscribe", topic="waveforms", channel=9, since=1) == Subscribe("waveforms", 1, (9,))
    assert told(type="subscribe", topic="entries", names=["a", "b"]) == Subscribe("entries", names=("a", "b"))
    assert told(type="unsubscribe", topic="overview") == Unsubscribe("overview")


def test_playing_is_understood() -> None:
    assert told(type="play") == Play(True)
    assert told(type="pause") == Play(False)
    assert told(type="seek", position=12) == Seek(12)
    assert told(type="speed", factor=2) == Speed(2.0)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ({"type": "stim", "channels": [1]}, "unknown type: 'stim'"),
        ({"type": ["subscribe"]}, "unknown type"),
        ({}, "unknown type: None"),
        ({"type": "subscribe", "topic": "secrets"}, "unknown topic: 'secrets'"),
        ({"type": "subscribe", "topic": {}}, "unknown topic"),
        ({"type": "subscribe", "topic": "spikes", "since": -1}, "since must be"),
        ({"type": "subscribe", "topic": "spikes", "since": 2**53 + 1}, "since must be"),
        ({"type": "subscribe", "topic": "spikes", "since": True}, "since must be"),
        ({"type": "subscribe", "topic": "spikes", "since": 0.5}, "since must be"),
        ({"type": "subscribe", "topic": "traces", "channels": [64], "bin": 25}, "from 0 to 63, not 64"),
        ({"type": "subscribe", "topic": "traces", "channels": [1.0], "bin": 25}, "from 0 to 63, not 1.0"),
        ({"type": "subscribe", "topic": "traces", "channels": [], "bin": 25}, "1 to 16 channels"),
        (
            {"type": "subscribe", "topic": "traces", "channels": list(range(17)), "bin": 25},
            "1 to 16 channels",
        ),
        ({"type": "subscribe", "topic": "traces", "channels": list(range(9)), "bin": 1}, "1 to 8 channels"),
        ({"type": "subscribe", "topic": "traces", "channels": [3, 3], "bin": 25}, "listed twice"),
        ({"type": "subscribe", "topic": "traces", "channels": [3], "bin": 7}, "bin must be one of"),
        ({"type": "subscribe", "topic": "traces", "channels": [3]}, "bin must be"),
        ({"type": "subscribe", "topic": "waveforms", "channel": "1"}, "channel must be"),
        ({"type": "subscribe", "topic": "entries", "names": "game"}, "names must be"),
        ({"type": "subscribe", "topic": "entries", "names": [1]}, "a string"),
        ({"type": "subscribe", "topic": "entries", "names": ["x" * 256]}, "at most 255"),
        ({"type": "seek", "position": "now"}, "position must be"),
        ({"type": "speed", "factor": 0}, "from 0.01 to 20"),
        ({"type": "speed", "factor": "1"}, "must be a number"),
    ],
)
def test_what_is_wrong_is_named(command: dict[str, Any], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        parse(json.dumps(command))


@pytest.mark.parametrize("text", ["", "{", "[" * 2000, "7", "null", "[]", '"subscribe"', "\x00", b"{}"])
def test_what_is_no_command_is_refused(text: str | bytes) -> None:
    with pytest.raises(CommandError):
        parse(text)


def test_infinite_numbers_are_refused() -> None:
    for text in ("Infinity", "NaN", "1e999", "-1e999"):
        with pytest.raises(CommandError):
            parse(f'{{"type": "speed", "factor": {text}}}')
        with pytest.raises(CommandError):
            parse(f'{{"type": "seek", "position": {text}}}')


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_fields = st.sampled_from(
    ["type", "topic", "since", "channels", "channel", "bin", "names", "position", "factor"]
)
_known = st.sampled_from(["subscribe", "unsubscribe", "seek", "speed", "play", *commands.TOPICS])


@given(st.dictionaries(_fields, _values | _known, max_size=6))
@settings(deadline=None, max_examples=300)
def test_fuzz_gives_a_command_within_the_limits_or_an_error(found: dict[str, Any]) -> None:
    try:
        command = parse(json.dumps(found))
    except CommandError as error:
        refused = str(error)
        command = None
    else:
        refused = ""
    assert len(refused) < 200
    if isinstance(command, Subscribe):
        assert command.topic in commands.TOPICS
        assert all(0 <= channel < 64 for channel in command.channels)
        assert len(command.channels) <= commands.MAX_TRACES
        assert command.since is None or 0 <= command.since <= 2**53
