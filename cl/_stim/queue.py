"""The stimulator's memory: what is queued on a channel, and what channels share."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from cl._values.constants import GROUNDED, NEVER

from .operations import StimOperation


class Sync:
    """A barrier. Channel sets are bit masks.

    `missing`: channels that have not come to it; `waiting`: channels that stand
    at it and wait for nothing else.
    """

    __slots__ = ("missing", "waiting")

    def __init__(self, channels: int) -> None:
        self.missing = channels
        self.waiting = 0


class Wait:
    """A plan's wait for its time, queued once on each channel that the plan uses.

    `channels`: where it is still queued; the plan waits as long as there are some.
    """

    __slots__ = ("channels", "step")

    def __init__(self, step: int) -> None:
        self.step = step
        self.channels = 0


class DeferredInterrupt:
    """An interrupt of a plan with a future time, queued behind the plan's `Wait`."""

    __slots__ = ("channels", "step")

    def __init__(self, step: int) -> None:
        self.step = step
        self.channels = 0


class PendingInterrupt:
    """An interrupt that takes effect when the running period ends; it stands first in the queue.

    `syncs` were dropped by it: the channel counts as having come to them then.
    """

    __slots__ = ("syncs",)

    def __init__(self, syncs: list[Sync]) -> None:
        self.syncs = syncs


Entry: TypeAlias = tuple[StimOperation, int] | Sync | Wait | DeferredInterrupt | PendingInterrupt
"""What a queue holds; a stim goes with the step for which its first pulse is asked."""


class Channel:
    """One channel: its queue, its running period, and what it waits for.

    `wake`: the step of its valid entry in the agenda. `free_at`: where its running
    period ends. `left`, `stim`, `intended`: the pulses still to come of its burst,
    and the step for which the next is asked. `sync`: the barrier it stands at.
    `delayed`: the lead delay of the first stim in the queue has begun.
    """

    __slots__ = (
        "bit",
        "delayed",
        "free_at",
        "grounded",
        "intended",
        "left",
        "number",
        "queue",
        "stim",
        "sync",
        "wake",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.bit = 1 << number
        self.grounded = number in GROUNDED
        self.queue: deque[Entry] = deque()
        self.wake = NEVER
        self.free_at = 0
        self.left = 0
        self.stim: StimOperation | None = None
        self.intended = 0
        self.sync: Sync | None = None
        self.delayed = False

    def queued(self) -> int:
        """Return the number of operations queued and not yet begun."""
        return sum(type(entry) is not Wait for entry in self.queue)

    def at_rest(self, step: int) -> bool:
        """Return whether nothing is queued and no period is running: at any barrier already."""
        return not (self.queue or self.left or self.free_at > step or self.sync is not None)
