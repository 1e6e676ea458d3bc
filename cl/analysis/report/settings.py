"""What a report computes, and with which arguments: the stated defaults, and those that were set."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cl._store.read.view import RecordingView

METRICS: Final[Mapping[str, Mapping[str, Any]]] = {
    "firing_stats": {"bin_size_sec": 0.1},
    "network_bursts": {"bin_size_sec": 0.1, "onset_freq_hz": 5.0, "offset_freq_hz": 1.0},
    "criticality": {"bin_size_sec": 0.004, "percentile_threshold": 0.5},
    "information_entropy": {"bin_size_sec": 0.1},
    "lempel_ziv_complexity": {"bin_size_sec": 0.1},
    "dct_features": {"k": 8},
    "spike_triggered_histogram": {
        "bin_size_sec": 0.005,
        "start_sec": 0.05,
        "end_sec": 0.05,
        "num_channels": 8,
    },
    "functional_connectivity": {"bin_size_sec": 0.05},
}
"""The metrics in their order on the page, with the report's defaults of what has to be given."""
PICTURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "rates": {},
    "activity_map": {},
    "psth": {},
    "isi": {},
    "waveforms": {},
}
"""What the page shows besides, with names of their own."""


class Settings:
    """The metrics of a report and the arguments of all that it computes."""

    def __init__(self, metrics: Iterable[str] = (), settings: Iterable[str] = ()) -> None:
        """Take names of metrics and pictures (none: all) and settings, `"metric.name=value"`.

        ValueError that names a wrong one.
        """
        chosen = _known(metrics) or [*METRICS, *PICTURES]
        self.metrics = [name for name in METRICS if name in chosen]
        self.pictures = [name for name in PICTURES if name in chosen]
        self.all = len(chosen) == len(METRICS) + len(PICTURES)
        self.changed: dict[str, dict[str, Any]] = {}
        for setting in settings:
            name, argument, value = _parse(setting)
            self.changed.setdefault(name, {})[argument] = value

    def arguments(self, name: str) -> dict[str, Any]:
        """Return a metric's or a picture's arguments: what was set, the report's defaults, the method's."""
        own = {
            parameter.name: parameter.default
            for parameter in _parameters(name)
            if parameter.default is not inspect.Parameter.empty
        }
        found = {**own, **METRICS.get(name, {}), **self.changed.get(name, {})}
        return {parameter.name: found[parameter.name] for parameter in _parameters(name)}


def method(name: str) -> str:
    """Return the name of the view's method for a metric or a picture."""
    return f"analyse_{name}" if name in METRICS else name


def _parameters(name: str) -> list[inspect.Parameter]:
    signature = inspect.signature(getattr(RecordingView, method(name)))
    return list(signature.parameters.values())[1:]


def _known(metrics: Iterable[str]) -> list[str]:
    found = [name.strip().replace("-", "_") for each in metrics for name in each.split(",")]
    for name in found:
        if name not in METRICS and name not in PICTURES:
            known = ", ".join((*METRICS, *PICTURES))
            raise ValueError(f"--metric {name}: there is no such metric, there are {known}")
    return found


def _parse(setting: str) -> tuple[str, str, Any]:
    target, equals, text = setting.partition("=")
    name, dot, argument = target.strip().partition(".")
    if not (equals and dot):
        raise ValueError(f"--set {setting}: a setting is like network_bursts.onset_freq_hz=4")
    if name not in METRICS and name not in PICTURES:
        raise ValueError(
            f"--set {setting}: there is no {name!r}, there are {', '.join((*METRICS, *PICTURES))}"
        )
    known = [parameter.name for parameter in _parameters(name)]
    if argument not in known:
        raise ValueError(f"--set {setting}: {name} has no argument {argument!r}, it has {', '.join(known)}")
    try:
        return name, argument, ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(
            f"--set {setting}: {text!r} is no number, None, True, False, or list of such"
        ) from None
