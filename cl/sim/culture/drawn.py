"""What is drawn into the frames to come: each drawing is added once, however they are cut into windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np

from cl._values.constants import CHANNEL_COUNT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Sample = TypeVar("_Sample", bound="np.signedinteger[Any]")
_LEAST_ROWS: Final = 1_024


class Drawn(Generic[_Sample]):
    """Sums for consecutive frames, (frames, 64), of which those of the next frame come first."""

    __slots__ = ("_at", "_end", "_rows")

    def __init__(self, kind: type[_Sample]) -> None:
        self._rows: NDArray[_Sample] = np.zeros((_LEAST_ROWS, CHANNEL_COUNT), kind)
        """Zero from `_end` on."""
        self._at = self._end = 0

    def copy(self) -> Drawn[_Sample]:
        """Return the same sums, to be gone on with apart."""
        twin = Drawn(self._rows.dtype.type)
        twin._rows, twin._at, twin._end = self._rows.copy(), self._at, self._end
        return twin

    def add(self, samples: NDArray[_Sample], ahead: int, channel: int | slice = slice(None)) -> None:
        """Add samples, (frames,) for one channel or (frames, 64), that begin so many frames `ahead`."""
        last = ahead + len(samples)
        if self._at + last > len(self._rows):
            self._make_room(last)
        self._end = max(self._end, self._at + last)
        self._rows[self._at + ahead : self._at + last, channel] += samples

    def take(self, count: int) -> NDArray[_Sample]:
        """Return the sums of the next `count` frames, as far as there are any; valid until more is added."""
        first, self._at = self._at, min(self._at + count, self._end)
        return self._rows[first : self._at]

    def _make_room(self, frames: int) -> None:
        kept = self._rows[self._at : self._end]
        rows = np.zeros((max(_LEAST_ROWS, 2 * frames, 2 * len(kept)), CHANNEL_COUNT), self._rows.dtype)
        rows[: len(kept)] = kept
        self._rows, self._at, self._end = rows, 0, len(kept)
