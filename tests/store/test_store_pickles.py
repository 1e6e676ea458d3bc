"""Pickled attributes: plain values come back as they were, nothing else is done."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from store_files import same

from cl._store.read.pickle_calls import LARGEST_VALUE
from cl._store.read.pickles import MalformedPickleError, loads
from cl.error import UnsafeOperationError

PROTOCOLS = range(6)

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="<"),
    hnp.unsigned_integer_dtypes(endianness="<"),
    hnp.floating_dtypes(endianness="<"),
    hnp.complex_number_dtypes(endianness="<"),
    hnp.datetime64_dtypes(endianness="<"),
    hnp.timedelta64_dtypes(endianness="<"),
    hnp.byte_string_dtypes(endianness="<", min_len=1),
    hnp.unicode_string_dtypes(endianness="<", min_len=1),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    ARRAYS,
    ARRAYS.filter(lambda a: a.size > 0).map(lambda a: a.ravel()[0]),
)
KEYS = st.one_of(st.text(), st.integers(), st.binary(), st.tuples(st.text(), st.integers()))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(KEYS, max_size=3),
        st.frozensets(KEYS, max_size=3),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(VALUES, st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert same(loads(pickle.dumps(value, protocol)), value)


STRUCTURED = [
    np.dtype([("a", "<i4"), ("b", "<f8", (2,)), ("c", "U3")]),
    np.dtype([("n", [("q", "<i2"), ("s", "S4")])]),
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
    np.dtype("V5"),
]


@pytest.mark.parametrize("dtype", STRUCTURED, ids=str)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_structured_arrays_come_back(dtype: np.dtype[Any], protocol: int) -> None:
    array = np.zeros(3, dtype)
    assert same(loads(pickle.dumps(array, protocol)), array)
    assert same(loads(pickle.dumps(array[1], protocol)), array[1])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_of_arrays(protocol: int) -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    read = loads(pickle.dumps(array, protocol))
    assert read.flags.f_contiguous and (read == array).all()
    swapped = np.arange(4, dtype=">i4")
    assert (loads(pickle.dumps(swapped, protocol)) == swapped).all()


def test_what_numpy_1_and_python_2_wrote() -> None:
    array = np.arange(3.0)
    for protocol in PROTOCOLS:
        old = pickle.dumps(array, protocol).replace(b"numpy._core", b"numpy.core")
        if protocol < 4:  # later ones tell the length of the name, and of all
            assert same(loads(old), array)
    python_2 = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n(I1\n"
        b"(I2\ntp6\ncnumpy\ndtype\np7\n(S'i2'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\n"
        b"bI00\nS'\\x01\\x00\\x7f\\x00'\np13\ntp14\nb."
    )
    assert same(loads(python_2), np.array([1, 127], np.int16))


class Reduced:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduction = function, arguments

    def __reduce__(self) -> Any:
        return self.reduction


def fired(*arguments: Any) -> Any:
    raise AssertionError("a pickle was executed")


class Stateful:
    def __setstate__(self, state: Any) -> None:
        fired()

    def __getstate__(self) -> dict[str, int]:
        return {"a": 1}


HOSTILE_OBJECTS = [
    Reduced(fired),
    Reduced(print, "x"),
    Reduced(eval, "1"),
    Reduced(getattr, "x", "upper"),
    Reduced(np.load, "/etc/passwd"),
    Reduced(np.frombuffer, b"12345678"),
    Reduced(np.ndarray, (10**12,)),
    Reduced(np.dtype, "O"),
    Reduced(np.empty, 5),
    Reduced(__import__, "this"),
    Reduced(bytes, 10**12),
    Reduced(bytearray, 10**12),
    Reduced(str, b"x"),
    Reduced(set, {"a": 1}),
    Reduced(complex, "1e999999"),
    Stateful(),
    fired,
    np.ndarray,
    np.dtype("f8"),
    np.array([fired], dtype=object),
    np.ma.array([1, 2], mask=[0, 1]),
    range(3),
    slice(1, 2),
    Ellipsis,
    NotImplemented,
    ValueError("x"),
    int,
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", HOSTILE_OBJECTS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("place", [lambda v: v, lambda v: {"a": [1, (v,)]}], ids=["bare", "nested"])
def test_what_is_not_plain_is_refused(value: Any, protocol: int, place: Any) -> None:
    with pytest.raises(UnsafeOperationError):
        loads(pickle.dumps(place(value), protocol))


IMPORT = b"ctest_store_pickles\nfired\n"


@pytest.mark.parametrize(
    "data",
    [
        IMPORT + b"(tR.",
        b"(itest_store_pickles\nfired\n.",
        IMPORT + b")R0N.",
        b"(" + IMPORT + b"o.",
        IMPORT + b")\x81.",
        IMPORT + b")}\x92.",
        b"\x8c\x12test_store_pickles\x8c\x05fired\x93)R.",
        b"\x80\x02" + IMPORT + b"q\x00)R.",
        b"Ppersistent\n.",
        b"NQ.",
        b"\x82\x01.",
        b"\x83\x01\x00.",
        b"\x84\x01\x00\x00\x00.",
        b"\x97.",
        b"N\x98.",
        b"cnumpy\ndtype\n.",
        b"cnumpy\nndarray\n(tR.",
        b"cbuiltins\nset\n}b.",
        b"}}b.",
        b"]N0cbuiltins\nbytes\n(I1000000000000\ntR.",
        b"c_codecs\nencode\n(V" + b"x" * 9 + b"\nVzip\ntR.",
    ],
)
def test_instructions_that_could_execute_are_refused(data: bytes) -> None:
    with pytest.raises(UnsafeOperationError):
        loads(data)


def array_pickle(shape: Any = (2,), kind: str = "f8", state: Any = None, data: Any = bytes(16)) -> bytes:
    """Return a pickle of an array with parts exchanged, as no numpy would write it."""
    state = (3, "<", None, None, None, -1, -1, 0) if state is None else state
    parts = pickle.dumps((1, shape, "DTYPE", False, data), 2)[2:-1]
    dtype = b"cnumpy\ndtype\n" + pickle.dumps((kind, False, True), 2)[2:-1] + b"R"
    dtype += pickle.dumps(state, 2)[2:-1] + b"b"
    marker = pickle.dumps("DTYPE", 2)[2:-1]
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    place = parts.index(marker[:10])
    end = parts.index(b"\x89", place)
    return head + parts[:place] + dtype + parts[end:] + b"b."


def test_the_exchanged_pickle_is_right_when_nothing_is_exchanged() -> None:
    assert same(loads(array_pickle()), np.zeros(2))


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (3,)},
        {"shape": (-1,)},
        {"shape": (10**18,)},
        {"shape": (2**32, 2**32)},
        {"shape": (1,) * 100},
        {"shape": "x"},
        {"shape": (2.0,)},
        {"kind": "O8"},
        {"kind": "O"},
        {"kind": "f8,O"},
        {"kind": "f7"},
        {"kind": "V99999999999"},
        {"state": (3, "<", None, None, None, 4, -1, 0)},
        {"state": (3, "<", None, None, None, 10**9, -1, 0)},
        {"state": (3, "<", None, None, None, -1, 3, 0)},
        {"state": (3, "<", None, None, None, -1, -1, 1)},
        {"state": (3, "<", None, None, None, -1, -1, 63)},
        {"state": (3, "?", None, None, None, -1, -1, 0)},
        {"state": (9, "<", None, None, None, -1, -1, 0)},
        {"state": (3, "<", ("f8", (2,)), None, None, -1, -1, 0)},
        {"state": (3, "<", None, ("a",), {"a": ("f8", 0)}, 8, -1, 0)},
        {"state": (3, "<", None, ("a",), {}, 8, -1, 0)},
        {"state": (3, "<", None, None)},
        {"data": [1, 2]},
        {"data": None},
        {"data": bytes(15)},
    ],
    ids=repr,
)
def test_arrays_that_would_mislead_numpy_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsafeOperationError):
        loads(array_pickle(**changes))


def doubled(times: int) -> bytes:
    """Return a small pickle of a list of lists, each twice the one before."""
    steps = b"".join(b"0](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(times))
    return b"](K\x01eq\x00" + steps + b"."


@pytest.mark.parametrize(
    "data",
    [
        doubled(100),
        b"]q\x00h\x00a.",
        b"}q\x00(K\x01h\x00u.",
        b"(" * 300 + b"t" * 300 + b".",
        b"]" * 300 + b"a" * 299 + b".",
        b"Nr\xff\xff\xff\xff.",
        b"Np4000000000\n.",
    ],
    ids=["doubled", "itself", "itself in dict", "deep", "deep lists", "memo", "memo as text"],
)
def test_small_pickles_of_huge_values_are_refused(data: bytes) -> None:
    with pytest.raises(UnsafeOperationError):
        loads(data)


def test_a_text_shared_many_times_counts_each_time() -> None:
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x00"
    assert len(loads(b"](" + text + b"h\x00" * 40 + b"e.")) == 41
    with pytest.raises(UnsafeOperationError, match=str(LARGEST_VALUE)):
        loads(b"](" + text + b"h\x00" * 80 + b"e.")


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (b"", True),
        (b"The slice lay in cells.", True),
        (b"image of R.", True),
        (b"\xff\xfe.", True),
        (b"I5", True),
        (b"U\xffabc.", True),
        (b"(I5\n.", False),
        (b"hello.", False),
        (b"Measured by Bob.", False),
        (b"0.", False),
        (b"I0x10\n" + IMPORT + b".", False),
        (b"I0x10\n.", False),
        (IMPORT[:-1] + b".", False),
    ],
)
def test_what_is_no_pickle(data: bytes, is_text: bool) -> None:
    with pytest.raises(MalformedPickleError) as caught:
        loads(data)
    assert caught.value.is_text == is_text


@pytest.mark.filterwarnings("ignore:invalid escape")
@settings(deadline=None, max_examples=150)
@given(VALUES, st.sampled_from(PROTOCOLS), st.data())
def test_changed_pickles(value: Any, protocol: int, data: st.DataObject) -> None:
    """Whatever a pickle is changed to: it is refused, or Python's own machine reads the same from it."""
    pickled = bytearray(pickle.dumps(value, protocol))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(pickled) - 1))
        pickled[place] = data.draw(st.integers(0, 255))
    try:
        read = loads(bytes(pickled))
    except (UnsafeOperationError, MalformedPickleError):
        return
    try:
        expected = pickle.loads(bytes(pickled))  # noqa: S301 - that it is safe is what is tested
    except Exception:
        return
    assert same(read, expected)


@pytest.mark.filterwarnings("ignore:invalid escape")
@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    try:
        loads(data)
    except (UnsafeOperationError, MalformedPickleError):
        pass
