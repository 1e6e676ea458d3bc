"""How far accelerated time has come, for a person who waits: on a terminal or in a notebook."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.progress import Progress
from cl._values.thread_start import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cl._core.engine import Engine
    from cl._core.participant import Participant

_EVERY_S: Final = 0.1
_SILENT_S: Final = 1.0
"""What is over sooner is not worth a line."""


class GoalWatch:
    """Looks ten times a second how far the loop, read or wait has come that ends last, in its own thread.

    Whoever waits does nothing for it: a participant that knows its end has it in `goal`.
    """

    def __init__(self, engine: Engine, participants: Callable[[], Iterable[Participant]]) -> None:
        self._engine = engine
        self._participants = participants
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cl-progress", daemon=True)

    def start(self) -> None:
        """Begin to look. To be stopped."""
        try:
            start_thread(self._thread)
        except BaseException:
            # The thread may have begun before a signal's handler raised.
            self._over.set()
            raise

    def stop(self) -> None:
        """Take the line away; the thread has ended when this returns."""
        self._over.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY_S):
            found = self._longest()
            if found is not None and not self._over.wait(_SILENT_S) and self._longest() is found:
                self._follow(found)

    def _follow(self, participant: Participant) -> None:
        """Show one until it is over, or another has a later end."""
        begin, goal = self._engine.position, participant.goal or 0
        label = f"{participant.name}, {goal / FRAMES_PER_SECOND:g} s"
        with Progress(label, goal - begin) as progress:
            while self._longest() is participant and not self._over.wait(_EVERY_S):
                progress.to(self._engine.position - begin)

    def _longest(self) -> Participant | None:
        """Return who ends last of those that have an end to come."""
        position, found = self._engine.position, None
        for participant in self._participants():
            goal = participant.goal
            if goal is not None and goal > position and (found is None or goal > (found.goal or 0)):
                found = participant
        return found


def watch_goals(engine: Engine) -> GoalWatch | None:
    """Start to watch, where there is somewhere to show it and time is virtual; else return None."""
    participants: Callable[[], Iterable[Participant]] | None = getattr(engine.time, "participants", None)
    if participants is None or not Progress("", 1).is_shown:
        return None
    watch = GoalWatch(engine, participants)
    watch.start()
    return watch
