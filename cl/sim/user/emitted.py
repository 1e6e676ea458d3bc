"""What a live source is to emit, checked before anything of it is taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .checks import Fault, TypeFault, checked_frames, checked_spikes
from .data_source import DataSourceBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from .data_source import DataSourceSpike

T = TypeVar("T")


def checked_batch(batch: DataSourceBatch) -> tuple[NDArray[np.int16] | None, list[DataSourceSpike]]:
    """Return the frames, if there are some, and the spikes of a batch; TypeError or ValueError."""
    if not isinstance(batch, DataSourceBatch):
        raise TypeError(f"batch is {type(batch).__name__}, it must be a DataSourceBatch")
    spikes = taken(checked_spikes, batch.spikes)
    return None if batch.frames is None else taken(checked_frames, batch.frames), spikes


def taken(check: Callable[[Any], T], value: Any) -> T:
    """Check what is to be emitted; what is wrong with it is the emitter's error, of the usual types."""
    try:
        return check(value)
    except TypeFault as fault:
        raise TypeError(str(fault)) from None
    except Fault as fault:
        raise ValueError(str(fault)) from None
