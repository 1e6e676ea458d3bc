"""Entries of data streams as columns: each value is held exactly, or as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl.interop.columns import columns_of
from cl.interop.texts import as_json


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "int64"),
        ([1, np.uint8(2)], "int64"),
        ([-(1 << 63), 5], "int64"),
        ([0, (1 << 64) - 1], "uint64"),
        ([-1, (1 << 64) - 1], "json"),
        ([1, 2.5], "float64"),
        ([1 << 53, 0.5], "float64"),
        ([(1 << 53) + 1, 0.5], "json"),
        ([math.nan, math.inf], "float64"),
        ([True, np.bool_(False)], "bool"),
        ([True, 1], "json"),
        (["a", "", "µ"], "text"),
        (["a\0b"], "json"),
        ([None, 1], "json"),
        ([b"x", [1]], "json"),
        ([np.zeros(3), np.ones(3)], "<f8"),
        ([np.zeros(3), np.ones(2)], "json"),
        ([np.timedelta64(3, "s")], "json"),
    ],
)
def test_the_kind_of_a_column(values: list[Any], kind: str) -> None:
    (column,) = columns_of(values, arrays=True)
    assert (column.key, column.kind) == (None, kind)
    (column,) = columns_of([{"k": value} for value in values], arrays=True)
    assert (column.key, column.kind) == ("k", kind)


@pytest.mark.parametrize(
    ("values", "kind", "held"),
    [
        ([1], "float64", [1.0, math.nan]),
        ([math.nan], "json", ["NaN", ""]),
        (["a"], "text", ["a", ""]),
        ([""], "json", ['""', ""]),
        ([True], "json", ["true", ""]),
    ],
)
def test_entries_without_a_key(values: list[Any], kind: str, held: list[Any]) -> None:
    rows = [*({"k": value} for value in values), {}]
    (column,) = columns_of(rows, arrays=True)
    assert column.kind == kind
    assert [repr(value) for value in column.values(rows).tolist()] == [repr(value) for value in held]


NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.booleans()
VALUES = st.none() | NUMBERS | st.text(max_size=4) | st.lists(NUMBERS, max_size=2)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), VALUES), min_size=1, max_size=6))
def test_nothing_is_lost(rows: list[dict[str, Any]]) -> None:
    columns = columns_of(rows, arrays=True)
    held = [column.values(rows).tolist() for column in columns]
    for row, entry in enumerate(rows):
        found = {}
        for column, values in zip(columns, held, strict=True):
            value = values[row]
            if column.key is None:
                found = json.loads(value)
            elif column.kind == "json":
                found |= {column.key: json.loads(value)} if value else {}
            elif column.key in entry:
                found[column.key] = value
        assert as_json(sorted(found)) == as_json(sorted(entry))
        assert all(found[key] == entry[key] or as_json(found[key]) == as_json(entry[key]) for key in entry)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": b"\x00\xff"}, '{"b": {"base64": "AP8="}}'),
        ({1: "a", "1": "b"}, '[[1, "a"], ["1", "b"]]'),
        (np.arange(4).reshape(2, 2), "[[0, 1], [2, 3]]"),
        (np.array([(1, 2.5)], [("n", "i4"), ("x", "f8")]), '[{"n": 1, "x": 2.5}]'),
        (1 + 2j, '"(1+2j)"'),
        ("µ\0", '"µ\\u0000"'),
    ],
)
def test_values_as_json(value: Any, text: str) -> None:
    assert as_json(value) == text


def test_values_that_are_nested_deep() -> None:
    from cl._store.packing import pack, unpack

    value: Any = 1
    for _ in range(400):
        value = {"a": [value]}
    try:
        pack(value)
    except ValueError:
        pytest.skip("a data stream does not take it")
    assert as_json(unpack(pack(value)))
