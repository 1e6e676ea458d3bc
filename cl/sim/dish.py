"""The simulated dish: a data source and the stimulator's sequencer, window after window.

The simulator and the emulator of the card both play one. What they share is here: which pulses a window has,
and those of each frame, since a source is told of a pulse before it is asked for the frame that the pulse
begins in. The order in which they are reported is that of `cl._stim.delivered`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cl._stim.delivered import reported
from cl._stim.journal import JournaledSequencer

if TYPE_CHECKING:
    from cl._core.device import EventHistory
    from cl._stim.budget_keeper import BudgetKeeper
    from cl._stim.limits import StimLimits
    from cl._stim.sequencer import Pulse


def by_frame(pulses: Sequence[Pulse]) -> Iterator[tuple[int, Sequence[Pulse]]]:
    """Yield the pulses of each frame, in order."""
    at = 0
    while at < len(pulses):
        frame = pulses[at].timestamp
        end = at + 1
        while end < len(pulses) and pulses[end].timestamp == frame:
            end += 1
        yield frame, pulses[at:end]
        at = end


class Dish:
    """The pulses of every window, given once each."""

    def __init__(self, limits: StimLimits | None = None) -> None:
        self.sequencer = JournaledSequencer(limits)

    def deliver(self, stop: int) -> list[Pulse]:
        """Return the pulses before `stop` that were not returned yet, in the order of their steps."""
        sequencer = self.sequencer
        if sequencer.next_step >= 2 * stop:
            return []
        pulses = sequencer.advance(2 * stop)
        sequencer.acknowledge()
        return pulses


class LoggedDish(Dish):
    """A dish whose pulses are logged to a history, once each, whatever comes in between."""

    def __init__(self, limits: StimLimits, history: EventHistory) -> None:
        super().__init__(limits)
        self.history = history
        self.keeper: BudgetKeeper | None = None
        """What is told of the pulses, where channels have budgets."""
        self._logged = 0
        """Where the log of stims ended before the pulses that are not acknowledged were logged."""

    def deliver(self, stop: int) -> list[Pulse]:
        """Log the pulses before `stop` and return them in the order of their steps."""
        sequencer, stims = self.sequencer, self.history.stims
        if sequencer.next_step >= 2 * stop:
            return []
        if sequencer.held:
            # An interruption has come between logging them and saying so.
            stims.cut(self._logged)
        self._logged = stims.end
        pulses = sequencer.advance(2 * stop)
        if pulses:
            self.history.add_stims(*reported(pulses))
            if self.keeper is not None:
                self.keeper.took(pulses)
        sequencer.acknowledge()
        return pulses
