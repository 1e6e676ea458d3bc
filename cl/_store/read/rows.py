"""Rows of tables, as they are iterated over."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

_CODES: Final = {
    **dict(zip(("i1", "i2", "i4", "i8"), "bhiq", strict=True)),
    **dict(zip(("u1", "u2", "u4", "u8"), "BHIQ", strict=True)),
    **dict(zip(("f2", "f4", "f8"), "efd", strict=True)),
}


class Row(np.void):  # type: ignore[misc]  # as np.record is, which the stubs allow
    """A row that is iterated over: `row["channel"]` is a Python number, as PyTables has it there.

    So what is computed with it does not overflow.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        return value.item() if isinstance(value, np.generic) and value.dtype.names is None else value


def as_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the same rows, which are `Row`s when they are iterated over."""
    return rows.view(_row_type(rows.dtype))


@lru_cache(maxsize=64)
def _row_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype with a class for its rows that knows where their numbers lie.

    numpy takes half a microsecond to find a field of a row, and as long again to make a Python number of it.
    """
    numbers = _readers(dtype)
    otherwise = Row.__getitem__

    def __getitem__(self: Row, key: Any) -> Any:
        try:
            return numbers[key](self)[0]
        except (KeyError, TypeError):
            return otherwise(self, key)

    row = type("Row", (Row,), {"__slots__": (), "__getitem__": __getitem__, "__doc__": Row.__doc__})
    found: np.dtype[Any] = np.dtype((row, dtype))
    return found


def _readers(dtype: np.dtype[Any]) -> Mapping[str, Callable[[Any], tuple[Any, ...]]]:
    """Return by name what reads a number from the bytes of a row, for fields that are single numbers."""
    found: dict[str, Callable[[Any], tuple[Any, ...]]] = {}
    for name, (kind, offset, *_) in (dtype.fields or {}).items():
        code = _CODES.get(kind.str[1:])
        if code is not None:
            order = ">" if kind.str[0] == ">" else "<"
            found[name] = struct.Struct(f"{order}{offset}x{code}").unpack_from
    return found
