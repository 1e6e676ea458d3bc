"""Works out what operations would do on idle channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cl._values.constants import CHANNEL_COUNT, GROUNDED, NEVER

from .limits import StimLimits
from .operations import InterruptOperation, Operation, StimOperation
from .preview import ChannelPreview, PlanPreview, TrainPreview
from .sequencer import Sequencer


def preview(operations: Sequence[Operation]) -> PlanPreview:
    """Return the timeline of operations that are all queued at step 0, on idle channels, without limits.

    Interrupts among them act before anything begins, so each burst runs to its end
    and is worked out as a single long pulse. Raises `ValueError` where the plan
    would not end within 2^62 steps.
    """
    sequencer = Sequencer(StimLimits(NEVER, NEVER, NEVER))
    sequencer.submit([_in_one(operation) for operation in operations], 0)
    stims = _stims(operations)
    trains: list[list[TrainPreview]] = [[] for _ in range(CHANNEL_COUNT)]
    for pulse in sequencer.advance(NEVER):
        row = trains[pulse.channel]
        stim = stims[pulse.channel][len(row)]
        row.append(TrainPreview(pulse.step, stim.count, stim.period_steps, stim.design))
    if any(len(row) != len(queued) for row, queued in zip(trains, stims, strict=True)):
        raise ValueError(f"the plan does not end within {NEVER} steps of 20 µs")
    return PlanPreview(
        {channel: ChannelPreview(channel, tuple(row)) for channel, row in enumerate(trains) if row},
        _dropped(operations),
        tuple(
            sorted({c for each in operations if isinstance(each, InterruptOperation) for c in each.channels})
        ),
    )


def _dropped(operations: Sequence[Operation]) -> dict[int, int]:
    """Return how many pulses each grounded channel is told to give."""
    counts: Counter[int] = Counter()
    for operation in operations:
        for channel in GROUNDED:
            if channel not in operation.channels:
                continue
            if isinstance(operation, InterruptOperation):
                counts.pop(channel, None)
            elif isinstance(operation, StimOperation):
                counts[channel] += operation.count
    return {channel: count for channel, count in sorted(counts.items()) if count}


def _in_one(operation: Operation) -> Operation:
    if not isinstance(operation, StimOperation) or operation.count < 2:
        return operation
    return StimOperation(
        operation.channels,
        operation.design,
        1,
        operation.count * operation.period_steps,
        operation.delay_steps,
    )


def _stims(operations: Sequence[Operation]) -> list[list[StimOperation]]:
    """Return the stims that each channel comes to, in order."""
    stims: list[list[StimOperation]] = [[] for _ in range(CHANNEL_COUNT)]
    for operation in operations:
        for channel in operation.channels:
            if isinstance(operation, InterruptOperation):
                stims[channel].clear()
            elif isinstance(operation, StimOperation) and operation.count and channel not in GROUNDED:
                stims[channel].append(operation)
    return stims
