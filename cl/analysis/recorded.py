"""What metrics have to know of a recording besides its spikes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cl._store.read.analysable import Analysable


def rate_of(view: Analysable) -> Any:
    """Return how many frames there are in a second, as the recording has it."""
    return _positive(view, "frames_per_second")


def channel_count_of(view: Analysable) -> int:
    """Return how many channels there are."""
    return int(_positive(view, "channel_count"))


def _positive(view: Analysable, name: str) -> Any:
    value: Any = view.attributes.get(name)
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError(f"{view.file_path} cannot be analysed: {name!r} should be above 0, it is {value!r}")
    return value
