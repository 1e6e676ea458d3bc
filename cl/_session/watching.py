"""The watchdog of an open device, as far as opening it goes."""

from __future__ import annotations

from cl._core.settings import WATCHDOG_SECONDS
from cl._values.numbers import real


def checked_watchdog(seconds: object) -> float | None:
    """Return `stim_watchdog_seconds` as a number; TypeError and ValueError for what it cannot be."""
    if seconds is None:
        return None
    low, high = WATCHDOG_SECONDS
    number = real(seconds, "stim_watchdog_seconds")
    if not low <= number <= high:
        raise ValueError(f"stim_watchdog_seconds must be from {low:g} to {high:g}, or None, not {seconds}")
    return number
