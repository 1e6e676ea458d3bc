"""Makes the device that an address across the network leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._core.device import DeviceInfo
from cl._core.settings import load_settings
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND

from .address import parse_address, token_for

if TYPE_CHECKING:
    from .device import NetworkDevice
    from .link import Link
    from .wire.texts import Welcome

_ATTRIBUTES: Final = ("project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname")


def build(address: str, called: str = "CL_DEVICE") -> NetworkDevice:
    """Connect to the device at an address; nobody follows it yet.

    `called` is what errors call the address. Raises ValueError for an address that is none, or a token that
    cannot be sent, DeviceDisconnectedError where no device answers or it does not want this client,
    RuntimeError for a device of another kind than this library is for.
    """
    from .device import NetworkDevice

    link = _linked(address, called)
    try:
        return NetworkDevice(_info(link), link)
    except BaseException:
        link.close()
        raise


def system_attributes(address: str) -> dict[str, Any]:
    """Return what the device at an address says of itself. Errors as for `build`."""
    return _attributes(device_welcome(address))


def device_welcome(address: str) -> Welcome:
    """Return what the server at an address says of its device and its state. Errors as for `build`."""
    link = _linked(address, "CL_DEVICE")
    try:
        return link.welcome
    finally:
        link.close()


def _linked(address: str, called: str) -> Link:
    from .link import Link

    settings = load_settings()
    where = parse_address(address, called)
    token = token_for(where, settings)
    context = None
    if where.secure:
        import ssl

        context = ssl.create_default_context(cafile=settings.device_ca)
    link = Link(where, token, context)
    try:
        _check_kind(link.welcome, where.uri)
    except BaseException:
        link.close()
        raise
    return link


def _check_kind(welcome: Welcome, uri: str) -> None:
    found = welcome.channels, welcome.frames_per_second
    if found != (CHANNEL_COUNT, FRAMES_PER_SECOND):
        raise RuntimeError(
            f"the device at {uri} has {found[0]} channels and {found[1]} frames per second; a CL1 has "
            f"{CHANNEL_COUNT} and {FRAMES_PER_SECOND}"
        )


def _info(link: Link) -> DeviceInfo:
    welcome = link.welcome
    return DeviceInfo(
        name=f"{welcome.device} across {link.address.uri}",
        start_timestamp=welcome.position,
        uV_per_sample_unit=welcome.uV_per_sample_unit,
        is_simulator=False,
        detects_jitter=True,
        attributes=_attributes(welcome),
        is_remote=True,
    )


def _attributes(welcome: Welcome) -> dict[str, Any]:
    """Return the attributes, with those that a server leaves out."""
    return {**dict.fromkeys(_ATTRIBUTES, "unknown"), **welcome.attributes}
