"""How much stimulation a channel may get: the limits, and what is left of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from cl._values.numbers import real

from .designs import STEPS_PER_SECOND

WINDOW_SECONDS: Final = 0.001, 3_600.0
LIMITS: Final = ("max_rate_hz", "max_charge_nC_per_s", "max_net_charge_nC")


class StimBudget(NamedTuple):
    """What the pulses of a channel may come to in `window_seconds`; None: as much as they will.

    Each pulse that starts counts with all that started in the `window_seconds` up to and with it: how
    many they are, in Hz over the window; what charge they move either way, the sum of |duration × current|;
    and what charge they leave behind, the size of the sum of duration × current.
    """

    max_rate_hz: float | None = None
    max_charge_nC_per_s: float | None = None
    max_net_charge_nC: float | None = None
    window_seconds: float = 1.0

    @property
    def window_steps(self) -> int:
        """The window in steps of 20 µs."""
        return max(1, round(self.window_seconds * STEPS_PER_SECOND))


class Left(NamedTuple):
    """What is left of a budget; None where it has no such limit, below 0 where it is exceeded."""

    rate_hz: float | None
    charge_nC_per_s: float | None
    net_charge_nC: float | None


def checked_budget(
    max_rate_hz: object, max_charge_nC_per_s: object, max_net_charge_nC: object, window_seconds: object
) -> StimBudget | None:
    """Return a budget; None where there is no limit. TypeError and ValueError for what it cannot be."""
    given = zip(LIMITS, (max_rate_hz, max_charge_nC_per_s, max_net_charge_nC), strict=True)
    limits = {name: _limit(name, value) for name, value in given if value is not None}
    low, high = WINDOW_SECONDS
    window = real(window_seconds, "window_seconds")
    if not low <= window <= high:
        raise ValueError(f"window_seconds must be from {low:g} to {high:g}, not {window_seconds}")
    return StimBudget(window_seconds=window, **limits) if limits else None


def _limit(name: str, value: object) -> float:
    number = real(value, name)
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name} must be at least 0, not {value}")
    return number
