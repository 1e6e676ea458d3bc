"""What an open asks for: the environment's device, one at an address, or a simulator that is a value."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from cl._core.settings import Settings, load_settings
from cl._current import ENVIRONMENT, devices

if TYPE_CHECKING:
    from cl._core.attachable import Attachable
    from cl.sim.simulator import Simulator
    from cl.sim.user.registry import Registration


class Built(NamedTuple):
    """A device that is not open yet, and what its session has to know."""

    device: Attachable
    settings: Settings


class Target(Protocol):
    """A device that is to be opened, or joined where it is open."""

    @property
    def key(self) -> Hashable:
        """What tells it from other devices of the process."""
        ...

    def build(self) -> Built:
        """Return the device; called by the outermost open."""
        ...


class Driver(Protocol):
    """What leads to the devices of a scheme: a module."""

    def build(self, address: str, called: str) -> Attachable:
        """Return the device at an address; `called` is what errors call that."""
        ...

    def system_attributes(self, address: str) -> dict[str, Any]:
        """Return what the device at an address says of itself."""
        ...


class AddressScheme(NamedTuple):
    """A way to a device that is no simulator."""

    form: str
    """What an address looks like, for error texts."""
    load: Callable[[], Driver]
    """Imports what leads there."""


def _unix() -> Driver:
    from cl.hw import build

    return build


def _network() -> Driver:
    from cl.net import build

    return build


SCHEMES: Final = {
    "unix": AddressScheme("unix:/path/to.sock", _unix),
    "ws": AddressScheme("ws://host:port", _network),
    "wss": AddressScheme("wss://host:port", _network),
}
"""The schemes of addresses, what comes before the first colon."""


def driver_of(address: str, called: str) -> Driver:
    """Return what leads to an address; ValueError for a scheme that there is not."""
    scheme = SCHEMES.get(address.partition(":")[0])
    if scheme is None:
        forms = " or ".join(scheme.form for scheme in SCHEMES.values())
        raise ValueError(f"{called}={address!r}: it takes {forms}")
    return scheme.load()


class EnvironmentsDevice:
    """The device that the environment describes: a simulator unless CL_DEVICE has an address."""

    key = ENVIRONMENT

    def build(self) -> Built:
        """Read the environment, and return what it describes."""
        settings = load_settings()
        if settings.device is not None:
            return at_variables_address(settings, settings.device)
        from cl.sim.build import build, environments_source

        return Built(build(settings, environments_source(settings)), settings)


class DeviceAtAddress:
    """A device that a program gives the address of.

    It goes by the host's time, whatever the environment says of the simulator's.
    """

    def __init__(self, address: str) -> None:
        self.key = address
        self._driver = driver_of(address, "device")

    def build(self) -> Built:
        """Connect to the device."""
        return Built(self._driver.build(self.key, "device"), load_settings())


class SimulatorValue:
    """A simulator that a program made."""

    def __init__(
        self,
        simulator: Simulator,
        environment: Callable[[], tuple[Settings, Registration | None]] | None = None,
    ) -> None:
        self.key: Hashable = simulator
        self._simulator = simulator
        self._environment = environment or _read_environment

    def build(self) -> Built:
        """Read the environment for what the simulator leaves open, and return the device."""
        from cl.sim.build import build
        from cl.sim.simulator import registration_of, settings_of

        simulator = self._simulator
        environment, environments = self._environment()
        settings = settings_of(simulator, environment)
        own = registration_of(simulator, environments)
        return Built(build(settings, own, simulator.name, simulator.time, simulator._order), settings)


def target_of(device: Any) -> Target:
    """Return what the argument `device` of an open stands for, here and now.

    TypeError for what is no device, ValueError for an address of a scheme that there is not.
    """
    if device is None:
        return cast("Target", devices.stand_in()) or EnvironmentsDevice()
    if isinstance(device, str):
        return DeviceAtAddress(device)
    from cl.sim.simulator import Simulator

    if not isinstance(device, Simulator):
        raise TypeError(
            f"device must be None (the environment's), an address or a cl.sim.Simulator, not {device!r}"
        )
    return SimulatorValue(device)


def at_variables_address(settings: Settings, address: str) -> Built:
    """Connect to the device that CL_DEVICE names; ValueError where time is to be accelerated."""
    if settings.accelerated:
        raise ValueError(
            f"CL_DEVICE={address!r}: a device does not support accelerated time (CL_SDK_ACCELERATED_TIME=1)"
        )
    return Built(driver_of(address, "CL_DEVICE").build(address, "CL_DEVICE"), settings)


def _read_environment() -> tuple[Settings, Registration | None]:
    from cl.sim.build import environments_source

    settings = load_settings()
    return settings, environments_source(settings)
