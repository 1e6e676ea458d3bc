"""A stimulator that can be interrupted at any moment: what was half done is undone, by doing the rest again.

An exception may come from outside (Ctrl-C, an alarm) between any two steps of the machine. So the machine's
state is copied every now and then, and what it has been told since is written down once it is done; where an
exception has come in between, the next call goes back to the copy and tells it all of that again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from cl.error import TransactionRejected

from .limits import StimLimits
from .operations import Operation
from .sequencer import Pulse, Sequencer

_LEAST_CALLS: Final = 1_024
_FIELDS: Final = ("delayed", "free_at", "intended", "left", "stim", "sync", "wake")


class _Copy:
    """The state of a machine, to go back to as often as need be."""

    def __init__(self, machine: Sequencer) -> None:
        self._machine = machine
        channels = machine._channels
        self._channels = [
            (channel, channel.queue.copy(), [getattr(channel, field) for field in _FIELDS])
            for channel in channels
        ]
        self._values = machine._agenda[:], machine._out[:], machine._now, machine.next_step
        self._sets = machine._syncs.copy(), machine._waits.copy(), machine._deferred.copy()
        syncs = machine._syncs | {channel.sync for channel in channels if channel.sync is not None}
        self._syncs = [(sync, sync.missing, sync.waiting) for sync in syncs]
        planned: tuple[Any, ...] = (*machine._waits, *machine._deferred)
        self._planned: list[tuple[Any, int]] = [(entry, entry.channels) for entry in planned]
        self.size = sum(len(queue) for _, queue, _ in self._channels)

    def restore(self) -> None:
        """Make everything what it was."""
        for channel, queue, values in self._channels:
            channel.queue = queue.copy()
            for field, value in zip(_FIELDS, values, strict=True):
                setattr(channel, field, value)
        for sync, missing, waiting in self._syncs:
            sync.missing, sync.waiting = missing, waiting
        for entry, channels in self._planned:
            entry.channels = channels
        machine = self._machine
        agenda, out, machine._now, machine.next_step = self._values
        machine._agenda, machine._out = agenda[:], out[:]
        syncs, waits, deferred = self._sets
        machine._syncs, machine._waits, machine._deferred = syncs.copy(), waits.copy(), deferred.copy()


class JournaledSequencer:
    """A `Sequencer` with the same methods; `advance` gives its pulses again until they are `acknowledge`d."""

    def __init__(self, limits: StimLimits | None = None) -> None:
        self._machine = machine = Sequencer(limits)
        self._state: _State = _Copy(machine), [], 0, []
        self._busy = False
        """Whether a call has begun and not come to its end."""

    @property
    def next_step(self) -> int:
        """A step before which no pulse can come out unless something is submitted; 0 where some are held."""
        if self._busy:
            self._mend()
        return 0 if self._state[3] else self._machine.next_step

    @property
    def machine(self) -> Sequencer:
        """The machine, to be looked at."""
        if self._busy:
            self._mend()
        return self._machine

    @property
    def held(self) -> bool:
        """Whether there are pulses that were given and not acknowledged."""
        return bool(self._state[3])

    def submit(self, operations: Sequence[Operation], step: int, at_step: int | None = None) -> None:
        """Queue operations, all or none, see `Sequencer.submit`."""
        self._begin()
        try:
            self._machine.submit(operations, step, at_step)
        except TransactionRejected:
            self._busy = False
            raise
        self._end(("submit", operations, step, at_step), self._state[3])

    def advance(self, to_step: int) -> list[Pulse]:
        """Return the pulses that start before `to_step` and were not acknowledged yet."""
        self._begin()
        pulses, held = self._machine.advance(to_step), self._state[3]
        if held:
            pulses = held + pulses
        self._end(("advance", to_step), pulses)
        return pulses

    def interrupt_all(self, step: int) -> None:
        """Drop everything that is queued; pulses whose notice has begun still come out."""
        self._begin()
        self._machine.interrupt_all(step)
        self._end(("interrupt_all", step), self._state[3])

    def acknowledge(self) -> None:
        """Take note that the pulses given last have been taken."""
        copy, calls, done, _ = self._state
        self._state = copy, calls, done, []

    def _begin(self) -> None:
        if self._busy:
            self._mend()
        self._busy = True

    def _end(self, call: tuple[Any, ...], held: list[Pulse]) -> None:
        """Take note that a call is done: it is from the one assignment on that says so."""
        copy, calls, _, _ = self._state
        calls.append(call)
        if len(calls) > max(_LEAST_CALLS, copy.size):
            self._state = _Copy(self._machine), [], 0, held
        else:
            self._state = copy, calls, len(calls), held
        self._busy = False

    def _mend(self) -> None:
        copy, calls, done, _ = self._state
        del calls[done:]
        copy.restore()
        for name, *arguments in calls:
            getattr(self._machine, name)(*arguments)
        self._busy = False


_State: TypeAlias = tuple[_Copy, list[tuple[Any, ...]], int, list[Pulse]]
"""A copy of the machine, what it was told since then, how much of that is done, and the pulses that were
given
and not acknowledged: what belongs together is replaced at once."""
