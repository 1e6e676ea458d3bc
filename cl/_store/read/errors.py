"""HDF5's errors as the ones that are promised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cl.error import UnsafeOperationError


@contextmanager
def damaged(where: str) -> Iterator[None]:
    """Turn what h5py raises for a damaged file into a ValueError that says where; KeyErrors of HDF5 too."""
    try:
        yield
    except (UnsafeOperationError, ValueError):
        raise
    except (OSError, RuntimeError, KeyError, TypeError, OverflowError, MemoryError) as error:
        hint = "; if it is still being recorded, open it again" if "addr overflow" in str(error) else ""
        raise ValueError(f"{where} cannot be read: {error}{hint}") from error
