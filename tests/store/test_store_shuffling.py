"""The shuffle filter, as HDF5's library does it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from cl._store.shuffling import shuffled, unshuffled


@pytest.mark.parametrize("kind", ["u1", "<i2", "<u4", "<f8"])
def test_it_is_the_librarys(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(1).integers(0, 256, 96 * np.dtype(kind).itemsize, np.uint8).view(kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("a", data=values.view(f"V{values.itemsize}"), chunks=(96,), shuffle=True)
        _, stored = made.id.read_direct_chunk((0,))
    size = values.itemsize
    assert bytes(shuffled(values.tobytes(), size)) == stored
    assert bytes(unshuffled(stored, size)) == values.tobytes()
