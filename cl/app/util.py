"""Helpers for applications: configurations of older versions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from .model import StimDesignModel, StimPulseComponentModel

__all__ = [
    "StimDesignModel",
    "StimPulseComponentModel",
    "migrate_biphasic_to_stim_design",
    "run_migrations",
]


def run_migrations(
    config_dict: dict[str, Any], migrations: Mapping[int, Callable[[dict[str, Any]], Any]]
) -> dict[str, Any] | None:
    """Bring a configuration up to date; return the new one, or None where no migration applies.

    `migrations` has the function that changes a dict in place, by the version that it leads to. Those above
    the configuration's `config_version` (0 without one) are applied in order to a copy.
    """
    version = config_dict.get("config_version", 0)
    ahead = sorted(target for target in migrations if target > version)
    if not ahead:
        return None
    migrated = copy.deepcopy(config_dict)
    for target in ahead:
        migrations[target](migrated)
        migrated["config_version"] = target
    return migrated


def migrate_biphasic_to_stim_design(
    section: dict[str, Any],
    current_key: str = "current_ua",
    phase_width_key: str = "phase_width_us",
    stim_design_key: str = "stim_design",
) -> None:
    """Replace the current and phase width of a biphasic pulse, negative first, by a stim design; in place.

    KeyError where one of them is missing; nothing is changed then.
    """
    current, width = section[current_key], section[phase_width_key]
    del section[current_key]
    section.pop(phase_width_key, None)
    section[stim_design_key] = {
        "components": [
            {"pulse_width_us": width, "signed_amplitude_ua": -current},
            {"pulse_width_us": width, "signed_amplitude_ua": current},
        ]
    }
