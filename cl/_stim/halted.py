"""What a stimulator does while the watchdog has ended stimulation."""

from __future__ import annotations

from collections.abc import Sequence

from cl.error import StimulationSuspended

from .operations import Operation, StimOperation


def refuse_stims(operations: Sequence[Operation]) -> None:
    """Raise StimulationSuspended for operations among which there are stims."""
    if any(isinstance(operation, StimOperation) for operation in operations):
        raise StimulationSuspended(
            "the watchdog has ended stimulation, since the program was not at work with the device for too "
            "long: neurons.resume_stimulation() lets it go on"
        )
