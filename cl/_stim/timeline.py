"""What a stimulator would do: its timeline to the end, as trains, without touching it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from cl._values.constants import CHANNEL_COUNT, NEVER

from .designs import NOTICE_STEPS, StimDesign
from .machine import GO_ON, STEP_SHIFT
from .operations import Operation, StimOperation
from .queue import DeferredInterrupt, Entry, PendingInterrupt, Sync, Wait
from .sequencer import Sequencer

S = TypeVar("S")


class Train(NamedTuple):
    """Pulses of one design, `period` steps apart."""

    first: int
    pulses: int
    period: int
    design: StimDesign


def timeline(
    machine: Sequencer, operations: Sequence[Operation], step: int, at_step: int | None
) -> list[list[Train]]:
    """Return each channel's pulses from now on, if operations were submitted, to the end of all queues.

    Those whose notice has begun and that nobody has taken yet are among them. Raises what the submission
    would. The cost is that of the queues, a burst counts as one; but as long as interrupts are deferred it
    grows with the pulses until then.
    """
    copy = _copied(machine)
    if operations:
        copy.submit(operations, step, at_step)
    trains: list[list[Train]] = [[] for _ in range(CHANNEL_COUNT)]
    deferred = max((interrupt.step for interrupt in copy._deferred), default=None)
    if deferred is not None:
        copy._run((deferred << STEP_SHIFT) + GO_ON)
    for pulse in copy._out:
        trains[pulse.channel].append(Train(pulse.step, 1, 1, pulse.design))
    copy._out = []
    queued = _in_one(copy, trains)
    copy.next_step = 0
    for pulse in copy.advance(NEVER):
        stim = queued[pulse.channel].popleft()
        trains[pulse.channel].append(Train(pulse.step, stim.count, stim.period_steps, stim.design))
    return trains


def _in_one(copy: Sequencer, trains: list[list[Train]]) -> list[deque[StimOperation]]:
    """Make a single long pulse of each burst; return the stims that each channel comes to, in order.

    No interrupt is to come any more, so that each burst runs to its end.
    """
    queued: list[deque[StimOperation]] = [deque() for _ in range(CHANNEL_COUNT)]
    for channel in copy._channels:
        if channel.left:
            assert channel.stim is not None
            period = channel.stim.period_steps
            first = channel.free_at + NOTICE_STEPS
            trains[channel.number].append(Train(first, channel.left, period, channel.stim.design))
            channel.free_at += channel.left * period
            channel.left = 0
            if channel.queue:
                copy._schedule(channel, channel.free_at)
            else:
                channel.wake = NEVER
        for place, entry in enumerate(channel.queue):
            if type(entry) is tuple:
                stim, intended = entry
                queued[channel.number].append(stim)
                if stim.count > 1:
                    channel.queue[place] = _one_long(stim), intended
    return queued


def _one_long(stim: StimOperation) -> StimOperation:
    return StimOperation(stim.channels, stim.design, 1, stim.count * stim.period_steps, stim.delay_steps)


def _copied(machine: Sequencer) -> Sequencer:
    """Return a stimulator in the same state, which shares nothing that changes."""
    copy = Sequencer(machine.limits)
    copy._agenda, copy._out = machine._agenda[:], machine._out[:]
    copy._now, copy.next_step = machine._now, machine.next_step
    new = _Copies()
    for own, channel in zip(copy._channels, machine._channels, strict=True):
        own.queue = deque(map(new.entry, channel.queue))
        own.sync = None if channel.sync is None else new.sync(channel.sync)
        own.wake, own.free_at, own.left = channel.wake, channel.free_at, channel.left
        own.stim, own.intended, own.delayed = channel.stim, channel.intended, channel.delayed
    copy._syncs = set(map(new.sync, machine._syncs))
    copy._waits = dict.fromkeys(map(new.wait, machine._waits))
    copy._deferred = dict.fromkeys(map(new.deferred, machine._deferred))
    return copy


class _Copies:
    """Copies of what channels share, one of each."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def entry(self, entry: Entry) -> Entry:
        if type(entry) is tuple:
            return entry
        if type(entry) is Sync:
            return self.sync(entry)
        if type(entry) is Wait:
            return self.wait(entry)
        if type(entry) is DeferredInterrupt:
            return self.deferred(entry)
        assert type(entry) is PendingInterrupt
        return PendingInterrupt(list(map(self.sync, entry.syncs)))

    def sync(self, sync: Sync) -> Sync:
        return self._one(sync, _copy_of_sync)

    def wait(self, wait: Wait) -> Wait:
        return self._one(wait, _copy_of_wait)

    def deferred(self, interrupt: DeferredInterrupt) -> DeferredInterrupt:
        return self._one(interrupt, _copy_of_deferred)

    def _one(self, shared: S, copied: Callable[[S], S]) -> S:
        """Return the one copy of what channels share."""
        found = self._known.get(id(shared))
        if found is None:
            found = self._known[id(shared)] = copied(shared)
        return found


def _copy_of_sync(sync: Sync) -> Sync:
    copy = Sync(sync.missing)
    copy.waiting = sync.waiting
    return copy


def _copy_of_wait(wait: Wait) -> Wait:
    copy = Wait(wait.step)
    copy.channels = wait.channels
    return copy


def _copy_of_deferred(interrupt: DeferredInterrupt) -> DeferredInterrupt:
    copy = DeferredInterrupt(interrupt.step)
    copy.channels = interrupt.channels
    return copy
