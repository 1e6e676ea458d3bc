"""Makes the device that an address leads to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from cl._core.device import DeviceInfo
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, STEPS_PER_FRAME

if TYPE_CHECKING:
    from .driver.device import HardwareDevice
    from .driver.report import DeviceReport
    from .driver.session import DeviceFacts

_ATTRIBUTES: Final = ("project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname")


def build(address: str, called: str = "CL_DEVICE") -> HardwareDevice:
    """Connect to the device at an address, as a reader; nobody follows it yet.

    `called` is what errors call the address, after where it came from. Raises ValueError for an address that
    is none, DeviceDisconnectedError where no device answers, RuntimeError for a device of another kind than
    this library is for.
    """
    _check(address, called)
    from .driver.device import HardwareDevice
    from .driver.link import Link

    link = Link(address, take_control=False)
    try:
        _check_kind(link.facts)
        return HardwareDevice(_info(link), link)
    except BaseException:
        link.close()
        raise


def system_attributes(address: str) -> dict[str, Any]:
    """Return what the device at an address says of itself. Errors as for `build`."""
    return _attributes(device_report(address).facts)


def device_report(address: str) -> DeviceReport:
    """Return what the device at an address says of itself and its state. Errors as for `build`."""
    _check(address, "CL_DEVICE")
    from .driver.report import report

    return report(address)


def _check(address: str, called: str) -> None:
    if not hasattr(os, "eventfd"):
        raise RuntimeError(f"{called}={address!r}: a device can be driven on Linux only")
    from .wire.machine import check_machine

    check_machine(f"{called}={address!r}: a device cannot be driven here")
    from .driver.session import parse_address

    parse_address(address, called)


def _check_kind(facts: DeviceFacts) -> None:
    found = facts.channel_count, facts.frames_per_second, facts.steps_per_second
    wanted = CHANNEL_COUNT, FRAMES_PER_SECOND, FRAMES_PER_SECOND * STEPS_PER_FRAME
    if found != wanted:
        raise RuntimeError(
            f"the device at {facts.address} has {found[0]} channels, {found[1]} frames and {found[2]} steps "
            f"per second; a CL1 has {wanted[0]}, {wanted[1]} and {wanted[2]}"
        )


def _info(link: Any) -> DeviceInfo:
    facts: DeviceFacts = link.facts
    attributes = _attributes(facts)
    return DeviceInfo(
        name=f"the device {attributes['system_id']} at {facts.address}",
        start_timestamp=link.posted,
        uV_per_sample_unit=facts.uV_per_sample_unit,
        is_simulator=False,
        detects_jitter=True,
        attributes=attributes,
    )


def _attributes(facts: DeviceFacts) -> dict[str, Any]:
    """Return the attributes, with those that a device leaves out."""
    return {**dict.fromkeys(_ATTRIBUTES, "unknown"), **facts.attributes}
