"""What views of recordings have for their analysis; the metrics themselves are in `cl.analysis`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cl._values.numbers import whole

from .metrics import Metrics


class Analysable(Metrics):
    """A view with `attributes`, of which the metrics of `cl.analysis` may be computed."""

    attributes: Mapping[str, Any]
    file_path: str
    spikes: Any
    kept_spikes: Any = None
    """What the metrics have read of the spikes, for the next one; with the key that it is valid for."""
    _analysis_limit: tuple[int, int | None] = (0, None)

    def recordings(self) -> Iterator[tuple[int, Any]]:
        """Yield where each recording begins that the view is of, in frames of the view, and a view of it."""
        yield 0, self

    def spans(self) -> list[tuple[int, int]]:
        """Return where each recording begins that the view is of, and how many frames it has."""
        return [(0, int(self.attributes["duration_frames"]))]

    def analysis_key(self) -> object:
        """Return what changes when there are other spikes; `ValueError` if the view is closed."""
        if self.spikes is not None:
            self.spikes.dtype  # noqa: B018  # which a closed one does not have
        rows = None if self.spikes is None else len(self.spikes)
        return id(self.spikes), rows, self.attributes["duration_frames"]

    @property
    def analysis_window(self) -> tuple[int, int]:
        """The frames [first, last) that analyses look at, those of `analysis_timestamp_limit`."""
        first, last = self._analysis_limit
        return first, int(self.attributes["duration_frames"]) if last is None else last

    def analysis_timestamp_limit(
        self, minimum_timestamp: int | None = None, maximum_timestamp: int | None = None
    ) -> None:
        """Let later analyses use the spikes with minimum ≤ timestamp < maximum; None: no limit.

        Timestamps are frames since the recording's start; the times in results count from the minimum.
        `ValueError` unless 0 ≤ minimum ≤ maximum ≤ `attributes["duration_frames"]`, `TypeError` for what is
        no integer; nothing has changed then.
        """
        duration = int(self.attributes["duration_frames"])
        first = 0 if minimum_timestamp is None else whole(minimum_timestamp, "minimum_timestamp", 0)
        last = (
            None if maximum_timestamp is None else whole(maximum_timestamp, "maximum_timestamp", 0, duration)
        )
        end = duration if last is None else last
        if first > end:
            raise ValueError(f"minimum_timestamp must be at most the maximum {end}, not {first}")
        self._analysis_limit = first, last
