"""A stimulator that walks every step of 20 µs, made to be read beside the rules and not to be fast.

It keeps each channel's whole queue as a list and looks at everything in every step. Nothing is shared
with the sequencer but the numbers: a pulse is (step, channel, step asked for).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

NOTICE = 4
GROUNDED = {0, 7, 56, 63}


class Refused(Exception):
    """A limit; the text is the name of the exception that the sequencer must raise."""


@dataclass(eq=False)
class Barrier:
    """A sync; `absent` are the channels that have not come to it."""

    absent: set[int]


@dataclass(eq=False)
class Item:
    """Something in a queue: "stim", "sync", "wait" (until a time), or "interrupt" (of a plan, at a time)."""

    kind: str
    count: int = 0
    period: int = 0
    delay: int = 0
    asked: int = 0
    time: int = 0
    barrier: Barrier | None = None


@dataclass
class Line:
    """A channel. `drops` are syncs that an interrupt dropped in a running period; None is no interrupt."""

    queue: list[Item] = field(default_factory=list)
    busy_until: int = 0
    burst: Item | None = None
    left: int = 0
    delayed_until: int | None = None
    drops: list[Barrier] | None = None


class NaiveStimulator:
    """Commands act at `now`; `step()` is what happens in one step after its commands."""

    def __init__(
        self,
        channels: list[int],
        queue_limit: int = 65_536,
        sync_limit: int = 16_384,
        deferred_limit: int = 1024,
    ) -> None:
        self.now = 0
        self.lines = {channel: Line() for channel in sorted(channels)}
        self.deferred_times: set[int] = set()
        self.pulses: list[tuple[int, int, int]] = []
        self.barriers: list[Barrier] = []
        self.queue_limit = queue_limit
        self.sync_limit = sync_limit
        self.deferred_limit = deferred_limit

    # -- commands: tuples, see `_one` ---------------------------------------------------------

    def run(self, commands: list[tuple], at: int | None = None) -> None:
        """Queue commands in one transaction, now or for a time to come."""
        if at is not None and at <= self.now:
            at = None
        self._interrupts_that_are_due()
        before = copy.deepcopy(self.__dict__)
        try:
            if at is not None and any(
                item.kind == "wait" and item.time > at for line in self.lines.values() for item in line.queue
            ):
                raise Refused("RunTimestampOrderError")
            waiting: set[int] = set()
            for command in commands:
                self._one(command, at, waiting)
        except Refused:
            self.__dict__.update(before)
            raise

    def _one(self, command: tuple, at: int | None, waiting: set[int]) -> None:
        """("stim", channels, count, period, delay), ("sync", channels) or ("interrupt", channels)."""
        kind, channels = command[:2]
        if kind == "sync":
            self._sync(channels, at, waiting)
        elif kind == "interrupt":
            self._interrupt(channels, at, waiting)
        else:
            count, period, delay = command[2:]
            if len(channels) > 1:
                self._sync(channels, at, waiting)
            asked = (self.now if at is None else at) + NOTICE + delay
            for channel in channels:
                if channel not in GROUNDED and count:
                    item = Item("stim", count=count, period=period, delay=delay, asked=asked)
                    self._push(channel, item, at, waiting)

    def _sync(self, channels: list[int], at: int | None, waiting: set[int]) -> None:
        barrier = Barrier(set(channels))
        self.barriers.append(barrier)
        for channel in channels:
            if at is None and self._is_at_anything_new(channel):
                barrier.absent.discard(channel)
            self._push(channel, Item("sync", barrier=barrier), at, waiting)
        self.barriers = [barrier for barrier in self.barriers if barrier.absent]
        if len(self.barriers) > self.sync_limit:
            raise Refused("SyncLimitExceeded")

    def _interrupt(self, channels: list[int], at: int | None, waiting: set[int]) -> None:
        if at is None:
            for channel in channels:
                self._cut(channel, len(self.lines[channel].queue))
            return
        item = Item("interrupt", time=at)
        self.deferred_times.add(at)
        if len(self._deferred()) >= self.deferred_limit:
            raise Refused("DeferredInterruptLimitExceeded")
        for channel in channels:
            self._push(channel, item, at, waiting)

    def _push(self, channel: int, item: Item, at: int | None, waiting: set[int]) -> None:
        queue = self.lines[channel].queue
        if at is not None and channel not in waiting:
            waiting.add(channel)
            queue.append(Item("wait", time=at))
        queue.append(item)
        if self.queued(channel) > self.queue_limit:
            raise Refused("ChannelQueueFull")

    # -- what there is ------------------------------------------------------------------------

    def queued(self, channel: int) -> int:
        """Operations queued and not yet begun; a sync has begun when the channel has come to it."""
        line = self.lines[channel]
        count = line.drops is not None
        for item in line.queue:
            if item.kind == "sync":
                count += channel in item.barrier.absent
            else:
                count += item.kind != "wait"
        return count

    def _deferred(self) -> list[Item]:
        found = [item for line in self.lines.values() for item in line.queue if item.kind == "interrupt"]
        return list(dict.fromkeys(found))

    def _is_at_anything_new(self, channel: int) -> bool:
        """Say whether nothing is left to do before a new sync but to wait at syncs it has come to."""
        line = self.lines[channel]
        if line.busy_until > self.now or line.left or line.drops is not None:
            return False
        return all(
            channel not in item.barrier.absent if item.kind == "sync" else self._is_over(item)
            for item in line.queue
        )

    def _is_over(self, item: Item) -> bool:
        """Say whether something is a wait that channels have passed, if they came to it."""
        return item.kind == "wait" and item.time < self.now

    # -- time ---------------------------------------------------------------------------------

    def step(self) -> None:
        """Finish the present step."""
        self._interrupts_that_are_due()
        changed = True
        while changed:
            changed = False
            for channel, line in self.lines.items():
                if line.busy_until <= self.now and (line.queue or line.left or line.drops is not None):
                    changed |= self._go_on(channel)
        self.now += 1

    def _interrupts_that_are_due(self) -> None:
        if self.now not in self.deferred_times:
            return
        for item in [item for item in self._deferred() if item.time == self.now]:
            for channel, line in self.lines.items():
                if item in line.queue:
                    position = line.queue.index(item)
                    self._cut(channel, position)
                    line.queue.remove(item)

    def _cut(self, channel: int, length: int) -> None:
        """Interrupt a channel: drop the first `length` items of its queue."""
        line = self.lines[channel]
        dropped = [item.barrier for item in line.queue[:length] if item.kind == "sync"]
        del line.queue[:length]
        line.left = 0
        line.delayed_until = None
        if line.busy_until > self.now:
            line.drops = (line.drops or []) + dropped
        else:
            for barrier in (line.drops or []) + dropped:
                barrier.absent.discard(channel)
            line.drops = None

    def _go_on(self, channel: int) -> bool:
        line = self.lines[channel]
        if line.drops is not None:
            for barrier in line.drops:
                barrier.absent.discard(channel)
            line.drops = None
            return True
        if line.left:
            self._pulse(channel, line)
            return True
        return self._pass_barriers(channel, line) or self._begin(channel, line)

    def _pass_barriers(self, channel: int, line: Line) -> bool:
        """Come to all syncs of the run that the queue begins with; drop the run once its last is complete."""
        length = 0
        last = None
        changed = False
        for item in line.queue:
            if item.kind == "sync":
                last = item.barrier
                changed |= channel in last.absent
                last.absent.discard(channel)
            elif not (item.kind == "wait" and item.time <= self.now):
                break
            length += 1
        if last is not None and last.absent:
            return changed
        del line.queue[:length]
        return changed or length > 0

    def _begin(self, channel: int, line: Line) -> bool:
        if not line.queue or line.queue[0].kind != "stim":
            return False
        stim = line.queue[0]
        if stim.delay and line.delayed_until is None:
            line.delayed_until = self.now + stim.delay
        if stim.delay and line.delayed_until > self.now:
            return False
        line.delayed_until = None
        line.queue.pop(0)
        line.burst = copy.copy(stim)
        line.left = stim.count
        self._pulse(channel, line)
        return True

    def _pulse(self, channel: int, line: Line) -> None:
        burst = line.burst
        self.pulses.append((self.now + NOTICE, channel, burst.asked))
        burst.asked += burst.period
        line.left -= 1
        line.busy_until = self.now + burst.period
