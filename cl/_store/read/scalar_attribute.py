"""Attributes that are one number, read past h5py's own way, which takes longer than to open the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scalar(file: h5py.File, name: str) -> int | float | None:
    """Return a root attribute that is one integer or float; None for any other, and where there is none."""
    if not h5py.h5a.exists(file.id, name.encode()):
        return None
    attribute = h5py.h5a.open(file.id, name.encode())
    if attribute.shape != () or attribute.dtype.kind not in "iuf":
        return None
    value: NDArray[np.generic] = np.empty((), attribute.dtype)
    attribute.read(value)
    found: int | float = value.item()
    return found
