"""`Simulator`: a simulated device as a value, to be opened by `cl.open(device=...)`."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cl._core.settings import SAMPLE_MEANS, SPIKE_PERCENTILES
from cl._core.virtual_time import VirtualTime
from cl._values.numbers import kind, real, whole

from .described import RANDOM

if TYPE_CHECKING:
    from cl._core.settings import Settings

    from .user.data_source import SimulatorDataSourceMetadata
    from .user.registry import Registration

_construction: Final = itertools.count()
_FLAGS: Final = ("spike_visibility", "detect_spikes", "accelerated", "jitter_detection", "visualisation")
_LIMITS: Final = ("channel_queue_limit", "sync_limit", "deferred_interrupt_limit")
_RANGES: Final = {"sample_mean": SAMPLE_MEANS, "spike_percentile": SPIKE_PERCENTILES}


@dataclass(frozen=True, eq=False)
class Simulator:
    """A simulator: what it plays, and how. None means "as the environment says", at the open.

    `source` makes the data: a factory or its path, as in `set_simulator_data_source`, with
    `config` and `metadata`, which go with it; or "random", the random source. It comes before a replay;
    `replay_path` comes before a source that is set or that the environment names. The other arguments are the
    variables of the same names (`seed` is CL_SDK_RANDOM_SEED). With a `time`, a `cl.VirtualTime` that several
    simulators may share, time is accelerated. `name` is what messages call the device.

    A value is one dish: `cl.open(device=simulator)` joins the device of this very object if that is open. Two
    values are two devices, though everything about them be alike, and so are a value and its copy.

    Wrong types raise TypeError, values out of range ValueError, here; what does not go together with the
    environment, or with what a file holds, raises at the open.
    """

    source: str | Callable[..., Any] | None = None
    _: KW_ONLY
    config: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | SimulatorDataSourceMetadata | None = None
    seed: int | None = None
    replay_path: str | os.PathLike[str] | None = None
    replay_start_offset: int | None = None
    sample_mean: float | None = None
    spike_percentile: float | None = None
    spike_visibility: bool | None = None
    detect_spikes: bool | None = None
    accelerated: bool | None = None
    jitter_detection: bool | None = None
    visualisation: bool | None = None
    visualisation_host: str | None = None
    channel_queue_limit: int | None = None
    sync_limit: int | None = None
    deferred_interrupt_limit: int | None = None
    time: VirtualTime | None = None
    name: str | None = None
    _order: int = field(init=False, repr=False)
    """The number of its construction: who is served first where two on one clock are alike."""

    def __post_init__(self) -> None:
        checked = self._checked(self._given())
        checked["_order"] = next(_construction)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_recording(
        cls,
        path: str | os.PathLike[str],
        *,
        source: Callable[..., Any] | None = None,
        replay_path: str | os.PathLike[str] | None = None,
    ) -> Simulator:
        """Return one that makes the run of a recording again: same source, seed and settings.

        A source is imported by the name in the recording, and must be one: a class of data sources, or a
        function of a module that has some. `source` is taken instead, for factories that have no name to be
        imported by. A replayed file is looked for beside the recording and in the working directory;
        `replay_path` says where else it is. ValueError where a recording does not say how it was made.
        """
        from .rerun import arguments_of

        return cls(**arguments_of(path, source, replay_path))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"Simulator({given})"

    def __reduce__(self) -> tuple[Callable[..., Simulator], tuple[dict[str, Any]]]:
        return _made_again, (self._given(),)

    def _given(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        return {name: value for name, value in values.items() if value is not None}

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as they are kept; TypeError and ValueError for what they cannot be."""
        found = {name: _check(name, value) for name, value in given.items()}
        if found.keys() & {"source", "config", "metadata"}:
            self._check_source(found)
        if "time" in found and found.get("accelerated") is False:
            raise ValueError(
                f"accelerated=False with time={self.time!r}: time that is shared is virtual, "
                "it takes accelerated=True or None"
            )
        return found

    def _check_source(self, found: dict[str, Any]) -> None:
        from .user.registry import SIMULATORS, checked_config, checked_metadata, checked_registration

        if "config" in found:
            found["config"] = checked_config(found["config"], "config")
        if "metadata" in found:
            found["metadata"] = checked_metadata(found["metadata"], "metadata")
        source = found.get("source")
        if source is None and "replay_path" not in found:
            return
        if source not in (None, RANDOM):
            checked_registration(source, names=SIMULATORS)
        elif extra := [name for name in ("config", "metadata") if name in found]:
            played = "the random source" if source == RANDOM else "a replay"
            raise ValueError(f"{extra[0]} is {found[extra[0]]!r}: {played} takes none")


def settings_of(simulator: Simulator, environment: Settings) -> Settings:
    """Return the settings that a simulator is opened with, where the environment's are these."""
    given = {
        "random_seed" if name == "seed" else name: value
        for name, value in simulator._given().items()
        if name not in ("source", "config", "metadata", "time", "name")
    }
    if simulator.time is not None:
        given["accelerated"] = True
    if simulator.source is not None:
        given["replay_path"] = None  # also an explicit one: a source comes before a replay
    return dataclasses.replace(environment, device=None, arguments=frozenset(given), **given)


def registration_of(simulator: Simulator, environments: Registration | None) -> Registration | None:
    """Return the source of the user's that a simulator plays, where the environment's is this one.

    ValueError for a `config` or `metadata` without a source that could take them.
    """
    if simulator.source == RANDOM or (simulator.source is None and simulator.replay_path is not None):
        return None
    if simulator.source is not None:
        from .user.registry import SIMULATORS, checked_registration

        return checked_registration(simulator.source, simulator.config, simulator.metadata, SIMULATORS)
    own: dict[str, Any] = {"config": simulator.config, "metadata": simulator.metadata}
    given = {name: value for name, value in own.items() if value is not None}
    if not given:
        return environments
    if environments is None:
        name, value = next(iter(given.items()))
        raise ValueError(f"{name} is {value!r}, but no source that takes it is given, set or named")
    names = environments.names._replace(**{name: name for name in given})
    return dataclasses.replace(environments, names=names, **given)


def _made_again(given: dict[str, Any]) -> Simulator:
    return Simulator(**given)


def _check(name: str, value: Any) -> Any:
    """Return one argument as it is kept."""
    if name in _FLAGS:
        return _flag(name, value)
    if name in _LIMITS:
        return whole(value, name, 1)
    if name in ("seed", "replay_start_offset"):
        return whole(value, name, 0)
    if name in _RANGES:
        return _number(name, value, *_RANGES[name])
    if name == "replay_path":
        return _text(name, os.fspath(value) if isinstance(value, os.PathLike) else value)
    if name in ("visualisation_host", "name"):
        return _text(name, value)
    if name == "time" and not isinstance(value, VirtualTime):
        raise TypeError(f"time must be a cl.VirtualTime, not {kind(value)}")
    return value


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b":
        return bool(value)
    if type(value) is int:
        if value in (0, 1):
            return bool(value)
        raise ValueError(f"{name} must be True or False, not {value}")
    raise TypeError(f"{name} must be True or False, not {kind(value)}")


def _number(name: str, value: Any, least: float, greatest: float) -> float:
    number = real(value, name)
    if not least <= number <= greatest:
        raise ValueError(f"{name} must be from {least:g} to {greatest:g}, not {value!r}")
    return number


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {kind(value)}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return value
