"""The electrodes of the array, as other programs want to know them."""

from __future__ import annotations

from typing import Final

from cl._values.constants import CHANNEL_COUNT, GROUNDED, REFERENCE

SIDE: Final = 8
PITCH_UM: Final = 200.0
"""The nominal distance of neighbouring electrodes, which no recording tells."""


def positions(pitch_um: float = PITCH_UM) -> list[tuple[float, float]]:
    """Return x (by column) and y (by row) of each channel, in µm: channel = row + 8·column."""
    return [
        (channel // SIDE * float(pitch_um), channel % SIDE * float(pitch_um))
        for channel in range(CHANNEL_COUNT)
    ]


def roles() -> list[str]:
    """Return for each channel what it is: 'electrode', 'ground' or 'reference'."""
    return [
        "ground" if channel in GROUNDED else "reference" if channel == REFERENCE else "electrode"
        for channel in range(CHANNEL_COUNT)
    ]
