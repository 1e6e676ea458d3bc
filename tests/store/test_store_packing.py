"""Values of data streams: msgpack with msgpack-numpy's convention."""

from __future__ import annotations

import pickle
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_files import same
from test_store_pickles import ARRAYS, STRUCTURED

from cl._store.packing import pack, unpack
from cl.error import UnsafeOperationError

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    ARRAYS,
    ARRAYS.filter(lambda a: a.size > 0 and a.dtype != np.float64 and a.dtype.kind not in "SUc").map(
        lambda a: a.ravel()[0]
    ),
)
KEYS = st.one_of(st.text(), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.none(), st.binary(max_size=1))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(VALUES)
def test_values_come_back(value: Any) -> None:
    assert same(unpack(pack(value)), value)


@pytest.mark.parametrize("dtype", STRUCTURED[:2], ids=str)
def test_structured_arrays_come_back(dtype: np.dtype[Any]) -> None:
    array = np.zeros((2, 1), dtype)
    assert same(unpack(pack(array)), array)
    assert same(unpack(pack(array[1, 0])), array[1, 0])


def test_what_becomes_something_else() -> None:
    assert unpack(pack((1, (2, 3)))) == [1, [2, 3]]
    assert unpack(pack({(1, (2,)): "x"})) == {(1, (2,)): "x"}
    assert unpack(pack(np.float64(1.5))) == 1.5
    assert unpack(pack(bytearray(b"ab"))) == b"ab"
    assert unpack(pack(np.asfortranarray(np.eye(2)[:1]))).tolist() == [[1, 0]]
    assert unpack(pack(msgpack.Timestamp(1, 2))) == msgpack.Timestamp(1, 2)
    assert unpack(pack(msgpack.ExtType(5, b"x"))) == msgpack.ExtType(5, b"x")


def test_fields_come_back_without_the_room_between_them() -> None:
    """As in a few of an array's fields, or in one that is aligned."""
    whole = np.array([(1.5, 2, 3), (4.5, 5, 6)], [("x", "f8"), ("id", "u1"), ("y", "f4")])
    aligned = whole.astype(np.dtype(whole.dtype.descr, align=True))
    nested = np.zeros(2, [("inner", aligned.dtype), ("n", "i4", (2,))])
    nested["inner"] = aligned
    for value in (whole[["x", "y"]], whole[["y", "x"]], aligned, nested, aligned[1], nested[0]):
        back = unpack(pack(value))
        assert back.dtype.names == value.dtype.names and back.shape == value.shape
        assert repr(back.tolist()) == repr(value.tolist())


def test_the_convention_byte_for_byte() -> None:
    """As the reference recording has it."""
    packed = bytes.fromhex(
        "85c4026e64c3c40474797065a33c7538c4046b696e64c400c405736861706591 03c40464617461c418"
    )
    assert pack(np.array([1, 2, 0], "<u8")) == packed + bytes([1, *7 * [0], 2, *15 * [0]])


@pytest.mark.parametrize(
    "value",
    [{b"nd": 1}, {b"nd": True}, {b"nd": True, b"type": "<f8"}, {b"complex": True}, {b"complex": 1}],
    ids=repr,
)
def test_maps_that_only_look_like_arrays_stay_maps(value: Any) -> None:
    assert unpack(pack(value)) == value


def test_arrays_are_ones_own() -> None:
    array = unpack(pack(np.arange(3)))
    array[0] = 5
    assert array.tolist() == [5, 1, 2]


def test_a_snapshot_is_taken() -> None:
    value = [1]
    packed = pack(value)
    value.append(2)
    assert unpack(packed) == [1]


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([None]), [lambda: 0], range(3)])
def test_what_cannot_be_packed(value: Any) -> None:
    with pytest.raises(TypeError, match="data stream cannot take"):
        pack(value)


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        pack({"a": 2**64})
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(ValueError, match="recursion"):
        pack(itself)


class Fires:
    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was executed",)


@pytest.mark.parametrize(
    "value",
    [
        {b"nd": True, b"kind": b"O", b"type": "|O", b"shape": [1], b"data": pickle.dumps(Fires())},
        {b"nd": True, b"kind": b"", b"type": "|O", b"shape": [1], b"data": bytes(8)},
        {b"nd": False, b"type": "|O", b"data": bytes(8)},
        {b"nd": True, b"kind": b"V", b"type": [["a", "|O"]], b"shape": [1], b"data": bytes(8)},
    ],
    ids=repr,
)
def test_pickled_arrays_are_refused(value: Any) -> None:
    with pytest.raises(UnsafeOperationError):
        unpack(pack(value))


@pytest.mark.parametrize(
    "value",
    [
        {b"nd": True, b"kind": b"", b"type": "<f8", b"shape": [-1], b"data": bytes(8)},
        {b"nd": True, b"kind": b"", b"type": "<f8", b"shape": [2**40], b"data": bytes(8)},
        {b"nd": True, b"kind": b"", b"type": "V1000000000", b"shape": [0], b"data": b""},
        {b"nd": True, b"kind": b"", b"type": "<U1", b"shape": [1], b"data": b"\xff" * 4},
        {b"nd": True, b"kind": b"", b"type": "(1000,1000,1000)f8", b"shape": [0], b"data": b""},
    ],
    ids=repr,
)
def test_arrays_that_cannot_be_stay_maps(value: Any) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", b"\x01\x01", b"\x91" * 10_000, b"\xa1\xff"])
def test_broken_bytes(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


@settings(deadline=None, max_examples=100)
@given(VALUES, st.data())
def test_changed_bytes(value: Any, data: st.DataObject) -> None:
    packed = bytearray(pack(value))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(packed))
    except (ValueError, UnsafeOperationError):
        pass


def test_a_key_that_nothing_can_look_up_is_told() -> None:
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(b"\x81\x80\xc0")  # {{}: None}
