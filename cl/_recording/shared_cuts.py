"""What overlapping recordings do once for all of them: cutting the spikes' samples out of the frames."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedCuts:
    """The turns of a device's recordings. While there are several, the samples stay with the spikes.

    The first recording that comes to a block cuts its spikes, and the others find them cut.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # A signal handler of the thread that has it may begin a recording.
        self._recordings = 0

    def join(self) -> None:
        """Count a recording that begins."""
        with self._lock:
            self._recordings += 1

    def leave(self) -> None:
        """Count a recording that ends."""
        with self._lock:
            self._recordings -= 1

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Have a turn, and say whether there are others who want what is cut in it."""
        if self._recordings < 2:
            yield False
            return
        with self._lock:
            yield True
