"""What is being read: its history stays until it has been taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core.participant import READ, Participant
from cl._values.constants import HISTORY_FRAMES

from .threads import close, refuse_reentry

if TYPE_CHECKING:
    from cl._core.engine import Engine


class Reading:
    """A read that is under way, from `at` on; `at` moves on with it.

    In accelerated time the thread that reads may get its turn when others, who do not know of it, have moved
    time by more than the history: so time stops before that, held or not. To be ended by `end`.
    """

    __slots__ = ("_engine", "at", "participant")

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.at = engine.position
        participant = self.participant = Participant(name, READ)
        """The one who waits for it."""
        participant.horizon = self._horizon

    def begin(self, at: int | None) -> None:
        """Begin at a timestamp, None for now, that the history has or will have: ValueError if not.

        To be ended, also where this is interrupted.
        """
        engine = self._engine
        refuse_reentry(engine)
        with engine.lock:
            engine.check()
            self.at = engine.now() if at is None else at
            engine.check_readable(self.at, engine.readable_from)
            engine.time.join(self.participant)

    def end(self) -> None:
        """Let time go on. To be called again where it was interrupted, or may have been just before."""
        close(self._engine, self.participant)
        self.participant.horizon = None  # a cycle, which only the collector would end

    def _horizon(self) -> int:
        return self.at + HISTORY_FRAMES
