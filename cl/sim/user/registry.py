"""Which data source the simulator takes: the registered one, or the one that the environment names."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cl._core.settings import load_settings
from cl._current import devices

from .data_source import SimulatorDataSource, SimulatorDataSourceMetadata
from .factory_path import imported, is_at, places_of
from .seed import OpenSeed, opening_with

if TYPE_CHECKING:
    from cl._core.settings import Settings

    from .detecting import DetectingSource
    from .live_source import LiveSource
    from .pull import PullSource

    ConfiguredSource = PullSource | LiveSource | DetectingSource

Factory = Callable[..., SimulatorDataSource]
_NOTHING: Final = inspect.Parameter.empty


class Names(NamedTuple):
    """What error texts call the parts of a registration: after where they came from."""

    factory: str
    config: str
    metadata: str


ARGUMENTS: Final = Names("factory", "config", "metadata")
SIMULATORS: Final = Names("source", "config", "metadata")
VARIABLES: Final = Names("CL_SDK_DATA_SOURCE", "CL_SDK_DATA_SOURCE_CONFIG", "CL_SDK_DATA_SOURCE_METADATA")


@dataclass(frozen=True, slots=True)
class Registration:
    """A factory with what it is given."""

    factory: str | Factory
    config: dict[str, Any] | None
    metadata: Mapping[str, Any] | SimulatorDataSourceMetadata | None
    names: Names = ARGUMENTS

    @property
    def name(self) -> str:
        """What error texts call the source."""
        if isinstance(self.factory, str):
            return repr(self.factory)
        return repr(getattr(self.factory, "__qualname__", None) or type(self.factory).__qualname__)

    @property
    def path(self) -> str:
        """The factory as "module:attribute"; in brackets where it cannot be imported by that."""
        factory = self.factory
        if isinstance(factory, str):
            places = places_of(factory, self.names.factory)
            module, attribute = next((place for place in places if place[0] in sys.modules), places[0])
            return f"{module}:{attribute}"
        kind = factory if hasattr(factory, "__qualname__") else type(factory)
        module, attribute = str(kind.__module__), str(kind.__qualname__)
        return f"{module}:{attribute}" if is_at(factory, module, attribute) else f"<{module}:{attribute}>"


class Registry:
    """Where the process's registration is kept."""

    def __init__(self) -> None:
        self.current: Registration | None = None
        self.is_open: Callable[[], bool] = devices.is_open
        """Whether a device is open in this process."""

    def check_changeable(self, what: str) -> None:
        """Raise RuntimeError while a device is open, or where CL_DEVICE names one."""
        if self.is_open():
            raise RuntimeError(f"{what} while a device is open: close it first")
        device = load_settings().device
        if device is not None:
            raise RuntimeError(f"{what}, but CL_DEVICE={device!r} names a device, not the simulator")


registry: Final = Registry()
"""The one registry of the process: a source is registered for every later open."""


def set_simulator_data_source(
    factory: str | Factory,
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | SimulatorDataSourceMetadata | None = None,
) -> None:
    """Let the simulator take its data from a source of your own, from the next open on.

    `factory` makes the source, anew at every open, called as `factory(**config)`: any callable, a class too,
    or "module:attribute" or "module.attribute", which is imported at the open. `config` maps the names of its
    arguments to what JSON can hold, as JSON gives it back. It gets `metadata` if it has a parameter of that
    name. A factory that does not take the metadata has its source's own replaced by them: by a whole
    SimulatorDataSourceMetadata, or field by field by a mapping.

    Raises RuntimeError while a device is open and where CL_DEVICE names one, TypeError and ValueError for
    arguments that cannot be; then nothing has changed. A factory that does not take the config is a TypeError
    at the open, which shows its signature.
    """
    registration = checked_registration(factory, config, metadata)
    registry.check_changeable("a data source cannot be set")
    registry.current = registration


def clear_simulator_data_source() -> None:
    """Forget the source that was set: the next open takes what the environment says.

    Raises RuntimeError while a device is open and where CL_DEVICE names one.
    """
    registry.check_changeable("the data source cannot be cleared")
    registry.current = None


def checked_registration(
    factory: Any, config: Any = None, metadata: Any = None, names: Names = ARGUMENTS
) -> Registration:
    """Return a registration of its own copies; TypeError and ValueError for what cannot be one."""
    if isinstance(factory, str):
        places_of(factory, names.factory)
    elif not callable(factory):
        raise TypeError(
            f"{names.factory} is {factory!r}, it must be a callable that makes a source, "
            'or "module:attribute" or "module.attribute"'
        )
    return Registration(
        factory, checked_config(config, names.config), checked_metadata(metadata, names.metadata), names
    )


def checked_config(config: Any, where: str) -> dict[str, Any] | None:
    """Return a config as JSON gives it back; TypeError for no mapping by names, or what JSON cannot hold."""
    if config is None:
        return None
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        raise TypeError(
            f"{where} is {config!r}, it must map the names of the factory's arguments to their values"
        )
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(config)))
        return found
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{where} must be what JSON can hold: {error}") from None


def checked_metadata(metadata: Any, where: str) -> Any:
    """Return metadata, or a mapping of some of them, as a copy; TypeError and ValueError for others."""
    _check_overrides(metadata, where)
    return dict(metadata) if isinstance(metadata, Mapping) else metadata


def chosen_source(settings: Settings) -> Registration | None:
    """Return the source that was set, or else the one that variables name; None where there is none."""
    if registry.current is not None:
        return registry.current
    return named_source(settings)


def named_source(settings: Settings) -> Registration | None:
    """Return the source that the variables name, whatever was set; None where they name none."""
    if settings.data_source is None:
        return None
    return Registration(
        settings.data_source, settings.data_source_config, settings.data_source_metadata, VARIABLES
    )


def configured_source(settings: Settings) -> ConfiguredSource | None:
    """Return the chosen source, not yet open; None where there is none. Errors as for `configure`."""
    registration = chosen_source(settings)
    return None if registration is None else configure(registration, settings)[0]


def configure(registration: Registration, settings: Settings) -> tuple[ConfiguredSource, int | None]:
    """Return a source, not yet open, and the seed that it was made with if that matters to it.

    Raises ValueError and TypeError for what cannot be configured so (always ValueError for variables),
    ValueError "does not support accelerated time", and DataSourceError where the factory fails otherwise.
    """
    seed = OpenSeed(settings.random_seed)
    try:
        return _configured(registration, settings, seed), seed.used
    except TypeError as error:
        if registration.names is VARIABLES:
            raise ValueError(str(error)) from error
        raise


def _configured(registration: Registration, settings: Settings, seed: OpenSeed) -> ConfiguredSource:
    _check_overrides(registration.metadata, registration.names.metadata)
    source, told = _make(registration, seed)
    metadata = _metadata(registration, source, told)
    adapter = _adapter(registration, source, metadata, settings)
    if settings.accelerated and not adapter.supports_accelerated:
        asked = f"{settings.called('accelerated', 'CL_SDK_ACCELERATED_TIME')}=1"
        raise ValueError(f"data source {registration.name} does not support accelerated time ({asked})")
    if settings.detect_spikes or metadata.detect_spikes:
        from .detecting import DetectingSource

        return DetectingSource(adapter)
    return adapter


def _adapter(
    registration: Registration,
    source: SimulatorDataSource,
    metadata: SimulatorDataSourceMetadata,
    settings: Settings,
) -> PullSource | LiveSource:
    from .live import LiveSimulatorDataSource
    from .live_source import LiveSource
    from .pull import PullSource

    if isinstance(source, LiveSimulatorDataSource):
        return LiveSource(source, registration.name, metadata, realtime=not settings.accelerated)
    return PullSource(source, registration.name, metadata)


def _make(registration: Registration, seed: OpenSeed) -> tuple[SimulatorDataSource, bool]:
    """Return the factory's source, and whether the factory was given the metadata."""
    from .checks import DataSourceError

    factory = registration.factory
    if isinstance(factory, str):
        factory = imported(factory, registration.names.factory)
    named, told = _arguments(factory, registration)
    try:
        with opening_with(seed):
            source = factory(**named)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        given = f"{registration.names.config}={registration.config!r}"
        raise kind(f"data source {registration.name} with {given}: {error}") from error
    except Exception as error:
        text = f"data source {registration.name}, factory: it raised {type(error).__name__}: {error}"
        raise DataSourceError(text) from error
    if not isinstance(source, SimulatorDataSource):
        raise TypeError(
            f"data source {registration.name}: the factory returned {type(source).__name__} {source!r}, "
            "not a SimulatorDataSource"
        )
    for method in ("open", "close", "read", "on_stim", "on_stims", "stop"):
        if inspect.iscoroutinefunction(getattr(source, method, None)):
            raise TypeError(
                f"data source {registration.name}: its method {method} is async, nobody would await it; "
                "of a source's methods only a live one's start may be"
            )
    return source, told


def _arguments(factory: Factory, registration: Registration) -> tuple[dict[str, Any], bool]:
    """Return what a factory is called with, and whether that includes the registration's metadata.

    TypeError, with its signature and the config, for one that does not take that.
    """
    # A copy: what a source does to its config must not be there at the next open.
    named: dict[str, Any] = deepcopy(registration.config or {})
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # Something that is not written in Python: it has no signature.
        return named, False
    told = "metadata" not in named and _wants_metadata(signature.parameters, registration)
    if told:
        named["metadata"] = registration.metadata
    try:
        signature.bind(**named)
    except TypeError as error:
        raise TypeError(
            f"data source {registration.name} does not take {registration.names.config}="
            f"{registration.config!r}: {error}; it is called as factory(**config), "
            f"its signature is {signature}"
        ) from None
    return named, told


def _wants_metadata(parameters: Mapping[str, inspect.Parameter], registration: Registration) -> bool:
    found = parameters.get("metadata")
    if found is None or found.kind not in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY):
        return False
    return registration.metadata is not None or found.default is _NOTHING


def _metadata(
    registration: Registration, source: SimulatorDataSource, told: bool
) -> SimulatorDataSourceMetadata:
    from . import checks
    from .checks import DataSourceError, Fault

    try:
        own = checks.checked_metadata(source.metadata)
    except Fault as fault:
        raise TypeError(f"data source {registration.name}: {fault}") from None
    except Exception as error:
        text = f"data source {registration.name}, metadata: it raised {type(error).__name__}: {error}"
        raise DataSourceError(text) from error
    given = registration.metadata
    if given is None or told:
        return own
    return given if isinstance(given, SimulatorDataSourceMetadata) else dataclasses.replace(own, **given)


def _check_overrides(given: Any, where: str) -> None:
    """Raise unless metadata are None, whole, or fields with values that they can have."""
    if given is None or isinstance(given, SimulatorDataSourceMetadata):
        return
    if not isinstance(given, Mapping):
        raise TypeError(f"{where} is {given!r}, it must be a mapping or SimulatorDataSourceMetadata")
    names = [field.name for field in dataclasses.fields(SimulatorDataSourceMetadata)]
    for name in given:
        if name not in names:
            raise ValueError(f"{where} has {name!r}, it takes {', '.join(names)}")
    try:
        SimulatorDataSourceMetadata(**given)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{where}: {error}") from None
