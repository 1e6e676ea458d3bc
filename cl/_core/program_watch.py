"""What a program does with its device: when it was last at work, or waits, as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.constants import NEVER

if TYPE_CHECKING:
    from .engine import Engine
    from .participant import Participant


class ProgramWatch:
    """Tells when a program was last at work: when it called the device, or waited for it.

    One that waits for a frame to come is at work until that frame, and then has to go on: a thread that hangs
    while it should be served is found by that. Nothing is noted call by call; what has changed since the
    last look tells that there were some. Wants the engine's lock, but `ends`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: dict[Participant, None] = {}
        self._last = self._looked = self._covered = engine.time.now()
        self._is_over = False
        """Whether it was away for too long, and whatever it does now comes too late."""
        self._seen = self._state()

    def begins(self, participant: Participant) -> None:
        """Take note that a participant begins to wait."""
        self._engine.time.calls += 1
        self._waiting[participant] = None

    def ends(self, participant: Participant) -> None:
        """Take note that a wait is over that had no end of its own, or has been given up."""
        self._waiting.pop(participant, None)

    def resume(self) -> None:
        """Begin anew, at the present."""
        self._last = self._looked = self._engine.time.now()
        self._is_over = False
        self._seen = self._state()

    def last(self, patience: int) -> int:
        """Return the frame at which the program was last at work.

        A program that is seen at work again after nobody could look for longer than `patience`, as after a
        process was stopped, was not at work meanwhile.
        """
        if self._is_over:
            return self._last
        now, state = self._engine.time.now(), self._state()
        before = max(self._last, self._covered)
        stopped = now - self._looked >= patience and now - before >= patience
        self._covered = max(map(self._until, tuple(self._waiting)), default=0)
        self._last = min(max(self._last, self._covered), now)
        if state != self._seen:
            self._seen = state
            self._last = before if stopped else now
        self._looked = now
        self._is_over = now - self._last >= patience
        self._forget_those_that_are_over(now)
        return self._last

    def _state(self) -> tuple[int, int, int]:
        engine = self._engine
        return engine.time.calls, engine.history.log.commands, engine.history.entries.end

    def _until(self, participant: Participant) -> int:
        """Return up to where a participant waits as it should."""
        deadline, probe = participant.deadline, participant.probe
        if deadline is not None and deadline < NEVER:
            return deadline
        due = NEVER if probe is None else probe()
        # Where it is not known when the next event comes it may be any frame that has not come.
        return NEVER if due >= self._engine.position else due

    def _forget_those_that_are_over(self, now: int) -> None:
        over = [
            p for p in tuple(self._waiting) if p.deadline is not None and p.deadline <= min(self._last, now)
        ]
        for participant in over:
            self._waiting.pop(participant, None)
