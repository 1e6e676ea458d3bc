"""Which devices are open in this process, for those who open them and for those who only have to know.

A device has a place under its key. Several places are opened and closed at once, independent of each other.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any, Final, Protocol
from weakref import WeakSet


class Page(Protocol):
    """The server of a device's page."""

    url: str
    application: Any
    """What is shown at `/app`, or None."""

    @property
    def annotation_url(self) -> str:
        """Where it is for who may annotate."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it serves, in this process."""
        ...

    def show(self, visualiser: Any) -> str:
        """Serve a custom visualiser, and return under which URL."""
        ...

    def leave(self) -> None:
        """Show the device no more, which closes: the end, unless it is kept."""
        ...

    def stop(self) -> None:
        """Serve no more."""
        ...

    def disown(self) -> None:
        """Let go of the sockets in a fork: the process that has opened them serves them."""
        ...


class OpenSession(Protocol):
    """A device that is open, as far as others have to know of it."""

    closed: bool
    """Whether it is open no more, or about to be."""
    visualiser: Page | None
    """The server of its page, or None."""

    def close(self) -> None:
        """Finalise what is being recorded, and close the device."""
        ...

    def disown(self) -> None:
        """Let go of the device in a fork: every call of it raises an error from now on."""
        ...


class _Environment:
    def __repr__(self) -> str:
        return "the environment's device"


ENVIRONMENT: Final = _Environment()
"""The key of the device that the environment describes, which every plain open joins."""


class Place:
    """Where a device is open, or is about to be."""

    __slots__ = ("key", "lock", "opening", "session", "visitors")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.lock = threading.RLock()
        """Held while the device is opened, and where `session` is changed."""
        self.opening = False
        """Whether the thread that holds the lock is about to open the device."""
        self.session: OpenSession | None = None
        self.visitors: set[object] = set()
        """Opens that have entered and not left."""


class OpenDevices:
    """The devices that are open in this process, by their keys.

    Reading needs no lock: what is read is never changed, but replaced.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler of the thread that has it may open a device
        self._places: dict[Hashable, Place] = {}
        self._stand_ins: tuple[Hashable, ...] = ()
        self._own: ContextVar[Hashable] = ContextVar("cl_stand_in", default=None)
        self.page: Page | None = None
        """The page that shows one device after the other, once a frame was made without one."""
        self._made: WeakSet[OpenSession] = WeakSet()

    def note(self, session: OpenSession) -> None:
        """Know of a session from before it is open: the process may be forked meanwhile."""
        self._made.add(session)

    def begin_anew(self) -> list[OpenSession]:
        """Forget all that is open: it is that of the process that was forked. Return what it was."""
        self._lock = threading.RLock()
        for place in self._places.values():
            place.lock, place.session = threading.RLock(), None
        self._places, self._stand_ins = {}, ()
        made, self._made = [*self._made], WeakSet()
        page, self.page = self.page, None
        if page is not None:
            page.disown()
        return made

    def is_open(self) -> bool:
        """Return whether any device is open."""
        return bool(self.sessions())

    def sessions(self) -> list[OpenSession]:
        """Return what is open, in the order in which the keys were first entered."""
        found = (place.session for place in self._places.values())
        return [session for session in found if session is not None and not session.closed]

    def find(self, key: Hashable) -> OpenSession | None:
        """Return what is open under a key. A session closed before its block was left is open no more."""
        place = self._places.get(key)
        session = None if place is None else place.session
        return None if session is None or session.closed else session

    def enter(self, key: Hashable, visitor: object) -> Place:
        """Return the key's place, to which an open comes that has yet to `leave` it."""
        with self._lock:
            place = self._places.get(key)
            if place is None:
                place = Place(key)
                place.visitors.add(visitor)
                self._places = {**self._places, key: place}
            place.visitors.add(visitor)
        return place

    def leave(self, key: Hashable, visitor: object) -> None:
        """Forget the place once the last of its visitors has left: nothing is kept of what is not open.

        Again: nothing.
        """
        with self._lock:
            place = self._places.get(key)
            if place is None:
                return
            place.visitors.discard(visitor)
            if not place.visitors:
                self._places = {other: it for other, it in self._places.items() if it is not place}

    def forget(self, key: Hashable, session: OpenSession) -> None:
        """Have a session be open under its key no more: it is closed."""
        place = self._places.get(key)
        if place is not None:
            with place.lock:
                if place.session is session:
                    place.session = None

    # -- what takes the place of the environment's device -----------------------------------

    def put_in_place(self, stand_in: Hashable) -> None:
        """Let plain opens join this key's device instead of the environment's, until `take_away`.

        It counts for this context and what inherits it, and everywhere as long as it is the only one.
        RuntimeError where plain opens of this context would join an open device already.
        """
        with self._lock:
            if self._own.get() in self._stand_ins or self.find(ENVIRONMENT) is not None:
                raise RuntimeError("a device is open already: a test's simulator is a device of its own")
            self._stand_ins = (*self._stand_ins, stand_in)
        self._own.set(stand_in)

    def take_away(self, stand_in: Hashable) -> None:
        """End what `put_in_place` began, from any context."""
        with self._lock:
            self._stand_ins = tuple(other for other in self._stand_ins if other is not stand_in)
        if self._own.get() is stand_in:
            self._own.set(None)

    def stand_in(self) -> Hashable:
        """Return what plain opens join instead of the environment's device, or None."""
        present, own = self._stand_ins, self._own.get()
        if own in present:
            return own
        if len(present) > 1:
            raise RuntimeError(
                f"{len(present)} test simulators are open, and this thread belongs to none of them: start it "
                "in a copy of its test's context (contextvars.copy_context().run), or hand it the neurons"
            )
        return present[0] if present else None

    def environments(self) -> OpenSession | None:
        """Return the environment's device, or what takes its place, where that is open."""
        return self.find(self.stand_in() or ENVIRONMENT)


devices: Final = OpenDevices()
"""Those of this process."""
