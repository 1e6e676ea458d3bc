"""Whether tasks that wait for each other do so by one turn of their event loop each."""

from __future__ import annotations

from typing import Final

MOST_TURNING: Final = 16
"""So many tasks take turns at most: others have theirs in between."""
_LEAST_REST: Final = 2
"""After so many moves of time all who go round have parked."""
_LONGEST_REST: Final = 256
_GOOD: Final = 200


class Turns:
    """Tells tasks that have to wait whether to let the others run once, rather than park to be woken.

    Where all who wait are tasks of one event loop whose bodies await nothing else, each has been served when
    it runs again after one turn of the others: they go round in the order in which they are served. That
    costs less than to be woken by a future. The order becomes right when time moves while all are parked. It
    is lost where a body awaits something else: a turn is in vain, and all park for a while.
    """

    __slots__ = ("_next_rest", "_rest", "good", "likely")

    def __init__(self) -> None:
        self.likely = False
        """Whether one turn of the others is likely to be what a task has to wait for."""
        self._rest = self._next_rest = _LEAST_REST
        self.good = 0
        """How often that has been so since they began."""

    def time_has_moved(self, participants: int) -> None:
        """Take note that time has moved for so many: turns may begin here."""
        self._rest -= 1
        if self._rest <= 0 and participants <= MOST_TURNING:
            self.good, self.likely = 0, True

    def in_vain(self) -> None:
        """Take note that a task was not."""
        if self.likely:
            self.likely = False
            self._next_rest = _LEAST_REST if self.good > _GOOD else min(2 * self._next_rest, _LONGEST_REST)
            self._rest = self._next_rest
