"""The opens of a device that want control of it, and what is put back when they are left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cl._values.process_switches import garbage_collector

if TYPE_CHECKING:
    from cl._values.process_switches import Claim
    from cl.neurons import Neurons


class Control:
    """The opens of a device that want control, and how it was before the first of them."""

    __slots__ = ("held", "lock", "opens", "rests")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opens = 0
        self.held = False
        """Whether there was control before."""
        self.rests: set[Claim] = set()
        """What has the garbage collector rest."""


class Controlled(Protocol):
    """A device that is open, as far as control of it goes."""

    neurons: Neurons
    control: Control
    closed: bool


def take(
    session: Controlled, take_control: bool, rest_collector: bool, outermost: bool
) -> Callable[[], None]:
    """Take control if asked, let the collector rest if asked; return what puts both back as they were.

    Opens in several threads may be left in any order: none takes control from another.
    """
    neurons, control = session.neurons, session.control
    ended: set[Claim] = set()
    with control.lock:
        had_control = neurons.has_control()
        if take_control:
            neurons.take_control()
            if not control.opens:
                control.held = had_control
            control.opens += 1
        if rest_collector:
            ended = {garbage_collector.rest()}
            control.rests |= ended

    def restore() -> None:
        with control.lock:
            wanted = had_control
            if take_control:
                control.opens -= 1
                wanted = had_control if control.opens else control.held
            # With the outermost open the device goes, whatever is still open within it.
            for claim in {*control.rests} if outermost else ended:
                claim.release()
                control.rests.discard(claim)
            if outermost or neurons.has_control() == wanted or session.closed:
                return  # Closing ends stimulation, and then control.
            if wanted:
                neurons.take_control()
            elif not control.opens:
                neurons.release_control()

    return restore
