"""The sessions that the server knows: those that are connected, and those that may come back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from cl._core.host_clock import host_ns
from cl.net.wire.layout import KEPT_ANSWERS, KEPT_SESSION_S

if TYPE_CHECKING:
    from cl.net.wire.commands import Answer
    from cl.net.wire.layout import Fault

_MOST_SESSIONS: Final = 1024


class Connected(Protocol):
    """A client's connection, as far as its session has to know of it."""

    def fail(self, fault: Fault, text: str) -> None:
        """End the connection, and say why."""
        ...


class Session:
    """What belongs to a client, over all its connections."""

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self.name = name
        self.peer: Connected | None = None
        """Its connection, None while it has none."""
        self.heard_ns = host_ns()
        """When the last message came from it."""
        self.last = 0
        """The last command that was taken."""
        self._answers: OrderedDict[int, Answer] = OrderedDict()

    def remember(self, answer: Answer) -> None:
        """Keep an answer, for when it has to be given again."""
        self._answers[answer.id] = answer
        if len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)

    def answer(self, id: int) -> Answer | None:
        """Return what was answered to a command, None where that is not known any more."""
        return self._answers.get(id)


class Sessions:
    """All of them."""

    def __init__(self) -> None:
        self._known: dict[str, Session] = {}

    def find(self, id: str, name: str) -> tuple[Session, bool]:
        """Return a client's session, and whether it was known."""
        session = self._known.get(id)
        if session is not None:
            session.name = name
            return session, True
        self._known[id] = session = Session(id, name)
        if len(self._known) > _MOST_SESSIONS:
            self.forget_old(0.0)
        return session, False

    def forget(self, session: Session) -> None:
        """Know a client no more, which has said goodbye."""
        if self._known.get(session.id) is session:
            del self._known[session.id]

    def forget_old(self, seconds: float = KEPT_SESSION_S) -> None:
        """Forget those that have been without a connection for so long."""
        before = host_ns() - int(seconds * 1e9)
        for session in tuple(self._known.values()):
            if session.peer is None and session.heard_ns <= before:
                del self._known[session.id]
