"""The stimulator's machine: queues on 64 channels, executed on a clock of 20 µs steps.

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

from heapq import heappop, heappush, heapreplace
from typing import Final, NamedTuple, cast

from cl._values.constants import CHANNEL_COUNT, NEVER

from .designs import NOTICE_STEPS, StimDesign
from .operations import StimOperation
from .queue import Channel, DeferredInterrupt, PendingInterrupt, Sync, Wait

# The agenda is a heap of ints: step * 128 for the interrupts that are due at a step, and
# step * 128 + 64 + channel for a channel that goes on, so that interrupts come first.
STEP_SHIFT: Final = 7
GO_ON: Final = 64
END: Final = (NEVER - NOTICE_STEPS) << STEP_SHIFT
"""Stands last in every agenda, so that there always is a first."""


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


class StimMachine:
    """The channels and what they do as time goes on; `Sequencer` puts things into the queues."""

    __slots__ = ("_agenda", "_channels", "_deferred", "_out", "_syncs", "_waits")

    def __init__(self) -> None:
        self._channels = tuple(Channel(number) for number in range(CHANNEL_COUNT))
        self._agenda = [END]
        self._out: list[Pulse] = []
        """Pulses whose notice has begun, sorted, not taken yet."""
        self._syncs: set[Sync] = set()
        # Dicts as sets in the order of submission.
        self._waits: dict[Wait, None] = {}
        self._deferred: dict[DeferredInterrupt, None] = {}

    def _run(self, limit: int) -> None:
        """Do what the agenda holds before `limit`."""
        agenda, channels, out = self._agenda, self._channels, self._out
        while (key := agenda[0]) < limit:
            step = key >> STEP_SHIFT
            if not key & GO_ON:
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
                heapreplace(agenda, step << STEP_SHIFT | key & 127)
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
        heappush(self._agenda, step << STEP_SHIFT | GO_ON | channel.number)

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

    def _interrupt_deferred(self, step: int) -> None:
        for interrupt in [entry for entry in self._deferred if entry.step <= step]:
            del self._deferred[interrupt]
            for channel in self._channels:
                if interrupt.channels & channel.bit:
                    self._interrupt(channel, step, interrupt)

    def _interrupt(self, channel: Channel, step: int, until: DeferredInterrupt | None = None) -> None:
        """Interrupt a channel; `until` is where the part of the queue that is dropped ends."""
        queue = channel.queue
        syncs: list[Sync] = []
        while queue:
            entry = queue.popleft()
            if entry is until:
                break
            if type(entry) is Sync:
                syncs.append(entry)
            elif type(entry) is PendingInterrupt:
                syncs += entry.syncs
            elif type(entry) is Wait or type(entry) is DeferredInterrupt:
                self._leave(entry, channel)
        channel.left = 0
        if channel.free_at > step:
            queue.appendleft(PendingInterrupt(syncs))
            if channel.wake != channel.free_at:
                self._schedule(channel, channel.free_at)
            return
        channel.wake = NEVER
        channel.delayed = False
        if channel.sync is not None:
            channel.sync.waiting &= ~channel.bit
            channel.sync = None
        for sync in syncs:
            self._reach(sync, channel, step)
        if queue:
            self._schedule(channel, step)
