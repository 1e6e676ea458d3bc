"""The threads that have put data into a live source's sink."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from cl._values.last_words import hear_out, is_ending

if TYPE_CHECKING:
    from cl._core.reentry_lock import ReentryLock


class Emitters:
    """Threads that have emitted, as long as they are there."""

    def __init__(self, lock: ReentryLock) -> None:
        """`lock` is the sink's, which code that has interrupted an emission is refused."""
        self._lock = lock
        self._threads: WeakSet[threading.Thread] = WeakSet()

    def note(self) -> None:
        """Say that this thread emits."""
        thread = threading.current_thread()
        if thread not in self._threads:
            with self._lock:
                self._threads.add(thread)

    def hear_out_at_the_end(self) -> None:
        """Where the interpreter is about to end, let those that were refused say so; else: nothing."""
        if is_ending():
            with self._lock:
                threads = list(self._threads)
            hear_out(threads)
