"""Times of a recording as they are shown and typed."""

from __future__ import annotations

import re
from typing import Final

_TYPED: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?|[.,]\d+)\Z", re.ASCII)
_LONGEST: Final = 32


def shown(seconds: float) -> str:
    """Return M:SS.mmm, from an hour on H:MM:SS.mmm."""
    milliseconds = int(seconds * 1000 + 1e-6)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    below = f"{rest // 1000:02}.{rest % 1000:03}"
    return f"{hours}:{minutes:02}:{below}" if hours else f"{minutes}:{below}"


def typed(text: str) -> float:
    """Return the seconds of SS, MM:SS or H:MM:SS, fractions allowed; ValueError for anything else."""
    found = _TYPED.match(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f"Invalid time format: {text!r}")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds.replace(",", "."))
