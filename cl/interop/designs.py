"""Rows of the table `/stim_designs` as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHASES: Final = 3


class Designs(NamedTuple):
    """The designs of n stims, each of them (n,); NaN for what there is not, or what is not known."""

    phases: NDArray[np.uint8]
    total_us: NDArray[np.float64]
    amplitude_uA: NDArray[np.float64]
    """The current of the largest phase, the first of those that are alike."""
    width_us: NDArray[np.float64]
    """How long that phase takes."""
    durations_us: list[NDArray[np.float64]]
    currents_uA: list[NDArray[np.float64]]


def of_designs(rows: NDArray[Any] | None, count: int) -> Designs:
    """Return the columns of rows, None where `count` stims have no designs."""
    if rows is None:
        nothing = np.full(count, np.nan)
        each = [nothing] * PHASES
        return Designs(np.zeros(count, np.uint8), nothing, nothing, nothing, each, each)
    phases = np.clip(rows["phases"], 0, PHASES).astype(np.uint8)
    there = np.arange(PHASES) < phases[:, None]
    durations = np.where(there, rows["duration_us"].astype(np.float64), np.nan)
    currents = np.where(there, rows["current_uA"].astype(np.float64), np.nan)
    known = phases > 0
    largest = np.abs(np.where(there, currents, 0.0)).argmax(axis=1)
    at = np.arange(len(phases)), largest
    return Designs(
        phases,
        np.where(known, np.where(there, durations, 0.0).sum(axis=1), np.nan),
        currents[at],
        durations[at],
        list(durations.T),
        list(currents.T),
    )
