"""What means more than its elements is refused by name, in streams and in attributes; the rest comes back."""

from __future__ import annotations

import enum
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl._store.packing import pack, unpack
from cl._store.write.attributes import plain_dict


class Quantity(np.ndarray[Any, Any]):
    """An array with a unit, as packages for those have it."""

    unit = "mV"


def _characters() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of numpy, from 2.5 on
        return np.char.array(["a ", "b"])


REFUSED = {
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "masked integers": np.ma.masked_array([1, 2], mask=[1, 0]),
    "masked without a mask": np.ma.masked_array([1, 2]),
    "masked constant": np.ma.masked,
    "masked row": np.ma.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0],
    "quantity": np.arange(3.0).view(Quantity),
    "characters": _characters(),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"deep": [v]}], ids=["alone", "within"])
def test_refused_by_name(kind: str, wrap: Any) -> None:
    name = type(REFUSED[kind]).__name__
    with pytest.raises(TypeError, match=name):
        pack(wrap(REFUSED[kind]))
    with pytest.raises(TypeError, match=name):
        plain_dict({"a": wrap(REFUSED[kind])})


def test_arrays_that_are_their_elements(tmp_path: Path) -> None:
    rows = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    mapped = np.memmap(tmp_path / "m", np.int16, "w+", shape=(3,))
    mapped[:] = [1, -2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.asmatrix([[1, 2], [3, 4]])
    for value in (rows.view(np.recarray), mapped, matrix):
        for back in (unpack(pack(value)), plain_dict({"a": value})["a"]):
            assert type(back) is np.ndarray
            assert back.tolist() == value.tolist() and back.dtype.names == value.dtype.names
    mapped._mmap.close()  # type: ignore[attr-defined]
    assert unpack(pack(rows.view(np.recarray)[0])).item() == (1, 2.5)


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    def __str__(self) -> str:
        return "something else"


def test_subclasses_of_pythons_types_come_back_as_these() -> None:
    point = namedtuple("point", "x y")
    cases: list[tuple[Any, Any, Any]] = [
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}, dict),
        (defaultdict(list, a=[1]), {"a": [1]}, dict),
        (Counter("aab"), {"a": 2, "b": 1}, dict),
        (point(1, 2), [1, 2], list),
        (Level.HIGH, 3, int),
        (Text("this"), "this", str),
        (True, True, bool),
    ]
    for value, wanted, kind in cases:
        back = unpack(pack(value))
        assert back == wanted and type(back) is kind
        assert plain_dict({"a": value})["a"] == (tuple(wanted) if kind is list else wanted)
