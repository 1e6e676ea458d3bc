"""Opening a file as it is now, whatever else of this process has it open, and at one moment.

HDF5 knows a file that is open again, and hands out what it has in memory of it: how long the datasets
were when it was opened first. A recording may have grown since, or ended. One that grows is seen through an
image of one moment.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h5py

from . import snapshot
from .descriptor import Descriptor
from .image import Image
from .snapshot import NOTHING

if TYPE_CHECKING:
    from pathlib import Path

    from .snapshot import Snapshot


def open_unshared(path: Path) -> RecordingFile:
    """Open an HDF5 file for reading, apart from any other that is open; raises what h5py does."""
    descriptor = Descriptor(path)
    try:
        moment = _moment(descriptor, str(path))
        if moment is None and not _is_open(path):
            return RecordingFile(path, descriptor)
        return ImageFile(str(path), descriptor, moment or NOTHING)
    except BaseException:
        descriptor.close()
        raise


def _moment(descriptor: Descriptor, name: str) -> Snapshot | None:
    return snapshot.take(descriptor.number, name) if hasattr(os, "pread") else None


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


class RecordingFile(h5py.File):  # type: ignore[misc]
    """An h5py file that says what is missing to whoever takes it for PyTables' (`view.file.root`).

    `descriptor` reads the same file at places.
    """

    def __init__(self, file: Path | Image, descriptor: Descriptor) -> None:
        super().__init__(file, "r")
        self.descriptor: Descriptor = descriptor

    @property
    def root(self) -> Any:
        raise AttributeError("`file.root` is PyTables': install the extra, pip install 'cl-aio[tables]'")

    def close(self) -> None:
        super().close()
        self.descriptor.close()

    def newer(self) -> RecordingFile | None:
        """Return the file as it is now; None if it has not changed since it was opened.

        ValueError where what was there is no longer there.
        """
        return None


class ImageFile(RecordingFile):
    """Reads through an image, which HDF5 takes for no other file."""

    def __init__(self, path: str, descriptor: Descriptor, moment: Snapshot) -> None:
        self._path = path
        self._moment = moment
        super().__init__(Image(path, descriptor, moment.blocks), descriptor)

    def newer(self) -> RecordingFile | None:
        if self._moment is NOTHING:
            return None
        moment = _moment(self.descriptor, self._path) or NOTHING
        if not self._moment.is_kept(self.descriptor.number):
            raise ValueError(f"{self._path} was cut meanwhile: what was there is no longer there")
        return None if moment == self._moment else ImageFile(self._path, self.descriptor, moment)
