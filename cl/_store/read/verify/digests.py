"""Checksums of a recording as it lies in its file: what `recover` gives one that was never ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import h5py
import numpy as np

from cl._store.read.descriptor import Descriptor
from cl._store.read.guard import raw_strings
from cl._store.write import checksums

from .chunks import Chunks, UnreadableError

UNREADABLE: Final = 0
"""The checksum of a block that could not be read: `verify` tries it again."""
Blocks: TypeAlias = "list[tuple[int, int, int]]"


def of_file(file: h5py.File, descriptor: Descriptor) -> list[tuple[str, Blocks]]:
    """Return the blocks of everything in a file, by name: what `checksums.rows_of` takes.

    OSError, RuntimeError, ValueError or KeyError for one that is damaged.
    """
    found: list[tuple[str, Blocks]] = []
    # Not in a function that HDF5 calls: it lets no other thread in then, and those that read need it.
    items: dict[str, h5py.Group | h5py.Dataset] = {}
    file.visititems(items.__setitem__)
    for name, item in items.items():
        if name in (checksums.NAME, checksums.DATA) or name.rpartition("/")[2].startswith("_"):
            continue
        if isinstance(item, h5py.Group):
            found.append((name, [(0, len(item.attrs), of_attributes(item))]))
        elif isinstance(item, h5py.Dataset) and item.chunks is not None:
            found.append((name, _of_dataset(name, item, descriptor)))
    return [*found, ("", [(0, len(file.attrs), of_attributes(file))])]


def of_attributes(holder: h5py.Group) -> int:
    """Return the checksum of a group's attributes."""
    return checksums.of_attributes(_raw(holder))


def _of_dataset(name: str, dataset: h5py.Dataset, descriptor: Descriptor) -> Blocks:
    rows = len(dataset)
    size = checksums.SAMPLE_BLOCK if name == "samples" else rows
    if not rows:
        return [] if name == "samples" else [(0, 0, 0)]
    spans = [(first, min(first + size, rows)) for first in range(0, rows, size)]
    found = Chunks(dataset, descriptor).checksums(spans)
    return [
        (first, stop - first, UNREADABLE if isinstance(crc, UnreadableError) else crc)
        for (first, stop), crc in zip(spans, found, strict=True)
    ]


def _raw(holder: h5py.Group) -> Iterator[tuple[str, bytes]]:
    """Yield the attributes as they were written."""
    names: list[bytes] = []
    h5py.h5a.iterate(holder.id, names.append)
    for name in names:
        attribute = h5py.h5a.open(holder.id, name)
        if attribute.get_type().get_class() == h5py.h5t.STRING:
            yield name.decode("utf-8", "replace"), b"".join(raw_strings(attribute))
        elif attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            yield name.decode("utf-8", "replace"), b""
        else:
            value = np.empty(attribute.shape, attribute.dtype)
            attribute.read(value)
            yield name.decode("utf-8", "replace"), value.tobytes()
