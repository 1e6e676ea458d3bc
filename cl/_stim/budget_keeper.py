"""Holds commands against budgets: what the channels have got, and would get, to the end of their queues.

Sums are whole numbers, of 1e-18 C, so that nothing is lost however long a device is open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from cl._values.constants import GROUNDED, NEVER

from .budget_limits import NO_LIMIT, Limits, charge_of, hold, left_of, limits_of, share_of
from .designs import NOTICE_STEPS, StimDesign
from .operations import InterruptOperation, Operation, StimOperation
from .pulse_sums import Charge, Sums
from .timeline import Train, timeline

if TYPE_CHECKING:
    from .budget import Left, StimBudget
    from .machine import Pulse
    from .sequencer import Sequencer

_KEPT_DESIGNS: Final = 1024
_LEAST_TRIM: Final = 1024
_MOST_UNTOLD: Final = 1024


class Allowance:
    """How many more pulses of a design a channel has room for, whenever they come."""

    __slots__ = ("design", "pulses")

    def __init__(self, design: StimDesign, pulses: float) -> None:
        self.design = design
        self.pulses = pulses


class BudgetKeeper:
    """Budgets of channels, in layers that all have to be kept: the laboratory's, and the program's.

    It is told of every pulse. `check` raises StimBudgetExceeded where operations would exceed a budget at any
    time, by what is known of the time to come. Wants the engine's lock.
    """

    def __init__(self) -> None:
        self._layers: tuple[dict[int, Limits], dict[int, Limits]] = ({}, {})
        self._of_channel: dict[int, tuple[Limits, ...]] = {}
        self._past: dict[int, Sums] = {}
        self._charges: dict[int, tuple[StimDesign | None, Charge]] = {}
        self._untold: list[Pulse] = []
        """Pulses that are not in the sums yet: many at once cost less each."""
        self._allowances: dict[int, Allowance] = {}

    def set(self, channels: Iterable[int], budget: StimBudget | None, layer: int) -> set[int]:
        """Give channels a budget in a layer, in the place of the one that they have there; None: none.

        Return those of which more of the past counts than is known: that had none, or a shorter window. They
        are to be told of it, by `recall`.
        """
        self._settle()
        self._allowances.clear()
        counted = {channel: self._window(channel) for channel in self._past}
        for channel in channels:
            if budget is None:
                self._layers[layer].pop(channel, None)
            elif channel not in GROUNDED:
                self._layers[layer][channel] = limits_of(budget)
        kept = {*self._layers[0], *self._layers[1]}
        self._of_channel = {channel: tuple(self._limits(channel)) for channel in kept}
        self._past = {channel: self._past.get(channel, Sums()) for channel in sorted(kept)}
        return {channel for channel in kept if self._window(channel) > counted.get(channel, 0)}

    def budgets(self, channel: int) -> list[StimBudget]:
        """Return the budgets of a channel."""
        return [limits.budget for limits in self._limits(channel)]

    def recall(self, channel: int, pulses: Iterable[Pulse]) -> None:
        """Take note of pulses of a channel, in the order of time, that came before those that are known."""
        self._settle()
        known, sums = self._past[channel].pulses, Sums()
        oldest = known[1][0] - 1 if len(known) > 1 else NEVER
        for pulse in pulses:
            if pulse.step < oldest:
                sums.add(pulse.step, self._charge(pulse.design))
        for (_, moved, left), (step, moved_then, left_then) in pairwise(known):
            sums.add(step, Charge(moved_then - moved, left_then - left))
        self._past[channel] = sums

    def took(self, pulses: Sequence[Pulse]) -> None:
        """Take note of pulses that were delivered, each once or more often, in the order of time."""
        self._untold += pulses
        if len(self._untold) > _MOST_UNTOLD:
            self._settle()

    def allows(self, operations: Sequence[Operation]) -> bool:
        """Return True for a pulse that may be given as of now, whenever that is, without a `check`."""
        if len(operations) != 1:
            return False
        stim = operations[0]
        allowance = self._allowances.get(stim.channels[0])
        if (
            allowance is None
            or allowance.pulses < 1
            or type(stim) is not StimOperation
            or allowance.design is not stim.design
            or stim.count != 1
            or len(stim.channels) != 1
        ):
            return False
        allowance.pulses -= 1
        return True

    def check(
        self, machine: Sequencer, operations: Sequence[Operation], step: int, at_step: int | None
    ) -> None:
        """Raise StimBudgetExceeded if operations that are submitted at `step` would exceed a budget.

        Also what the submission itself would raise.
        """
        self._settle()
        stim = operations[0] if at_step is None and len(operations) == 1 else None
        if (
            type(stim) is StimOperation
            and stim.count == 1
            and len(stim.channels) == 1
            and self._has_room(machine, stim, step)
        ):
            return
        if not self._touches(operations):
            return
        for operation in operations:
            for channel in operation.channels:
                self._allowances.pop(channel, None)
        if at_step is None or at_step <= step:
            found = _on_idle_channels(machine, operations, step if step > machine._now else machine._now)
            if found is not None:
                self._check_train(machine, *found)
                return
        for channel, trains in self._of(timeline(machine, operations, step, at_step)):
            self._check(channel, self._ahead(channel, trains))

    def left(
        self, machine: Sequencer, operations: Sequence[Operation], step: int
    ) -> dict[int, tuple[StimBudget, Left]]:
        """Return each channel's budget of which the least is left, if operations are submitted, and what."""
        self._settle()
        found = {}
        for channel, trains in self._of(timeline(machine, operations, step, None)):
            ahead = self._ahead(channel, trains)
            each = [
                (limits.budget, left_of(limits, *self._most(limits, *ahead, step)))
                for limits in self._of_channel[channel]
            ]
            found[channel] = min(each, key=lambda pair: share_of(*pair))
        return found

    # -- what is looked at ----------------------------------------------------------------

    def _settle(self) -> None:
        """Have all pulses in the sums. After an interruption it is done again: each of them counts once."""
        past, charges = self._past, self._charges
        for step, channel, design, _ in self._untold:
            sums = past.get(channel)
            if sums is None:
                continue
            known = sums.pulses
            last, moved, left = known[-1]
            if last >= step:
                continue
            charge = charges.get(id(design))
            more_moved, more_left = self._charge(design) if charge is None else charge[1]
            if more_left:
                sums.unbalanced = step
            known.append((step, moved + more_moved, left + more_left))
            if not len(known) % _LEAST_TRIM:
                window = self._window(channel)
                past[channel] = sums.since(step - window)
        self._untold.clear()

    def _touches(self, operations: Sequence[Operation]) -> bool:
        """Return whether operations may change what a channel with a budget does."""
        if not self._past:
            return False
        past = self._past
        for operation in operations:
            # What an interrupt drops may let others go on. What else is queued only follows.
            if type(operation) is InterruptOperation:
                return True
            for channel in operation.channels:
                if channel in past:
                    return True
        return False

    def _window(self, channel: int) -> int:
        """Return the longest window of a channel that has a budget, 0 for another."""
        return max((limits.window for limits in self._of_channel.get(channel, ())), default=0)

    def _limits(self, channel: int) -> list[Limits]:
        return [layer[channel] for layer in self._layers if channel in layer]

    def _of(self, trains: list[list[Train]]) -> Iterator[tuple[int, list[Train]]]:
        return ((channel, trains[channel]) for channel in self._past)

    def _charge(self, design: StimDesign | None) -> Charge:
        """Return the charge of a design. Programs use few again and again: theirs are kept, by identity."""
        found = self._charges.get(id(design))
        if found is None:
            if len(self._charges) > _KEPT_DESIGNS:
                self._charges.clear()
            found = self._charges[id(design)] = design, charge_of(design)
        return found[1]

    # -- one train on idle channels, the case that has to be fast -------------------------

    def _has_room(self, machine: Sequencer, stim: StimOperation, step: int) -> bool:
        """Return True for a pulse on a channel where nothing else is to come, if there is room for it.

        What a loop does thousands of times a second. False for what has to be looked at more closely.
        """
        number = stim.channels[0]
        past = self._past.get(number)
        if past is None:
            return True  # It only gets its pulse, after all that is queued there.
        channel, known = machine._channels[number], self._charges.get(id(stim.design))
        if machine._out or channel.queue or channel.left or channel.sync is not None or known is None:
            return False
        begin = channel.free_at if channel.free_at > step else step
        if machine._now > begin:
            begin = machine._now
        first = begin + stim.delay_steps + NOTICE_STEPS
        pulses, (more_moved, more_left) = past.pulses, known[1]
        _, all_moved, all_left = pulses[-1]
        for _, window, most_pulses, most_moved, most_left in self._of_channel[number]:
            low = past.first_after(first - window)
            _, moved, left = pulses[low - 1]
            if (
                len(pulses) - low >= most_pulses
                or all_moved - moved + more_moved > most_moved
                or abs(all_left - left + more_left) > most_left
            ):
                return False
        self._allow(number, stim.design, known[1], step if step < machine._now else machine._now)
        return True

    def _allow(self, number: int, design: StimDesign, charge: Charge, present: int) -> None:
        """Have further pulses of a design pass without a look, as many as there is room for at any time.

        The channel has no other pulses to come but one. What a window of the future has is at most what the
        one until now has, and what is still to be admitted, which is all of this design or takes this back.
        """
        past, room = self._past[number], NO_LIMIT
        pulses, (more_moved, more_left) = past.pulses, charge
        for _, window, most_pulses, most_moved, most_left in self._of_channel[number]:
            low = bisect_left(pulses, (present - window + 1,))
            moved = pulses[-1][1] - pulses[low - 1][1]
            room = min(room, most_pulses - (len(pulses) - low))
            if more_moved and most_moved < NO_LIMIT:
                room = min(room, (most_moved - moved) // more_moved)
            if most_left < NO_LIMIT and (more_left or past.unbalanced > present - window):
                room = 0
        if room > 1:
            self._allowances[number] = Allowance(design, room - 1)
        else:
            self._allowances.pop(number, None)

    def _check_train(self, machine: Sequencer, stim: StimOperation, first: int) -> None:
        train = Train(first, stim.count, stim.period_steps, stim.design)
        for channel in stim.channels:
            if channel in self._past:
                begun = [pulse for pulse in machine._out if pulse.channel == channel]
                ahead = [Train(pulse.step, 1, 1, pulse.design) for pulse in begun]
                self._check(channel, self._ahead(channel, [*ahead, train]))

    # -- any timeline ---------------------------------------------------------------------

    def _ahead(self, channel: int, trains: Sequence[Train]) -> tuple[Sums, int]:
        """Return the pulses of a channel that matter, and from which on they are to come."""
        window = self._window(channel)
        past = self._past[channel]
        if not trains:
            return past, len(past.pulses)
        sums = past.since(trains[0].first - window - 1)
        begin = len(sums.pulses)
        for train in trains:
            charge = self._charge(train.design)
            for number in _telling(train, window):
                sums.add(train.first + number * train.period, charge)
        return sums, begin

    def _check(self, channel: int, ahead: tuple[Sums, int]) -> None:
        for limits in self._of_channel[channel]:
            hold(channel, limits, *self._most(limits, *ahead))

    def _most(
        self, limits: Limits, sums: Sums, begin: int, present: int | None = None
    ) -> tuple[int, int, int]:
        """Return the most pulses, and the most charge moved and left behind, in the window of any to come.

        With `present` also in the window that ends there.
        """
        most, pulses = [0, 0, 0], sums.pulses
        ends = [(pulses[at][0], at) for at in range(begin, len(pulses))]
        if present is not None:
            ends.append((present, bisect_left(pulses, (present + 1,)) - 1))
        for step, at in ends:
            low = bisect_left(pulses, (step - limits.window + 1,))
            if low > at:
                continue
            (_, moved, left), (_, moved_before, left_before) = pulses[at], pulses[low - 1]
            found = at - low + 1, moved - moved_before, abs(left - left_before)
            most = list(map(max, most, found))
        return most[0], most[1], most[2]


def _on_idle_channels(
    machine: Sequencer, operations: Sequence[Operation], step: int
) -> tuple[StimOperation, int] | None:
    """Return a stim that is all there is to be done, on channels without a queue, and when it begins."""
    if len(operations) != 1:
        return None
    stim = operations[0]
    if type(stim) is not StimOperation or not stim.count:
        return None
    begin, channels = step, machine._channels
    for number in stim.channels:
        channel = channels[number]
        if channel.queue or channel.left or channel.sync is not None:
            return None
        if channel.free_at > begin:
            begin = channel.free_at
    return stim, begin + stim.delay_steps + NOTICE_STEPS


def _telling(train: Train, window: int) -> Iterable[int]:
    """Return the numbers of the pulses of a train whose windows tell of all others, too.

    From its second window on every one has the same in it; the last ones count for what follows.
    """
    several = window // train.period + 2
    if train.pulses <= 2 * several:
        return range(train.pulses)
    return *range(several), *range(train.pulses - several, train.pulses)
