"""Opening a file that this process has open already, as it is now.

HDF5 knows a file that is open again, and hands out what it has in memory of it: how long the datasets
were when it was opened first. A recording may have grown since, or ended.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h5py

if TYPE_CHECKING:
    from pathlib import Path


def open_unshared(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, apart from any other that is open; raises what h5py does."""
    return _UnsharedFile(path) if _is_open(path) else _File(path, "r")


def _is_open(path: Path) -> bool:
    """Return whether HDF5 has this very file open for reading, under whatever name."""
    wanted = os.stat(path)
    for file in h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE):
        # Files that are no files of the system's have no descriptor; others may just be being closed.
        with suppress(OSError, RuntimeError, ValueError, NotImplementedError):
            if file.get_intent() == h5py.h5f.ACC_RDONLY and os.path.samestat(
                os.fstat(file.get_vfd_handle()), wanted
            ):
                return True
    return False


class _Bytes(io.FileIO):
    """A file, which HDF5 calls by its path."""

    def __repr__(self) -> str:
        return str(self.name)


class _File(h5py.File):  # type: ignore[misc]
    """An h5py file that says what is missing to whoever takes it for PyTables' (`view.file.root`)."""

    @property
    def root(self) -> Any:
        raise AttributeError("`file.root` is PyTables': install the extra, pip install 'cl-aio[tables]'")


class _UnsharedFile(_File):
    """Reads through a Python file, which HDF5 takes for no other; half as fast."""

    def __init__(self, path: Path) -> None:
        self._bytes = _Bytes(path)
        try:
            super().__init__(self._bytes, "r")
        except BaseException:
            self._bytes.close()
            raise

    def close(self) -> None:
        super().close()
        self._bytes.close()
