"""Data-stream values on their way to a page."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl.visualisation.server.values import numbers, preview, to_json


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (math.nan, None),
        (-math.inf, None),
        ("a", "a"),
        (b"abc", {"bytes": 3}),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: "x", None: 2}, {"1": "x", "None": 2}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, math.nan]]), [[1.0, None]]),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_values_become_what_json_holds(value: Any, wanted: Any) -> None:
    assert to_json(value) == wanted


def test_what_is_too_much_is_cut() -> None:
    assert len(to_json("x" * 5000)) == 2000
    assert len(to_json(list(range(50_000)))) <= 20_001
    assert to_json(list(range(10)), 5)[-1] == "…"
    assert to_json({str(k): k for k in range(10)}, 5)["…"].endswith("more")
    head = to_json(np.zeros((200, 200)))
    assert head == {"shape": [200, 200], "dtype": "float64", "head": [0.0] * 16}
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    assert json.dumps(to_json(deep)).count("[") == 8


def test_a_class_that_fails_is_named() -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    assert to_json(Bad()) == "<Bad: RuntimeError>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.14159265, "3.1416"),
        ({"score": 3, "ball": [1, 2]}, "score: 3, ball: [1, 2]"),
        ("two\nlines  <b>", "two lines <b>"),
        (np.zeros((3, 4), np.int16), "int16 3×4 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"),
        ({}, "{}"),
        (None, "–"),
    ],
)
def test_a_preview_is_one_line(value: Any, text: str) -> None:
    assert preview(value) == text


def test_numbers_are_found() -> None:
    assert dict(numbers(2)) == {"": 2.0}
    assert dict(numbers(np.float32(2))) == {"": 2.0}
    assert dict(numbers({"a": 1, "b": "x", "c": np.int8(3), "d": math.nan})) == {"a": 1.0, "c": 3.0}
    assert len(dict(numbers({str(k): k for k in range(20)}))) == 6
    assert dict(numbers("7")) == {}
    assert dict(numbers([1, 2])) == {}
    assert dict(numbers(10**400)) == {}


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.booleans(), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(_anything)
@settings(deadline=None, max_examples=200)
def test_every_value_can_be_sent(value: Any) -> None:
    json.loads(json.dumps(to_json(value), allow_nan=False))
    text = preview(value)
    assert len(text) <= 240 and "\n" not in text
    assert all(math.isfinite(number) for _, number in numbers(value))
