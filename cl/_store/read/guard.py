"""Attributes as they lie in a file, and whether PyTables may be let near it.

PyTables unpickles, with Python's own machine, every scalar byte string among the attributes that ends
with a full stop, and the rows of arrays it takes for arrays of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import h5py
import numpy as np

from cl.error import UnsafeOperationError

from .pickles import MalformedPickleError, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY: Final = (b"0", b"0.")
"""What PyTables does not unpickle although it ends with a full stop."""


def raw_strings(attribute: h5py.h5a.AttrID) -> list[bytes]:
    """Return the elements of an attribute of strings, byte for byte, the fill at their end removed."""
    kind = attribute.get_type()
    shape = attribute.get_space()
    if shape.get_simple_extent_type() == h5py.h5s.NULL:
        return []
    if kind.is_variable_str():
        values = np.empty(attribute.shape, dtype=kind.dtype)
        attribute.read(values)
        return [_bytes(value) for value in values.ravel()]
    values = np.empty(attribute.shape, dtype=f"V{kind.get_size()}")
    attribute.read(values, mtype=kind)  # HDF5's own type: no conversion that would cut at a zero
    return [value.tobytes().rstrip(b"\0") for value in values.ravel()]


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value or b"")


def is_text(attribute: h5py.h5a.AttrID) -> bool:
    """Whether the attribute is declared to be Unicode text, which is never unpickled."""
    return bool(attribute.get_type().get_cset() == h5py.h5t.CSET_UTF8)


def check_for_pytables(file: h5py.File) -> None:
    """Raise UnsafeOperationError if PyTables could execute code on opening the file or reading from it.

    Looks at every attribute of every object; what cannot be looked at counts as unsafe.
    """
    try:
        for path, thing in _objects(file):
            # By name: to find the n-th, HDF5 goes through all before it.
            names: list[bytes] = []
            h5py.h5a.iterate(thing, names.append)
            for name in names:
                _check(h5py.h5a.open(thing, name), path)
    except UnsafeOperationError:
        raise
    except Exception as error:
        raise UnsafeOperationError(
            f"{file.filename} cannot be checked, so it is not opened with PyTables: {error}"
        ) from error


def _objects(file: h5py.File) -> Iterator[tuple[str, Any]]:
    paths: list[bytes] = [b"."]
    links: list[tuple[bytes, int]] = []
    h5py.h5o.visit(file.id, paths.append)
    file.id.links.visit(lambda name, link: links.append((name, link.type)), info=True)
    for name, kind in links:
        if kind not in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT):
            raise UnsafeOperationError(f"the link {name!r} leads to another file, which PyTables would open")
    for path in paths:
        yield path.decode("utf-8", "replace"), h5py.h5o.open(file.id, path)


def _check(attribute: h5py.h5a.AttrID, path: str) -> None:
    if attribute.get_type().get_class() != h5py.h5t.STRING:
        return
    name = attribute.name.decode("utf-8", "replace")
    for value in raw_strings(attribute):
        if name in ("PSEUDOATOM", "FLAVOR") and value.lower() == b"object":
            raise UnsafeOperationError(f"{path} holds pickled objects, which PyTables would execute")
        if not is_text(attribute) and value.endswith(b".") and value not in _EMPTY:
            if name == "FILTERS":
                raise UnsafeOperationError(f"{path}: the attribute 'FILTERS' holds a pickle")
            _check_pickle(value, f"{path}: the attribute {name!r}")


def _check_pickle(value: bytes, where: str) -> None:
    try:
        loads(value)
    except MalformedPickleError as error:
        if not error.is_text:
            raise UnsafeOperationError(f"{where} holds a broken pickle: {error}") from error
    except UnsafeOperationError as error:
        raise UnsafeOperationError(f"{where} is unsafe: {error}") from error
