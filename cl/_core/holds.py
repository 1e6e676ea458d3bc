"""Who holds virtual time: the rules are those of `cl._core.virtual`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .participant import Hold, KeepsHolds, Participant

_SWEEP = 64
"""Holds of owners that have ended are thrown away when there are about as many of them as of the others."""


class Holds:
    """The holds of a virtual time, one for each owner (a task or thread), and what owners take part with.

    As the scheduler's methods these are written to be called again after an interruption.
    """

    def __init__(self, ended: Callable[[object], bool]) -> None:
        self.ended = ended
        """Whether a task or thread has ended; the devices know."""
        self.present: dict[object, Hold] = {}
        """Those that count, by their owners."""
        self.active: dict[Hold, None] = {}
        """Those that are active, in that order: mostly one of many, and looked at all the time."""
        self._lasting: dict[object, set[Participant]] = {}
        """The participants that last (loops and streams), by their owners."""
        self._sweep_at = _SWEEP
        self.of = self.present.get
        """Returns an owner's present hold, or None."""
        self.lasts = self._lasting.__contains__
        """Returns whether an owner takes part with a loop or stream."""

    # -- what owners take part with -------------------------------------------------------

    def own(self, participant: Participant, owner: object) -> None:
        """Take a participant for its owner's, if it lasts."""
        if not participant.transient and owner is not None:
            self._lasting.setdefault(owner, set()).add(participant)

    def disown(self, participant: Participant, owner: object) -> None:
        """Take a participant for its owner's no longer."""
        owned = self._lasting.get(owner)
        if owned is not None:
            owned.discard(participant)
            if not owned:
                del self._lasting[owner]

    def end_unless_lasting(self, owner: object) -> None:
        """End an owner's hold, where it has no loop or stream to hold for."""
        hold = self.present.get(owner)
        if hold is not None and owner not in self._lasting:
            self.deactivate(hold)

    # -- holds ----------------------------------------------------------------------------

    def put(self, hold: Hold) -> None:
        """Let a hold be its owner's present one."""
        self.present[hold.owner] = hold

    def activate(self, hold: Hold) -> None:
        """Let a hold stop time."""
        hold.active = True
        self.active[hold] = None

    def deactivate(self, hold: Hold) -> None:
        """Let a hold stop time no longer."""
        # In this order: what an interruption leaves half done is done again for those that are still active.
        self.active.pop(hold, None)
        hold.active = False

    def forget(self, hold: Hold) -> None:
        """End a hold for good."""
        self.deactivate(hold)
        if self.present.get(hold.owner) is hold:
            del self.present[hold.owner]

    def end_device(self, device: object) -> None:
        """End what is held after waits for a device that is gone, but by owners that take part on others."""
        for hold in tuple(self.active):
            if hold.device is device and hold.owner not in self._lasting:
                self.deactivate(hold)

    def end_all(self) -> None:
        """Forget who has taken part: no device is open any more. Holds of the time itself stay."""
        for hold in tuple(self.present.values()):
            if not hold.active or hold.device is not None:
                self.forget(hold)

    def welcome(self, owner: object, name: str, parent: Hold | None, scheduler: KeepsHolds) -> None:
        """Note a newcomer; unless it works for a body, holds after single waits end.

        Their owners may be waiting for the newcomer, in ways that cannot be seen.
        """
        if not any(self.present.get(body.owner) is body for body in line(parent)):
            for hold in [hold for hold in self.active if hold.transient]:
                self.deactivate(hold)
        if len(self.present) >= self._sweep_at:
            for hold in [hold for other, hold in self.present.items() if self.ended(other)]:
                self.forget(hold)
            self._sweep_at = 2 * len(self.present) + _SWEEP
        self.present[owner] = Hold(owner, name, transient=True, scheduler=scheduler)

    def renew(self, owner: object, name: str, device: object, scheduler: KeepsHolds) -> Hold:
        """Return the hold of an owner after a wait of its own for a device, which nobody else waited for."""
        before = self.of(owner)
        if before is None:
            self.welcome(owner, name, None, scheduler)
        hold = Hold(owner, name, transient=True, scheduler=scheduler)
        hold.device = device
        # In this order: an interruption leaves time held.
        self.put(hold)
        self.activate(hold)
        if before is not None:
            self.deactivate(before)
        return hold

    def living(self, hold: Hold | None, owner: object) -> Hold | None:
        """Return the nearest of a line of holds that may count, other than `owner`'s own.

        Those that were replaced, or whose owners have ended, are taken out of the line: a task that starts
        its successor, which starts its own, would otherwise leave all of them behind.
        """
        nearest = at = self._skip(hold, owner)
        while at is not None:
            at.parent = self._skip(at.parent)
            at = at.parent
        return nearest

    def _skip(self, hold: Hold | None, owner: object = None) -> Hold | None:
        """Return the first of a line of holds that is its owner's present one, and not `owner`'s."""
        while hold is not None:
            if hold.owner is not owner and self.present.get(hold.owner) is hold:
                if not (hold.over or self.ended(hold.owner)):
                    return hold
                self.forget(hold)
            hold = hold.parent
        return None

    # -- who holds ------------------------------------------------------------------------

    def stop_time(self) -> bool:
        """Return whether time is held; not by owners that have ended."""
        if not self.active:
            return False
        for hold in tuple(self.active):
            if hold.workers:
                continue
            if not (hold.over or self.ended(hold.owner)):
                return True
            self.forget(hold)
        return False

    def names(self) -> list[str]:
        """Return the names of the holds that stop time."""
        held = [hold for hold in self.present.values() if hold.counts and not hold.over]
        return [hold.name for hold in held if not self.ended(hold.owner)]

    def are_of(self, owner: object) -> bool:
        """Return whether an owner holds time."""
        hold = self.of(owner)
        return hold is not None and hold.counts

    def are_only_of(self, owner: object) -> bool:
        """Return whether no other owner has an active hold."""
        return all(hold.owner is owner for hold in self.active)

    def may_end_silently(self) -> bool:
        """Return whether a hold after a single wait stops time: its owner may end without a word."""
        for hold in self.active:  # noqa: SIM110  # A generator would cost more than the rest.
            if hold.transient and not hold.workers:
                return True
        return False


def line(hold: Hold | None) -> Iterator[Hold]:
    """Yield a hold, that of the body which it works for, and so on."""
    while hold is not None:
        yield hold
        hold = hold.parent
