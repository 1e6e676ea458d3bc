"""The limits of budgets in what is counted: pulses, and charge in whole units of 1e-18 C."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._values.numbers import decimal
from cl.error import StimBudgetExceeded

from .budget import Left, StimBudget
from .pulse_sums import Charge

if TYPE_CHECKING:
    from .designs import StimDesign

_UNITS: Final = 10**9
"""Units in a picocoulomb, 1 µA for 1 µs: currents count to the ninth decimal."""
_UNITS_PER_NC: Final = 1000 * _UNITS
NO_LIMIT: Final = float("inf")


class Limits(NamedTuple):
    """A budget in what is counted; infinite where there is no limit."""

    budget: StimBudget
    window: int
    pulses: float
    moved: float
    left: float


def limits_of(budget: StimBudget) -> Limits:
    """Return a budget in what is counted."""
    window = decimal(budget.window_seconds)
    rate, charge, net = budget.max_rate_hz, budget.max_charge_nC_per_s, budget.max_net_charge_nC
    return Limits(
        budget,
        budget.window_steps,
        NO_LIMIT if rate is None else floor(decimal(rate) * window),
        NO_LIMIT if charge is None else floor(decimal(charge) * window * _UNITS_PER_NC),
        NO_LIMIT if net is None else floor(decimal(net) * _UNITS_PER_NC),
    )


def charge_of(design: StimDesign | None) -> Charge:
    """Return what a pulse of a design does."""
    if design is None:
        return Charge(0, 0)  # An early device does not say what it delivers.
    phases = zip(design.phase_durations_us, design.phase_currents_uA, strict=True)
    charges = [duration * round(decimal(current) * _UNITS) for duration, current in phases]
    return Charge(sum(map(abs, charges)), sum(charges))


def hold(channel: int, limits: Limits, pulses: int, moved: int, left: int) -> None:
    """Raise StimBudgetExceeded if what is in a window is more than the budget has."""
    budget, window = limits.budget, limits.budget.window_seconds
    if pulses > limits.pulses:
        name, figure, unit = "max_rate_hz", pulses / window, "Hz"
        raise StimBudgetExceeded(channel, name, figure, budget.max_rate_hz or 0.0, unit, window)
    if moved > limits.moved:
        name, figure, unit = "max_charge_nC_per_s", moved / _UNITS_PER_NC / window, "nC/s"
        raise StimBudgetExceeded(channel, name, figure, budget.max_charge_nC_per_s or 0.0, unit, window)
    if left > limits.left:
        name, figure, unit = "max_net_charge_nC", left / _UNITS_PER_NC, "nC"
        raise StimBudgetExceeded(channel, name, figure, budget.max_net_charge_nC or 0.0, unit, window)


def left_of(limits: Limits, pulses: int, moved: int, left: int) -> Left:
    """Return what is left of a budget by what is in a window."""
    budget, window = limits.budget, limits.budget.window_seconds
    rate, charge, net = budget.max_rate_hz, budget.max_charge_nC_per_s, budget.max_net_charge_nC
    return Left(
        None if rate is None else rate - pulses / window,
        None if charge is None else charge - moved / _UNITS_PER_NC / window,
        None if net is None else net - left / _UNITS_PER_NC,
    )


def share_of(budget: StimBudget, left: Left) -> float:
    """Return which part is left of the limit of which the least is."""
    limits = budget.max_rate_hz, budget.max_charge_nC_per_s, budget.max_net_charge_nC
    return min(
        rest / limit if limit else rest
        for limit, rest in zip(limits, left, strict=True)
        if limit is not None and rest is not None
    )
