"""Keys and times: what bytes of a terminal and typed texts stand for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl.playback.keys import decode
from cl.playback.times import shown, typed

SEQUENCES = {
    "\x1b[A": "up",
    "\x1bOB": "down",
    "\x1b[C": "right",
    "\x1bOD": "left",
    "\x1b[1;2C": "minute on",
    "\x1b[1;2D": "minute back",
    "\x1b[1;5D": "minute back",
    " ": " ",
    "q": "q",
    "é": "é",
    "\r": "enter",
    "\x7f": "erase",
}


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_sequences_are_keys(sequence: str) -> None:
    assert decode(sequence.encode()) == ([SEQUENCES[sequence]], b"")


@given(st.lists(st.sampled_from([*SEQUENCES])), st.lists(st.integers(0, 60)))
def test_keys_are_the_same_however_they_arrive(sequences: list[str], cuts: list[int]) -> None:
    sequences = [sequence for sequence in sequences if sequence.isascii()]
    data = "".join(sequences).encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    found: list[str] = []
    rest = b""
    for start, stop in pairwise(places):
        keys, rest = decode(rest + data[start:stop])
        found += keys
    assert (found, rest) == ([SEQUENCES[sequence] for sequence in sequences], b"")


@given(st.binary(max_size=60))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    keys, rest = decode(data)
    assert all(keys) and len(rest) < 64


def test_other_sequences_are_no_keys_and_take_none_with_them() -> None:
    assert decode(b"\x1b[200~ \x1b[5~q") == ([" ", "q"], b"")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00.000"),
        (7.5, "0:07.500"),
        (0.1 + 0.2, "0:00.300"),
        (59.9999, "0:59.999"),
        (3599.5, "59:59.500"),
        (3600, "1:00:00.000"),
        (36_061.25, "10:01:01.250"),
    ],
)
def test_times_are_shown(seconds: float, text: str) -> None:
    assert shown(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("7.5", 7.5), (" 1:07,25 ", 67.25), ("1:00:01", 3601), ("90", 90), ("0:90", 90), (".5", 0.5)],
)
def test_times_are_typed(text: str, seconds: float) -> None:
    assert typed(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "inf", "nan", "-1", "1e3", "1:2:3:4", "1:", ":1", "٣", "9" * 400])
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid time format"):
        typed(text)
