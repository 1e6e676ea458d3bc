"""The threads that have put data into a live source's sink."""

from __future__ import annotations

import threading

from cl._core.last_words import hear_out, is_ending


class Emitters:
    """Threads that have emitted."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def note(self) -> None:
        """Say that this thread emits."""
        self._numbers.add(threading.get_ident())

    def hear_out_at_the_end(self) -> None:
        """Where the interpreter is about to end, let those that were refused say so; else: nothing."""
        if is_ending():
            numbers = set(self._numbers)
            hear_out([thread for thread in threading.enumerate() if thread.ident in numbers])
