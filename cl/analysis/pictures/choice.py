"""Arguments that choose: channels, and the stims of a design."""

from __future__ import annotations

from collections.abc import Iterable

from cl._stim.designs import StimDesign
from cl._values.constants import CHANNEL_COUNT
from cl._values.numbers import kind, whole


def chosen_channels(channels: Iterable[int] | int | None, name: str = "channels") -> list[int]:
    """Return channels in ascending order, all where None is given.

    TypeError for what is no channel, ValueError for one that there is not, that comes twice, and for none.
    """
    if channels is None:
        return list(range(CHANNEL_COUNT))
    if hasattr(channels, "__index__"):
        channels = [channels]  # type: ignore[list-item]
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        raise TypeError(f"{name} must be channels or None, not {kind(channels)}")
    found = [whole(channel, f"a channel of {name}", 0, CHANNEL_COUNT - 1) for channel in channels]
    if not found:
        raise ValueError(f"{name} must be at least one channel (None: all), not {channels!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"{name} must name each channel once, not {found!r}")
    return sorted(found)


def chosen_design(design: StimDesign | None) -> StimDesign | None:
    """Return the design; TypeError for what is none."""
    if design is not None and not isinstance(design, StimDesign):
        raise TypeError(f"design must be a StimDesign or None, not {kind(design)}")
    return design
