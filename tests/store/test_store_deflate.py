"""CRC-32 and inflating are zlib's, whoever computes them."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._store import deflate


@pytest.fixture(scope="module", params=["as installed", "without isal"])
def library(request: pytest.FixtureRequest) -> Any:
    if request.param == "as installed":
        return deflate
    spec = importlib.util.spec_from_file_location("deflate_alone", deflate.__file__)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "isal", None)
        spec.loader.exec_module(module)
    assert module.crc32 is zlib.crc32
    return module


def zlib_inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return None


PIECES = st.binary(max_size=300).map(lambda data: data * 40)


@given(data=PIECES, crc=st.integers(0, 2**32 - 1))
def test_crc_32_is_zlibs(library: Any, data: bytes, crc: int) -> None:
    assert library.crc32(memoryview(data), crc) == zlib.crc32(data, crc)


@given(data=PIECES, level=st.integers(0, 9), size=st.integers(1, 20_000))
def test_what_was_deflated_comes_back_whatever_size_is_expected(
    library: Any, data: bytes, level: int, size: int
) -> None:
    assert library.inflated(memoryview(zlib.compress(data, level)), size) == data


@given(data=PIECES, level=st.integers(0, 9), where=st.floats(0, 1), bit=st.integers(0, 7))
def test_what_was_changed_is_refused_where_zlib_refuses_it(
    library: Any, data: bytes, level: int, where: float, bit: int
) -> None:
    deflated = bytearray(zlib.compress(data, level))
    deflated[int(where * (len(deflated) - 1))] ^= 1 << bit
    found = library.inflated(bytes(deflated), len(data) or 1)
    assert found == zlib_inflated(bytes(deflated))
    assert found in (None, data)


@given(data=PIECES, keep=st.floats(0, 1, exclude_max=True))
def test_what_was_cut_is_refused(library: Any, data: bytes, keep: float) -> None:
    deflated = zlib.compress(data)
    assert library.inflated(deflated[: int(keep * len(deflated))], len(data) or 1) is None
