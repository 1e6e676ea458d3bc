"""Rows of the table `/stim_designs` as the designs that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cl._stim.designs import StimDesign

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def designs_of(rows: NDArray[Any]) -> NDArray[Any]:
    """Return each row's design, one object for all that are equal; None also for what no stimulator does."""
    known: dict[bytes, StimDesign | None] = {}
    found = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        key = row.tobytes()
        if key not in known:
            known[key] = _possible(row)
        found[number] = known[key]
    return found


def _possible(row: Any) -> StimDesign | None:
    try:
        return design_of(row)
    except ValueError:
        return None
