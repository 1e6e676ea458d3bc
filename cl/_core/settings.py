"""The settings of one device, and what the environment says: the `CL_*` variables and the `.env` file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cl._stim.limits import CHANNEL_QUEUE, DEFERRED_INTERRUPTS, SYNCS

from .budget_file import LaboratorysBudgets, read_budgets
from .culture import read_culture
from .variables import read_variables

T = TypeVar("T")

SAMPLE_MEANS: Final = 0.0, 10_000.0
SPIKE_PERCENTILES: Final = 0.0, 100.0
SYNC_SECONDS: Final = 1.0, 3600.0
WATCHDOG_SECONDS: Final = 0.1, 86_400.0
"""The least and the greatest value, for variables and arguments alike."""

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one device; the field comments name the variables."""

    accelerated: bool = False  # CL_SDK_ACCELERATED_TIME
    random_seed: int | None = None  # CL_SDK_RANDOM_SEED
    sample_mean: float = 170.0  # CL_SDK_SAMPLE_MEAN
    spike_percentile: float = 99.995  # CL_SDK_SPIKE_PERCENTILE
    spike_visibility: bool = False  # CL_SDK_SPIKE_VISIBILITY
    replay_path: str | None = None  # CL_SDK_REPLAY_PATH
    replay_start_offset: int | None = None  # CL_SDK_REPLAY_START_OFFSET
    visualisation: bool = True  # CL_SDK_VISUALISATION
    visualisation_host: str = "127.0.0.1"  # CL_SDK_VISUALISATION_HOST
    visualisation_url: str | None = None  # CL_SDK_VISUALISATION_URL
    data_source: str | None = None  # CL_SDK_DATA_SOURCE
    data_source_config: dict[str, Any] | None = None  # CL_SDK_DATA_SOURCE_CONFIG
    data_source_metadata: dict[str, Any] | None = None  # CL_SDK_DATA_SOURCE_METADATA
    detect_spikes: bool = False  # CL_SDK_DETECT_SPIKES
    jitter_detection: bool = False  # CL_SDK_JITTER_DETECTION
    channel_queue_limit: int = CHANNEL_QUEUE  # CL_SDK_CHANNEL_QUEUE_LIMIT
    sync_limit: int = SYNCS  # CL_SDK_SYNC_LIMIT
    deferred_interrupt_limit: int = DEFERRED_INTERRUPTS  # CL_SDK_DEFERRED_INTERRUPT_LIMIT
    sync_seconds: float | None = None  # CL_SDK_SYNC_SECONDS; None: as is usual for its time
    stim_warnings: bool = False  # CL_STIM_WARNINGS
    stim_budgets: LaboratorysBudgets = ()  # CL_STIM_BUDGET, a file that has them
    stim_watchdog_seconds: float | None = None  # CL_STIM_WATCHDOG_SECONDS; None: nothing is watched
    device: str | None = None  # CL_DEVICE
    culture: dict[str, Any] | None = None  # CL_CULTURE, a file that says it
    device_token: str | None = field(default=None, repr=False)  # CL_DEVICE_TOKEN
    device_token_file: str | None = None  # CL_DEVICE_TOKEN_FILE
    device_ca: str | None = None  # CL_DEVICE_CA
    arguments: frozenset[str] = field(default=frozenset(), compare=False)
    """The fields that a program gave as arguments, in the place of variables."""

    def called(self, name: str, variable: str) -> str:
        """Return what errors call a setting: its field where that was an argument, or its variable."""
        return name if name in self.arguments else variable


def load_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings from the environment and from `.env` in the working directory.

    The environment wins over the file (`read_variables`). A bad value raises `ValueError` that names the
    variable, what it held and what it takes.
    """
    return parse_settings(read_variables(environ, directory))


def parse_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings that these variables make, and nothing else. Errors as for `load_settings`."""
    read = _Reader(variables)
    return Settings(
        accelerated=read("CL_SDK_ACCELERATED_TIME", _flag, False),
        random_seed=read("CL_SDK_RANDOM_SEED", _natural, None),
        sample_mean=read("CL_SDK_SAMPLE_MEAN", _number(*SAMPLE_MEANS), 170.0),
        spike_percentile=read("CL_SDK_SPIKE_PERCENTILE", _number(*SPIKE_PERCENTILES), 99.995),
        spike_visibility=read("CL_SDK_SPIKE_VISIBILITY", _flag, False),
        replay_path=read("CL_SDK_REPLAY_PATH", _text, None),
        replay_start_offset=read("CL_SDK_REPLAY_START_OFFSET", _natural, None),
        visualisation=read("CL_SDK_VISUALISATION", _flag, True),
        visualisation_host=read("CL_SDK_VISUALISATION_HOST", _text, "127.0.0.1"),
        visualisation_url=read("CL_SDK_VISUALISATION_URL", _url, None),
        data_source=read("CL_SDK_DATA_SOURCE", _text, None),
        data_source_config=read("CL_SDK_DATA_SOURCE_CONFIG", _json_object, None),
        data_source_metadata=read("CL_SDK_DATA_SOURCE_METADATA", _json_object, None),
        detect_spikes=read("CL_SDK_DETECT_SPIKES", _flag, False),
        jitter_detection=read("CL_SDK_JITTER_DETECTION", _flag, False),
        channel_queue_limit=read("CL_SDK_CHANNEL_QUEUE_LIMIT", _positive, CHANNEL_QUEUE),
        sync_limit=read("CL_SDK_SYNC_LIMIT", _positive, SYNCS),
        deferred_interrupt_limit=read("CL_SDK_DEFERRED_INTERRUPT_LIMIT", _positive, DEFERRED_INTERRUPTS),
        sync_seconds=read("CL_SDK_SYNC_SECONDS", _sync_seconds, None),
        stim_warnings=read("CL_STIM_WARNINGS", _flag, False),
        stim_budgets=read("CL_STIM_BUDGET", read_budgets, ()),
        stim_watchdog_seconds=read("CL_STIM_WATCHDOG_SECONDS", _watchdog_seconds, None),
        device=read("CL_DEVICE", _text, None),
        culture=read("CL_CULTURE", read_culture, None),
        device_token=read("CL_DEVICE_TOKEN", _text, None),
        device_token_file=read("CL_DEVICE_TOKEN_FILE", _text, None),
        device_ca=read("CL_DEVICE_CA", _text, None),
    )


class _Reader:
    """Takes one variable after the other out of a mapping, with errors that name them."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = found

    def __call__(self, name: str, parse: Callable[[str], T], default: Any) -> Any:
        text = self._found.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"{name}={text!r}: it takes {error}") from None


def _flag(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("1 or 0")


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number of at least 0")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ValueError("a whole number of at least 1")
    return int(text)


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return parse


def _sync_seconds(text: str) -> float:
    """Return 0, or for how long at most what was recorded may be away from the disk."""
    try:
        return _number(*SYNC_SECONDS)(text) if float(text) else 0.0
    except ValueError:
        low, high = SYNC_SECONDS
        raise ValueError(f"0, or a number from {low:g} to {high:g}") from None


def _watchdog_seconds(text: str) -> float | None:
    """Return for how long at most a program may leave its device alone, None for 0: nothing is watched."""
    try:
        return _number(*WATCHDOG_SECONDS)(text) if float(text) else None
    except ValueError:
        low, high = WATCHDOG_SECONDS
        raise ValueError(f"0, or a number from {low:g} to {high:g}") from None


def _text(text: str) -> str:
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        right = False
    if not right or parts.query or parts.fragment or "@" in parts.netloc or not text.isascii():
        raise ValueError("the http or https URL under which browsers find the page")
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"JSON ({error})") from None


def _json_object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise ValueError("a JSON object")
    return value
