"""Makes the device that CL_DEVICE names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from cl._core.device import DeviceInfo
from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, STEPS_PER_FRAME

if TYPE_CHECKING:
    from cl._core.settings import Settings

    from .driver.device import HardwareDevice
    from .driver.report import DeviceReport
    from .driver.session import DeviceFacts

_ATTRIBUTES: Final = ("project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname")


def build(settings: Settings) -> HardwareDevice:
    """Connect to the device of the settings, as a reader; nobody follows it yet.

    Raises ValueError for an address that is none and for accelerated time, DeviceDisconnectedError
    where no device answers, RuntimeError for a device of another kind than this library is for.
    """
    address = settings.device
    assert address is not None, "settings that name a device"
    if settings.accelerated:
        raise ValueError(
            f"CL_DEVICE={address!r}: a device does not support accelerated time (CL_SDK_ACCELERATED_TIME=1)"
        )
    _require_linux(address)
    from .driver.device import HardwareDevice
    from .driver.link import Link

    link = Link(address, take_control=False)
    try:
        _check_kind(link.facts)
        return HardwareDevice(_info(link), link)
    except BaseException:
        link.close()
        raise


def system_attributes(settings: Settings) -> dict[str, Any]:
    """Return what the device of the settings says of itself. Errors as for `build`."""
    return _attributes(device_report(settings).facts)


def device_report(settings: Settings) -> DeviceReport:
    """Return what the device of the settings says of itself and its state. Errors as for `build`."""
    assert settings.device is not None, "settings that name a device"
    _require_linux(settings.device)
    from .driver.report import report

    return report(settings.device)


def _require_linux(address: str) -> None:
    if not hasattr(os, "eventfd"):
        raise RuntimeError(f"CL_DEVICE={address!r}: a device can be driven on Linux only")


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
