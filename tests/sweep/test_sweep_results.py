"""What an experiment may return, as it is written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._sweep.grid import COLUMNS
from cl._sweep.results import checked, flat, load_arrays, read_json, save_arrays, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_what_json_holds_comes_back(result: dict[str, Any]) -> None:
    names = [name for name, _ in flat(result)]
    if len({*names}) < len(names) or {*result} & {*COLUMNS}:
        return
    plain, arrays = checked(result, {}, COLUMNS)
    assert json.loads(json.dumps(plain)) == result and not arrays.found


def test_arrays_lie_beside_it_whatever_they_are_called(tmp_path: Path) -> None:
    result = {
        "file": np.arange(3),
        "self": {"deep": [1, np.array([["a", "bc"]])]},
        "args": np.zeros((2, 0)),
        "flag": np.bool_(True),
        "scalar": np.array(2.5),
        "tuple": (np.float32(0.5), np.int64(7)),
    }
    plain, arrays = checked(result, {}, COLUMNS)
    save_arrays(tmp_path, arrays.found)
    write_json(tmp_path / "result.json", plain)
    found = load_arrays(tmp_path)
    assert found.keys() == {"file", "self.deep[1]", "args"} and found["args"].shape == (2, 0)
    assert found["self.deep[1]"].tolist() == [["a", "bc"]] and found["file"].dtype == int
    read = read_json(tmp_path / "result.json")
    assert read is not None and (read["flag"], read["scalar"], read["tuple"]) == (True, 2.5, [0.5, 7])
    assert read["self"] == {"deep": [1, {"$array": "self.deep[1]"}]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays.npz", "result.json"]
    (tmp_path / "result.json").write_text('{"status": "do')  # cut by a power cut
    assert read_json(tmp_path / "result.json") is None


class Tensor:
    dtype, shape = "float32", (2,)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"a": {"b": {1}}}, r'result\["a"\]\["b"\] is \{1\} \(a set\), which JSON cannot hold'),
        ({"a": [0, 1j]}, r'result\["a"\]\[1\] is 1j'),
        ({"a": {1: 2}}, r'result\["a"\] has the key 1'),
        ({"a": {"$array": 2}}, "the key '\\$array'"),
        ({"a": np.array(["2026-01-01"], "datetime64[D]")}, "an array of datetime64"),
        ({"a": Tensor()}, 'result\\["a"\\] is an array of float32'),
        ({"a": {"b": 1}, "a.b": 2}, "'a.b' twice"),
        ({"a": {"b": np.zeros(2)}, "a.b": np.zeros(2)}, "name of another array"),
        ({"seed": 1}, "'seed', which is the name of"),
        ([1, 2], r"the experiment returned \[1, 2\]"),
        ({"a": {str(at) for at in range(200)}}, r"\.\.\. \(set\), which"),
    ],
)
def test_what_json_does_not_hold_is_told_by_its_path(result: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        checked(result, {}, COLUMNS)
