"""The budgets of stimulation that a laboratory gives every program: the file that CL_STIM_BUDGET names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cl._values.constants import CHANNEL_COUNT

if TYPE_CHECKING:
    from cl._stim.budget import StimBudget

LaboratorysBudgets: TypeAlias = "tuple[tuple[tuple[int, ...], StimBudget], ...]"
"""Channels, and the budget that each of them has; the last one that names a channel counts."""

_LIMITS: Final = ("max_rate_hz", "max_charge_nC_per_s", "max_net_charge_nC", "window_seconds")
_WHAT: Final = "a TOML file of budgets"


def read_budgets(path: str) -> LaboratorysBudgets:
    """Return the budgets in a TOML file; ValueError, to follow "it takes", for what is none.

    It has tables `[[budget]]`, each with `channels`, a list of numbers or "all", and limits as
    `neurons.set_stim_budget` takes them.
    """
    import tomllib

    try:
        with Path(path).open("rb") as file:
            found = tomllib.load(file)
        if set(found) != {"budget"} or not isinstance(found["budget"], list) or not found["budget"]:
            raise ValueError(f"tables [[budget]] and nothing else, not {sorted(found)}")
        return tuple(_budget(table, number) for number, table in enumerate(found["budget"], 1))
    except OSError as error:
        raise ValueError(f"{_WHAT}: {error.strerror}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_WHAT}: {error}") from None


def _budget(table: Any, number: int) -> tuple[tuple[int, ...], StimBudget]:
    from cl._stim.budget import checked_budget
    from cl._stim.channels import ChannelSet

    where = f"budget {number}"
    if not isinstance(table, Mapping):
        raise TypeError(f"{where} must be a table, not {table!r}")
    unknown = sorted(set(table) - {"channels", *_LIMITS})
    if unknown or "channels" not in table:
        said = f"has {unknown[0]!r}" if unknown else "has no channels"
        raise ValueError(f"{where} {said}; it takes channels and {', '.join(_LIMITS)}")
    chosen = table["channels"]
    channels = tuple(range(CHANNEL_COUNT)) if chosen == "all" else tuple(ChannelSet(chosen))
    rate, charge, net = (table.get(name) for name in _LIMITS[:-1])
    try:
        budget = checked_budget(rate, charge, net, table.get("window_seconds", 1.0))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from None
    if budget is None:
        raise ValueError(f"{where} has no limit; it takes {', '.join(_LIMITS[:-1])}")
    return channels, budget
