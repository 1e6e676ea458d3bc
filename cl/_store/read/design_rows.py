"""A row of the table `/stim_designs` as the design that it holds."""

from __future__ import annotations

from typing import Any

from cl._stim.designs import StimDesign


def design_of(row: Any) -> StimDesign | None:
    """Return the design in a row of `stim_designs`, or None where it is not known.

    Raises ValueError for what no stimulator does.
    """
    phases = int(row["phases"])
    if not 0 <= phases <= 3:
        raise ValueError(f"a stim of {phases} phases")
    durations, currents = row["duration_us"][:phases].tolist(), row["current_uA"][:phases].tolist()
    if not phases:
        return None
    return StimDesign(*(number for phase in zip(durations, currents, strict=True) for number in phase))
