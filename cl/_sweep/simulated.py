"""Which simulator the runs of a sweep open: the arguments of one, as plain values."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Final

from cl._core.settings import Settings, load_settings
from cl._values.numbers import kind
from cl.sim.build import environments_source
from cl.sim.described import RANDOM, SETTINGS
from cl.sim.simulator import Simulator
from cl.sim.user.registry import SIMULATORS, Registration, checked_registration

from .experiment import main_name

_SETTINGS: Final = tuple(name for name in SETTINGS if name != "accelerated")
_OWN: Final = ("seed", "accelerated", "time", "name", "visualisation", "visualisation_host")
"""What a run has of its own, or has not."""


def simulated(source: Any) -> dict[str, Any]:
    """Return the arguments of the runs' `Simulator`, without the seed, all of them given.

    `source` is a source as `Simulator` takes it, a mapping of `Simulator`'s arguments, or None: what the
    environment says. What is not given is as the environment says now: workers do not look at theirs.
    TypeError and ValueError for what cannot be, or cannot be imported by a worker.
    """
    settings = load_settings()
    given = _given(source)
    if not given.keys() & {"source", "replay_path", "config", "metadata"}:
        given = {**_environments(settings), **given}
    Simulator(**given)  # checks them
    if "source" in given:
        given["source"] = _path(given["source"], given)
    if "replay_path" in given:
        given["replay_path"] = os.path.abspath(given["replay_path"])
    if dataclasses.is_dataclass(given.get("metadata")):
        given["metadata"] = dataclasses.asdict(given["metadata"])
    return {name: getattr(settings, name) for name in _SETTINGS} | given


def identifying(simulator: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not as it is by default: what tells one data source from another."""
    default = Settings()
    return {name: value for name, value in simulator.items() if value != getattr(default, name, None)}


def _given(source: Any) -> dict[str, Any]:
    if source is None:
        return {}
    if isinstance(source, str) or callable(source):
        return {"source": source}
    if not isinstance(source, Mapping):
        raise TypeError(
            f"source is {kind(source)}: it takes a data source, or a mapping of cl.sim.Simulator's arguments"
        )
    for name in _OWN:
        if name in source:
            raise ValueError(f"source has {name!r}: a sweep gives each run its own")
    return {name: value for name, value in source.items() if value is not None}


def _environments(settings: Settings) -> dict[str, Any]:
    own = environments_source(settings)
    if own is not None:
        found: dict[str, Any] = {"source": own.factory, "config": own.config, "metadata": own.metadata}
    elif settings.replay_path is not None:
        found = {"replay_path": settings.replay_path, "replay_start_offset": settings.replay_start_offset}
    else:
        found = {"source": RANDOM}
    return {name: value for name, value in found.items() if value is not None}


def _path(source: Any, given: Mapping[str, Any]) -> str:
    """Return a source as a text that a worker imports it by."""
    if source == RANDOM:
        return RANDOM
    registration: Registration = checked_registration(source, given.get("config"), None, SIMULATORS)
    path = registration.path
    if path.startswith("<"):
        raise ValueError(f"source is {source!r}, which workers cannot import: define it in a module")
    module, _, attribute = path.partition(":")
    return f"{main_name()[0]}:{attribute}" if module == "__main__" else path
