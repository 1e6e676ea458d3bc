"""The opens of a device that want control of it, and what is put back when they are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cl._core.reentry_lock import ReentryLock
from cl._values.process_switches import garbage_collector

if TYPE_CHECKING:
    from cl._values.process_switches import Claim
    from cl.neurons import Neurons


class Control:
    """The opens of a device that want control, and how it was before the first of them."""

    __slots__ = ("held", "lock", "opens", "rests")

    def __init__(self) -> None:
        self.lock = ReentryLock()
        self.opens: set[Share] = set()
        self.held = False
        """Whether there was control before."""
        self.rests: set[Claim] = set()
        """What has the garbage collector rest."""


class Controlled(Protocol):
    """A device that is open, as far as control of it goes."""

    neurons: Neurons
    control: Control
    closed: bool


class Share:
    """What one open has of a device: control if asked, and the garbage collector at rest if asked.

    Opens in several threads may be left in any order: none takes control from another.
    """

    __slots__ = ("_had_control", "_outermost", "_rest", "_session")

    def __init__(self, session: Controlled, outermost: bool) -> None:
        self._session = session
        self._outermost = outermost
        self._had_control: bool | None = None
        self._rest: Claim = garbage_collector.claim()

    def take(self, take_control: bool, rest_collector: bool) -> None:
        """Take it. To be given back, also where this is interrupted."""
        neurons, control = self._session.neurons, self._session.control
        control.lock.refuse_reentry()
        with control.lock:
            self._had_control = had_control = neurons.has_control()
            if take_control:
                neurons.take_control()
                if not control.opens:
                    control.held = had_control
                control.opens.add(self)
            if rest_collector:
                control.rests.add(self._rest)
                garbage_collector.rest(self._rest)

    def give_back(self) -> None:
        """Put both back as they were. Again: nothing."""
        session, control, had_control = self._session, self._session.control, self._had_control
        if had_control is None:
            return
        control.lock.refuse_reentry()
        with control.lock:
            wanted = had_control
            if self in control.opens:
                control.opens.discard(self)
                wanted = had_control if control.opens else control.held
            # With the outermost open the device goes, whatever is still open within it.
            for claim in {*control.rests} if self._outermost else {self._rest} & control.rests:
                claim.release()
                control.rests.discard(claim)
            self._had_control = None
            if self._outermost or session.neurons.has_control() == wanted or session.closed:
                return  # Closing ends stimulation, and then control.
            if wanted:
                session.neurons.take_control()
            elif not control.opens:
                session.neurons.release_control()
