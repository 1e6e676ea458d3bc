"""Stims as an `EventsTable`, with their designs where the recording has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl.interop.designs import PHASES, of_designs
from cl.interop.recorded import Events, Recorded

from . import event_table
from .filling import Compression

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME: Final = "stims"
_CHANNEL: Final = ("channel", "The channel, which is the id of its electrode.", np.uint8, ())
_DESIGN: Final = (
    ("duration", "How long the pulse was with all its phases, in seconds; NaN if unknown.", np.float64, ()),
    ("phases", "How many phases the pulse had; 0 if unknown.", np.uint8, ()),
    (
        "amplitude_uA",
        "Current of the first phase with the largest one, in uA; NaN if unknown.",
        np.float64,
        (),
    ),
    ("width_us", "Duration of that phase, in us; NaN if unknown.", np.float64, ()),
    *(
        (
            f"{name}_{number}",
            f"{words} of phase {number}, in {unit}; NaN where there is none.",
            np.float64,
            (),
        )
        for number in range(1, PHASES + 1)
        for name, words, unit in (("duration_us", "Duration", "us"), ("current_uA", "Current", "uA"))
    ),
)


def add(
    file: Any, recorded: Recorded, compression: Compression, names: set[str]
) -> Iterator[Callable[..., None]]:
    """Add the table, and yield what fills it; nothing without stims, as NWB has no empty tables."""
    count = recorded.count("stims")
    if not count:
        return
    knows_designs = any(block.designs is not None for block in recorded.events("stims"))
    columns = event_table.add(
        file,
        event_table.fitting(NAME, names, NAME),
        "Pulses of current that were given, one row a channel and pulse.",
        "The stimulator of the device.",
        1 / recorded.rate,
        count,
        (_CHANNEL, *(_DESIGN if knows_designs else ())),
        compression,
    )

    def fill(done: Callable[[float], None]) -> None:
        filling = event_table.Filling(columns)
        for block in recorded.events("stims"):
            values = _design_values(block) if knows_designs else []
            filling.append(block.timestamps / recorded.rate, block.channels, *values)
            done(len(block.timestamps))
        filling.flush()

    yield fill


def _design_values(block: Events) -> list[NDArray[Any]]:
    found = of_designs(block.designs, len(block.timestamps))
    return [
        found.total_us / 1e6,
        found.phases,
        found.amplitude_uA,
        found.width_us,
        *(column for pair in zip(found.durations_us, found.currents_uA, strict=True) for column in pair),
    ]
