"""Waits that would wait for themselves: they are refused."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterable, Mapping

from .participant import Hold, Participant
from .reentry_lock import REENTRY


def refuse_own_wait(blocking: Iterable[object]) -> None:
    """Raise where a task runs in a thread that blocks already for one of these owners.

    It has interrupted that wait, which, were it served, could not go on, and time would stand.
    """
    here = get_ident()
    for owner in blocking:
        if getattr(getattr(owner, "thread", None), "ident", None) == here:
            raise RuntimeError(REENTRY)


def refuse_own_hold(
    participant: Participant,
    owner: object,
    arriving: Mapping[Participant, int],
    explicit: Mapping[Hold, int],
) -> None:
    """Raise where the thread that is to block is the one that holds: nobody would end that."""
    thread = getattr(getattr(owner, "thread", None), "ident", None)
    if any(ident == thread and other is not participant for other, ident in arriving.items()):
        raise RuntimeError(REENTRY)
    for hold, ident in explicit.items():
        if ident == thread and hold.active and not hold.over:
            raise RuntimeError(
                f"{participant.name} would never end: this thread holds accelerated time itself "
                f"({hold.name}); wait outside of that block, or in another thread"
            )
