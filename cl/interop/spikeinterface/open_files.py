"""The files of a recording of many: looked at once each, and opened again when samples are wanted."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._store.read import reader
from cl._store.read.data import Array
from cl._store.read.errors import damaged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cl._store.read.unshared import RecordingFile

_MOST_OPEN: Final = 16
"""A process may have 1024 descriptors, and a recording 1000 files."""


class SampleFile(NamedTuple):
    """What is to be known of a file with samples."""

    path: str
    frames: int
    rate: float
    gain_uV: float
    start_timestamp: int


def look(path: str) -> SampleFile:
    """Return what is to be known of a file.

    FileNotFoundError for a missing one, `ValueError` for what is no recording, or has no samples.
    """
    with reader.open_file(path) as file, damaged(path):
        rate = float(reader.number(file, "frames_per_second", above=0))
        samples = reader.dataset(file, "samples")
        if samples is None:
            raise ValueError(
                f"{path} has no samples: they were not recorded; read_cl_spikes reads its spikes"
            )
        reader.check_samples(samples)
        gain = float(reader.number(file, "uV_per_sample_unit", reader.DEFAULT_UV_PER_SAMPLE_UNIT))
        start = int(reader.number(file, "start_timestamp", 0))
        return SampleFile(path, int(samples.shape[0]), rate, gain, start)


class OpenFiles:
    """The few files that were read last, open; for any thread, and in a fork anew."""

    def __init__(self) -> None:
        self._pid = -1
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[RecordingFile, Array]] = OrderedDict()
        self._pid = os.getpid()

    def read(self, path: str, start: int, stop: int) -> NDArray[np.int16]:
        """Return the samples of frames [start, stop), int16 (frames, 64)."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            return self._samples(path)[start:stop]  # type: ignore[no-any-return]

    def _samples(self, path: str) -> Array:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path][1]
        file = reader.open_file(path)
        try:
            samples = reader.dataset(file, "samples")
            if samples is None:
                raise ValueError(f"{path} has no samples any more")
            self._open[path] = file, Array(samples)
        except BaseException:
            file.close()
            raise
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1][0].close()
        return self._open[path][1]

    def close(self) -> None:
        """Close what is open; what is read afterwards opens its file again."""
        if self._pid != os.getpid():
            return
        with self._lock:
            while self._open:
                self._open.popitem()[1][0].close()
