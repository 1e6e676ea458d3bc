"""How long the disk still has room for a recording."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.saying import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .succession import Succession

WARNINGS: Final = ((600, "ten minutes"), (3_600, "an hour"))
"""Seconds that are left, and what is said then."""
_SECONDS: Final = 60
"""The present rate is that of so long."""

_log = Log()


class DiskSpace:
    """What a recording takes of its disk, and what that still holds. `look` is for the thread that writes."""

    def __init__(self, files: Succession, samples: bool, running: Callable[[], Iterable[DiskSpace]]) -> None:
        """`running` returns those of all recordings that run; they may share the disk."""
        self._files = files
        self._running = running
        self._folder = files.path.parent
        self._disk = os.stat(files.path).st_dev
        self._usual = 2.0 * CHANNEL_COUNT * FRAMES_PER_SECOND if samples else 0.0
        self._marks = deque([(0, files.size)], _SECONDS)
        self._said = float("inf")

    @property
    def rate(self) -> float:
        """Bytes per second of the recording; as many as its samples take until a second is recorded."""
        frames, size = self._marks[0]
        frames = self._files.frames - frames
        if frames < FRAMES_PER_SECOND:
            return self._usual
        return (self._files.size - size) * FRAMES_PER_SECOND / frames

    def seconds_left(self) -> float:
        """Return for how many seconds there is room at the present rates of all that share the disk."""
        import shutil

        rate = self.rate + sum(
            other.rate for other in self._running() if other is not self and other._disk == self._disk
        )
        free = shutil.disk_usage(self._folder).free
        return free / rate if rate > 0 else float("inf")

    def look(self, planned: float) -> None:
        """Take note of the size, and warn where the disk is nearly full; `planned` seconds are to come."""
        frames = self._files.frames
        if frames - self._marks[-1][0] < FRAMES_PER_SECOND:
            return
        self._marks.append((frames, self._files.size))
        with suppress(OSError):  # The folder may be gone, of which others tell.
            self._warn(self.seconds_left(), planned)

    def _warn(self, left: float, planned: float) -> None:
        for limit, text in WARNINGS:
            if left < limit and left < planned:
                if limit < self._said:
                    self._said = limit
                    _log.warning(
                        "%s: the disk has room for less than %s at the present rate", self._files.path, text
                    )
                return
