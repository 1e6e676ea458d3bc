"""What was not recorded between recordings, as `invalid_times`."""

from __future__ import annotations

from typing import Any

from cl.interop.recorded import Recorded


def add(file: Any, recorded: Recorded) -> None:
    """Mark the gaps, and where only some recordings have samples those that have none."""
    end = 0
    for part in recorded.parts:
        if part.start > end:
            _mark(file, recorded, end, part.start, "gap")
        if part.frames and not part.samples and recorded.count("samples"):
            _mark(file, recorded, part.start, part.start + part.frames, "no samples")
        end = part.start + part.frames


def _mark(file: Any, recorded: Recorded, start: int, stop: int, tag: str) -> None:
    file.add_invalid_time_interval(
        start_time=start / recorded.rate, stop_time=stop / recorded.rate, tags=[tag]
    )
