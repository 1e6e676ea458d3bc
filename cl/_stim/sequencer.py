"""The stimulator: operations in, delivered pulses out, advanced to a step on demand.

It is told the time and does no more than it is asked for: its cost grows with the pulses, not with
time or with channels that are idle, and a burst is one entry of a queue however long it is.
What the channels do is in `stim_machine`; here operations are admitted, whole or not at all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappush
from typing import Final, cast

from cl._values.constants import NEVER
from cl.error import ChannelQueueFull, DeferredInterruptLimitExceeded, SyncLimitExceeded, TransactionRejected

from .designs import NOTICE_STEPS
from .limits import StimLimits
from .machine import END, GO_ON, STEP_SHIFT, Pulse, StimMachine
from .operations import InterruptOperation, Operation, StimOperation, SyncOperation
from .queue import Channel, DeferredInterrupt, Entry, Sync, Wait
from .snapshot import Snapshot

__all__ = ["NEVER", "Operation", "Pulse", "Sequencer", "StimLimits"]

_TIDY_AGENDA: Final = 4096


class Sequencer(StimMachine):
    """The stimulator of a device; see the module.

    `limits` may be replaced at any time. `next_step`: no pulse before it can
    come out unless something is submitted; at least `NEVER` when there is nothing to do.
    """

    __slots__ = ("_now", "limits", "next_step")

    def __init__(self, limits: StimLimits | None = None) -> None:
        super().__init__()
        self.limits = limits or StimLimits()
        self.next_step = NEVER
        self._now = 0

    def submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> None:
        """Queue operations at `step`, all or none; `at_step` is the future time of a plan.

        A step before one that was given earlier counts as that one, an `at_step`
        that is not in the future as none. Raises a `TransactionRejected`, and then nothing has changed.
        """
        step = self._catch_up(step)
        if at_step is not None and at_step > step:
            for wait in self._waits:
                self.limits.check_order(at_step, wait.step)
        else:
            at_step = None
        if self._has_room(operations):
            self._queue(operations, step, at_step)
        else:
            saved = self._save()
            try:
                self._queue(operations, step, at_step)
            except TransactionRejected:
                saved.restore()
                raise
        if len(self._agenda) > _TIDY_AGENDA:
            self._tidy()
        self._look_ahead()

    def advance(self, to_step: int) -> list[Pulse]:
        """Return the pulses that start before `to_step` and were not returned yet, by step and channel."""
        if to_step > self._now:
            self._now = to_step
        if to_step <= self.next_step:
            return []
        # Pulses follow their notices: what begins its notice later is none of this call's business.
        self._run((to_step - NOTICE_STEPS) << STEP_SHIFT)
        pulses = self._out
        end = len(pulses)
        if pulses and pulses[-1].step >= to_step:
            end = bisect_left(pulses, to_step, key=_step_of)
        self._out = pulses[end:]
        del pulses[end:]
        self._look_ahead()
        return pulses

    def interrupt_all(self, step: int) -> None:
        """Drop everything that is queued; pulses whose notice has begun still come out."""
        self._catch_up(step)
        for channel in self._channels:
            channel.queue.clear()
            channel.wake = NEVER
            channel.left = 0
            channel.sync = None
            channel.delayed = False
        self._agenda = [END]
        self._syncs.clear()
        self._waits.clear()
        self._deferred.clear()
        self._look_ahead()

    def queued(self, channel: int) -> int:
        """Return the number of operations queued on a channel and not yet begun."""
        return self._channels[channel].queued()

    # -- admission ------------------------------------------------------------------------

    def _catch_up(self, step: int) -> int:
        """Do what comes before commands at `step`; return the step at which they take effect."""
        if step < self._now:
            step = self._now
        self._now = step
        limit = (step << STEP_SHIFT) + GO_ON
        if self._agenda[0] < limit:
            self._run(limit)
        return step

    def _look_ahead(self) -> None:
        earliest = (self._agenda[0] >> STEP_SHIFT) + NOTICE_STEPS
        out = self._out
        self.next_step = out[0].step if out and out[0].step < earliest else earliest

    def _has_room(self, operations: Sequence[Operation]) -> bool:
        """Return whether no limit can be met, whatever the operations do to each other."""
        count = len(operations)
        limits = self.limits
        if (
            len(self._syncs) + count > limits.syncs
            or len(self._deferred) + count > limits.deferred_interrupts
        ):
            return False
        # At most a sync and a stim of each, and one wait.
        room = limits.channel_queue - 2 * count - 1
        channels = self._channels
        for operation in operations:
            for number in operation.channels:
                if len(channels[number].queue) > room:
                    return False
        return True

    def _queue(self, operations: Sequence[Operation], step: int, at_step: int | None) -> None:
        wait = None if at_step is None else Wait(at_step)
        for operation in operations:
            if type(operation) is StimOperation:
                self._queue_stim(operation, step, wait)
            elif type(operation) is SyncOperation:
                self._queue_sync(operation.channels, step, wait)
            elif wait is None:
                for number in operation.channels:
                    self._interrupt(self._channels[number], step)
            else:
                self._defer(cast("InterruptOperation", operation), step, wait)

    def _queue_stim(self, stim: StimOperation, step: int, wait: Wait | None) -> None:
        numbers = stim.channels
        if len(numbers) > 1:
            self._queue_sync(numbers, step, wait)
        if not stim.count:
            return
        asked = step if wait is None else wait.step
        entry = (stim, asked + NOTICE_STEPS + stim.delay_steps)
        for number in numbers:
            channel = self._channels[number]
            if channel.grounded:
                continue
            if wait is not None:
                self._queue_wait(channel, step, wait)
            self._append(channel, entry, step)

    def _queue_sync(self, numbers: tuple[int, ...], step: int, wait: Wait | None) -> None:
        channels = [self._channels[number] for number in numbers]
        if wait is None and all(channel.at_rest(step) for channel in channels):
            return
        sync = Sync(sum(channel.bit for channel in channels))
        self._syncs.add(sync)
        for channel in channels:
            if wait is not None:
                self._queue_wait(channel, step, wait)
            self._append(channel, sync, step)
            if len(channel.queue) == 1 and not channel.left and channel.free_at <= step:
                # Nothing is queued before it: the channel is at it already.
                self._go_on(channel, step)
        if len(self._syncs) > self.limits.syncs:
            raise SyncLimitExceeded(f"a sync beyond the limit of {self.limits.syncs} in flight")

    def _defer(self, interrupt: InterruptOperation, step: int, wait: Wait) -> None:
        limit = self.limits.deferred_interrupts
        if len(self._deferred) >= limit:
            raise DeferredInterruptLimitExceeded(
                f"an interrupt beyond the limit of {limit} deferred to a future time"
            )
        entry = DeferredInterrupt(wait.step)
        self._deferred[entry] = None
        heappush(self._agenda, wait.step << STEP_SHIFT)
        for number in interrupt.channels:
            channel = self._channels[number]
            self._queue_wait(channel, step, wait)
            entry.channels |= channel.bit
            self._append(channel, entry, step)

    def _queue_wait(self, channel: Channel, step: int, wait: Wait) -> None:
        if wait.channels & channel.bit:
            return
        wait.channels |= channel.bit
        self._waits[wait] = None
        if not (channel.queue or channel.left):
            # Also where it stands at a barrier: the wait may be over before that is complete.
            self._schedule(channel, max(channel.free_at, step))
        channel.queue.append(wait)

    def _append(self, channel: Channel, entry: Entry, step: int) -> None:
        """Queue an operation; the first in line is looked at when the running period is over."""
        queue = channel.queue
        if queue:
            limit = self.limits.channel_queue
            if len(queue) >= limit and channel.queued() >= limit:
                raise ChannelQueueFull(
                    f"channel {channel.number} is full with {limit} operations queued; a burst counts as one"
                )
        elif channel.sync is None and not channel.left:
            self._schedule(channel, max(channel.free_at, step))
        queue.append(entry)

    def _save(self) -> Snapshot:
        return Snapshot(self._channels, self._agenda, self._syncs, self._waits, self._deferred)

    def _tidy(self) -> None:
        """Drop stale entries of the agenda; interrupted waits for a far time would pile up."""
        valid = {
            channel.wake << STEP_SHIFT | GO_ON | channel.number
            for channel in self._channels
            if channel.wake < NEVER
        }
        valid.update(interrupt.step << STEP_SHIFT for interrupt in self._deferred)
        self._agenda[:] = [*valid, END]
        heapify(self._agenda)


def _step_of(pulse: Pulse) -> int:
    return pulse.step
