"""Waking tasks that are due at one time together: each finds, when it runs, that it has been served."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from .participant import Participant

MOST_AHEAD: Final = 16
"""So many are woken at once: other tasks have their turn in between."""
_MOST: Final = 64
_IN_VAIN: Final = 3
_REST: Final = -200


class WakesAhead:
    """Wakes tasks that are due now before they are served, in the order in which they will be.

    A task that is woken when it is served costs a round of the event loop, as much as a tick. Those that are
    woken ahead all run in one: each is served by the one before it, when that waits again. One whose turn has
    not come by then, since a body awaits something else, has run in vain and parks anew; where that happens
    often, none is woken ahead for a while.
    """

    __slots__ = ("_trust", "last")

    def __init__(self) -> None:
        self._trust = _MOST
        self.last: Participant | None = None
        """The last of those that were woken ahead: when it is served it is time for the next ones."""

    def wake(self, due: Collection[Participant], now_ns: int) -> None:
        """Wake those of `due` that run in the order in which they are woken."""
        trust = self._trust
        self.last = None
        if trust <= 0:
            self._trust = trust + 1 if trust else _MOST // 2
            return
        for participant in due:
            if participant.parked and participant.in_order:
                assert participant.place is not None
                participant.ahead_ns = now_ns
                participant.place.wake()
                participant.parked = False
                self.last = participant
                trust += 1
        self._trust = min(trust, _MOST)

    def in_vain(self) -> None:
        """Take note that a task that was woken ahead has not been served by then."""
        trust = self._trust
        if trust > 0:
            trust -= _IN_VAIN
            self._trust = trust if trust > 0 else _REST
