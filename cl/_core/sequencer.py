"""The stimulator: a queue of operations on each of 64 channels, executed at 50 kHz.

Operations go in with the step at which they are given, delivered pulses come out
in order; in between nothing is done until somebody asks. A step is 20 µs.

What a channel does once it has finished what it was doing, by the first entry of its queue:

    entry              the channel
    stim               while its barrier is not complete: stays there;
                       with a lead delay not yet begun: waits until the delay is over;
                       else gives notice: a pulse starts 4 steps later, the running period begins
    Sync               has come to it, takes it for its barrier in place of the former, goes on
    Wait, time to come stays (at its barrier, if it has one) until then
    Wait, time come    goes on
    PendingInterrupt   has come to each of the dropped syncs, goes on
    nothing            stays at its barrier, or is at rest

A barrier is complete when every channel of it has come to it; whoever stands there goes on in the
same step. A running period ends one period after the latest notice; a burst then gives its next
notice, and otherwise the channel looks at its queue.

What an interrupt does, in any of these states:

    running period     drops the rest of the burst and the queue; leaves a PendingInterrupt
    anything else      drops the queue, lead delay and barrier; has come to each dropped sync

A `DeferredInterrupt` does that to what stands before it in the queue, when its time comes.

Rules for whoever edits this:
- Within a step first deferred interrupts act, then commands, then channels go on. So commands
  given at a step see everything before that step done, and nothing of that step.
- A channel that has to do something has an agenda entry at `wake`. An entry at another step is
  stale and is skipped; going on twice in a step is harmless.
- Nothing here refers in a circle: programs run with the garbage collector off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple, cast

from cl._stim_designs import NOTICE_STEPS, StimDesign
from cl._stim_operations import InterruptOperation, Operation, StimOperation, SyncOperation
from cl.error import ChannelQueueFull, DeferredInterruptLimitExceeded, SyncLimitExceeded, TransactionRejected
from .constants import CHANNEL_COUNT, NEVER
from .stim_limits import StimLimits
from .stim_queue import Channel, DeferredInterrupt, Entry, PendingInterrupt, Sync, Wait

__all__ = ["NEVER", "Operation", "Pulse", "Sequencer", "StimLimits"]

# The agenda is a heap of ints: step * 128 + channel for deferred interrupts (channel 0 stands for
# all) and step * 128 + 64 + channel for a channel that goes on, so that interrupts come first.
_STEP: Final = 7
_GO_ON: Final = 64
_END: Final = (NEVER - NOTICE_STEPS) << _STEP
_TIDY_AGENDA: Final = 4096


class Pulse(NamedTuple):
    """A delivered pulse, which starts at `step`.

    `intended_step` is when the program asked for it: the time of the command (or
    of the plan's run) plus the lead time, plus the intervals of the burst. The
    difference is what it waited for other pulses, syncs and interrupts.
    """

    step: int
    channel: int
    design: StimDesign
    intended_step: int

    @property
    def timestamp(self) -> int:
        """The frame in which it starts."""
        return self.step >> 1

    @property
    def intended_timestamp(self) -> int:
        """The frame in which it was asked to start."""
        return self.intended_step >> 1


class Sequencer:
    """The queues of a stimulator.

    `limits` may be replaced at any time. `next_step`: no pulse before it can
    come out unless something is submitted; `NEVER` or more when there is nothing to do.
    """

    __slots__ = (
        "_agenda",
        "_channels",
        "_deferred",
        "_now",
        "_out",
        "_syncs",
        "_waits",
        "limits",
        "next_step",
    )

    def __init__(self, limits: StimLimits | None = None) -> None:
        self.limits = limits or StimLimits()
        self.next_step = NEVER
        self._now = 0
        self._channels = tuple(Channel(number) for number in range(CHANNEL_COUNT))
        self._agenda = [_END]
        self._out: list[Pulse] = []
        self._syncs: set[Sync] = set()
        # Dicts as sets in the order of submission.
        self._waits: dict[Wait, None] = {}
        self._deferred: dict[DeferredInterrupt, None] = {}

    # -- the outside ----------------------------------------------------------------------

    def submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> None:
        """Queue all of the operations at `step`, or at most raise; `at_step` is a plan's future time.

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
                self._restore(saved)
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
        self._run((to_step - NOTICE_STEPS) << _STEP)
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
        self._agenda = [_END]
        self._syncs.clear()
        self._waits.clear()
        self._deferred.clear()
        self._look_ahead()

    def queued(self, channel: int) -> int:
        """Return the number of operations queued on a channel and not yet begun."""
        return self._channels[channel].queued()

    # -- time -----------------------------------------------------------------------------

    def _catch_up(self, step: int) -> int:
        """Do what comes before commands at `step`; return the step at which they take effect."""
        if step < self._now:
            step = self._now
        self._now = step
        limit = (step << _STEP) + _GO_ON
        if self._agenda[0] < limit:
            self._run(limit)
        return step

    def _look_ahead(self) -> None:
        earliest = (self._agenda[0] >> _STEP) + NOTICE_STEPS
        out = self._out
        self.next_step = out[0].step if out and out[0].step < earliest else earliest

    def _run(self, limit: int) -> None:
        """Do what the agenda holds before `limit`."""
        agenda, channels, out = self._agenda, self._channels, self._out
        while (key := agenda[0]) < limit:
            step = key >> _STEP
            if not key & _GO_ON:
                heappop(agenda)
                self._interrupt_deferred(step)
                continue
            channel = channels[key & 63]
            if channel.wake != step:
                heappop(agenda)
                continue
            left = channel.left
            if not left:
                heappop(agenda)
                self._go_on(channel, step)
                continue
            # The next pulse of a burst, the case that has to be fast.
            stim = cast("StimOperation", channel.stim)
            intended = channel.intended
            out.append(Pulse(step + NOTICE_STEPS, channel.number, stim.design, intended))
            period = stim.period_steps
            channel.intended = intended + period
            channel.free_at = step = step + period
            channel.left = left - 1
            if left > 1 or channel.queue:
                channel.wake = step
                heapreplace(agenda, step << _STEP | key & 127)
            else:
                channel.wake = NEVER
                heappop(agenda)

    def _go_on(self, channel: Channel, step: int) -> None:
        """Let a channel that is in no running period do what the table says."""
        channel.wake = NEVER
        queue = channel.queue
        sync = channel.sync
        while queue:
            entry = queue[0]
            if type(entry) is tuple:
                if sync is None or not sync.missing:
                    channel.sync = None
                    self._begin(channel, entry, step)
                    return
                break
            if type(entry) is Wait:
                if entry.step > step:
                    self._schedule(channel, entry.step)
                    break
                self._leave(entry, channel)
            elif type(entry) is Sync:
                if sync is not None:
                    sync.waiting &= ~channel.bit
                sync = entry
                self._reach(entry, channel, step)
            elif type(entry) is PendingInterrupt:
                for dropped in entry.syncs:
                    self._reach(dropped, channel, step)
            queue.popleft()
        if sync is not None:
            if sync.missing:
                sync.waiting |= channel.bit
            else:
                sync = None
        channel.sync = sync

    def _begin(self, channel: Channel, entry: tuple[StimOperation, int], step: int) -> None:
        """Begin a stim: its lead delay, or the notice of its first pulse."""
        stim, intended = entry
        if stim.delay_steps and not channel.delayed:
            channel.delayed = True
            self._schedule(channel, step + stim.delay_steps)
            return
        channel.delayed = False
        queue = channel.queue
        queue.popleft()
        self._deliver(Pulse(step + NOTICE_STEPS, channel.number, stim.design, intended))
        period = stim.period_steps
        channel.free_at = step + period
        left = stim.count - 1
        if left:
            channel.left = left
            channel.stim = stim
            channel.intended = intended + period
        if left or queue:
            self._schedule(channel, step + period)

    def _deliver(self, pulse: Pulse) -> None:
        out = self._out
        out.append(pulse)
        at = len(out) - 1
        # A channel released by a higher one begins in the same step, but after it.
        while at and out[at - 1].step == pulse.step and out[at - 1].channel > pulse.channel:
            out[at] = out[at - 1]
            out[at - 1] = pulse
            at -= 1

    def _schedule(self, channel: Channel, step: int) -> None:
        channel.wake = step
        heappush(self._agenda, step << _STEP | _GO_ON | channel.number)

    def _reach(self, sync: Sync, channel: Channel, step: int) -> None:
        """Count a channel as having come to a sync; the last one releases those that wait there."""
        sync.missing &= ~channel.bit
        if sync.missing:
            return
        self._syncs.discard(sync)
        waiting = sync.waiting
        sync.waiting = 0
        while waiting:
            bit = waiting & -waiting
            waiting ^= bit
            self._schedule(self._channels[bit.bit_length() - 1], step)

    def _leave(self, entry: Wait | DeferredInterrupt, channel: Channel) -> None:
        """Count a wait or a deferred interrupt as gone from a channel."""
        entry.channels &= ~channel.bit
        if not entry.channels:
            if type(entry) is Wait:
                self._waits.pop(entry, None)
            else:
                self._deferred.pop(cast("DeferredInterrupt", entry), None)

    # -- commands -------------------------------------------------------------------------

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
        if wait is None:
            for channel in channels:
                if channel.queue or channel.left or channel.sync is not None or channel.free_at > step:
                    break
            else:
                return
        sync = Sync(sum(channel.bit for channel in channels))
        self._syncs.add(sync)
        for channel in channels:
            if wait is not None:
                self._queue_wait(channel, step, wait)
            self._append(channel, sync, step)
        if len(self._syncs) > self.limits.syncs:
            raise SyncLimitExceeded(f"a sync beyond the limit of {self.limits.syncs} in flight")
