"""What can be chosen about the culture, with its defaults and limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from cl._values.constants import CHANNEL_COUNT
from cl._values.numbers import Wording, real, whole
from cl.sim.user.data_source import SimulatorDataSourceMetadata

_OF_THE_CULTURE: Final = Wording(
    "{what} of the culture must be {limit}, got {value}", "a whole number", "{least} to {most}"
)
MAX_SYNAPSES: Final = 5_000_000
"""Some 60 MB of wiring; a thousand neurons have 100 000 synapses by default."""

UV_PER_UNIT: Final = (0.1, 10.0)
"""Below, large spikes and noise would not fit an int16; above, spikes would vanish."""


@dataclass(frozen=True, slots=True)
class CultureConfig:
    """The checked configuration of a culture; the keys are those of CL_SDK_DATA_SOURCE_CONFIG."""

    size: int = 1_000
    """Neurons, 10 to 10 000."""
    seed: int = 0
    """Chooses the culture and its noise: the same seed is the same culture, doing the same."""
    connectivity: float = 0.1
    """The fraction of all others that a neuron projects to, 0 to 1; 0 leaves only direct answers."""
    inhibitory_fraction: float = 0.2
    """The fraction of neurons that inhibit, 0 to 0.9."""
    background: float = 1.0
    """Scales the spontaneous drive, 0 to 2; at 0 the culture is silent until stimulated."""
    plasticity: bool = False
    """Whether excitatory synapses change with spike timing."""
    noise_uV: float = 5.0
    """Standard deviation of the electrode noise, 0 to 100 µV."""
    artifact: bool = True
    """Whether stimulation is seen in the frames."""
    silent_channels: tuple[int, ...] = ()
    """Channels whose electrodes are dead: they record noise, and a pulse on them reaches nobody."""

    @property
    def fan_out(self) -> int:
        """Return the number of synapses that each neuron makes."""
        return round(self.connectivity * (self.size - 1))


def load_config(config: object, default_seed: int = 0) -> CultureConfig:
    """Check a mapping of settings (or None) and fill in the defaults.

    A wrong type raises TypeError; an unknown key or a value out of range raises ValueError. Both
    name the key, the value and what it takes.
    """
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        raise TypeError(f"the config of the culture must be a mapping (a JSON object), got {config!r}")
    known = [field.name for field in fields(CultureConfig)]
    for key in config:
        if key not in known:
            raise ValueError(f"unknown key {key!r} in the config of the culture; it takes {', '.join(known)}")
    default = CultureConfig(seed=default_seed)
    read = _Reader(config)
    result = CultureConfig(
        size=read.whole("size", default.size, 10, 10_000),
        seed=read.whole("seed", default.seed, 0, None),
        connectivity=read.number("connectivity", default.connectivity, 1.0),
        inhibitory_fraction=read.number("inhibitory_fraction", default.inhibitory_fraction, 0.9),
        background=read.number("background", default.background, 2.0),
        plasticity=read.flag("plasticity", default.plasticity),
        noise_uV=read.number("noise_uV", default.noise_uV, 100.0),
        artifact=read.flag("artifact", default.artifact),
        silent_channels=read.channels("silent_channels"),
    )
    if result.size * result.fan_out > MAX_SYNAPSES:
        raise ValueError(
            f"size {result.size} with connectivity {result.connectivity} makes "
            f"{result.size * result.fan_out} synapses, the limit is {MAX_SYNAPSES}"
        )
    return result


def load_metadata(metadata: object) -> SimulatorDataSourceMetadata:
    """Check a mapping of metadata, or metadata already made, or None, and say what holds for a culture.

    A wrong type raises TypeError; an unknown key or a value that a culture cannot have raises ValueError.
    """
    if isinstance(metadata, SimulatorDataSourceMetadata):
        # Its defaults are those of any source; what cannot be chosen is put right.
        result = replace(metadata, seekable=False, reactive=True)
    else:
        result = _metadata_from({} if metadata is None else metadata)
    low, high = UV_PER_UNIT
    if not low <= result.uV_per_sample_unit <= high:
        raise ValueError(
            f"uV_per_sample_unit of the culture must be {low} to {high}, got {result.uV_per_sample_unit}"
        )
    return result


def _metadata_from(metadata: object) -> SimulatorDataSourceMetadata:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"the metadata of the culture must be a mapping (a JSON object), got {metadata!r}")
    known = [field.name for field in fields(SimulatorDataSourceMetadata)]
    for key in metadata:
        if key not in known:
            raise ValueError(
                f"unknown key {key!r} in the metadata of the culture; it takes {', '.join(known)}"
            )
    # It is quick and sure to answer: no thread need watch it.
    given = {"seekable": False, "reactive": True, "read_timeout_seconds": None, **metadata}
    for key, value in (("seekable", False), ("reactive", True)):
        if given[key] is not value:
            raise ValueError(f"{key} of the culture must be {value}, got {given[key]!r}")
    return SimulatorDataSourceMetadata(**given)


class _Reader:
    """Takes one value after the other out of the mapping, checked."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def whole(self, key: str, default: int, low: int, high: int | None) -> int:
        return whole(self._config.get(key, default), key, low, high, _OF_THE_CULTURE)

    def number(self, key: str, default: float, high: float) -> float:
        value = self._config.get(key, default)
        try:
            found = real(value, key)
        except TypeError:
            raise TypeError(f"{key} of the culture must be a number, got {value!r}") from None
        if not (math.isfinite(found) and 0 <= found <= high):
            raise ValueError(f"{key} of the culture must be 0 to {high:g}, got {value!r}")
        return found

    def flag(self, key: str, default: bool) -> bool:
        value = self._config.get(key, default)
        if not isinstance(value, bool):
            raise TypeError(f"{key} of the culture must be true or false, got {value!r}")
        return value

    def channels(self, key: str) -> tuple[int, ...]:
        value = self._config.get(key, ())
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{key} of the culture must be a list of channels, got {value!r}")
        numbers = sorted({whole(channel, key, wording=_OF_THE_CULTURE) for channel in value})
        for number in numbers:
            if not 0 <= number < CHANNEL_COUNT:
                raise ValueError(
                    f"{key} of the culture must be channels 0 to {CHANNEL_COUNT - 1}, got {number}"
                )
        return tuple(numbers)
