"""The attributes of a recording or a stream, read from the file when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from cl.error import UnsafeOperationError

from .errors import damaged
from .guard import is_text, raw_strings
from .pickles import MalformedPickleError, loads

if TYPE_CHECKING:
    from h5py.h5a import AttrID

_SYSTEM: Final = frozenset({"CLASS", "TITLE", "VERSION", "PYTABLES_FORMAT_VERSION", "FILTERS"})
"""PyTables' own, which are not shown."""


def read_attribute(holder: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Return the value of an attribute in Python's types.

    A number is a Python number, a text a str, a pickle what it holds, several
    values an array. Raises KeyError if there is none, UnsafeOperationError for a pickle
    that is not of plain values, ValueError for what cannot be read.
    """
    where = f"the attribute {name!r} of {holder.file.filename}: {holder.name}"
    with damaged(where):
        known = name in holder.attrs
    if not known:
        raise KeyError(name)
    try:
        attribute = h5py.h5a.open(holder.id, name.encode("utf-8", "surrogateescape"))
        if attribute.get_type().get_class() == h5py.h5t.STRING and not attribute.shape:
            return _string(attribute)
        return _number(holder.attrs[name])
    except UnsafeOperationError as error:
        raise UnsafeOperationError(f"{where} is unsafe: {error}") from error
    except (OSError, RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"{where} cannot be read: {error}") from error


def _string(attribute: AttrID) -> Any:
    data = b"".join(raw_strings(attribute))
    if not is_text(attribute) and data.endswith(b"."):
        try:
            return loads(data)
        except MalformedPickleError:
            pass  # it is a text that ends with a full stop
    kind = attribute.get_type()
    if not kind.is_variable_str() and kind.get_strpad() == h5py.h5t.STR_NULLTERM:
        data = data.split(b"\0", 1)[0]
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _number(value: Any) -> Any:
    if isinstance(value, h5py.Empty):
        return None
    return value.item() if isinstance(value, np.generic) and value.dtype.names is None else value


class AttributesView(Mapping[str, Any]):
    """The attributes of something in a recording: a mapping, also by attribute name.

    `derived` has values that take the place of the file's. Reading raises as `read_attribute` does.
    """

    def __init__(self, holder: h5py.Group | h5py.Dataset, derived: Mapping[str, Any] | None = None) -> None:
        self._holder = holder
        self._derived = dict(derived or {})
        self._cache: dict[str, Any] = {}
        self._names = sorted(({*holder.attrs} | self._derived.keys()) - _SYSTEM)

    def __getitem__(self, name: str) -> Any:
        if name in self._derived:
            return self._derived[name]
        if name not in self._cache:
            if name not in self._names:
                raise KeyError(name)
            if not self._holder:
                raise ValueError("the recording is closed")
            self._cache[name] = read_attribute(self._holder, name)
        return self._cache[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"there is no attribute {name!r}, there are {', '.join(self._names)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names]

    def __repr__(self) -> str:
        lines = []
        for name in self._names:
            try:
                lines.append(f"  {name}: {self[name]!r}")
            except (UnsafeOperationError, ValueError) as error:
                lines.append(f"  {name}: <{error}>")
        return "\n".join(["AttributesView:", *lines])

    def _repr_html_(self) -> str:
        from .faces import of_attributes

        return of_attributes(self)
