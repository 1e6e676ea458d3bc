"""Which device a program would open: what `python -m cl info` says without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cl._core.settings import Settings


def device_info() -> dict[str, Any]:
    """Return what `cl.open()` would open here and now, of types that JSON has.

    `kind` is "device", "served" (across a network) or "simulator". Raises ValueError for settings that are
    not right, and DeviceDisconnectedError where CL_DEVICE names a device that does not answer.
    """
    from cl._core.settings import load_settings

    settings = load_settings()
    if settings.device is None:
        return _simulator(settings)
    return _device(settings.device) if settings.device.startswith("unix:") else _served(settings.device)


def _simulator(settings: Settings) -> dict[str, Any]:
    source, setting = "random", ""
    if settings.replay_path is not None:
        source, setting = f"replay of {settings.replay_path}", "CL_SDK_REPLAY_PATH"
    if settings.data_source is not None:
        source, setting = settings.data_source, "CL_SDK_DATA_SOURCE"
    return {
        "kind": "simulator",
        "source": source,
        "chosen_by": setting or None,
        "random_seed": settings.random_seed,
        "accelerated": settings.accelerated,
        "jitter_detection": settings.jitter_detection,
    }


def _device(address: str) -> dict[str, Any]:
    from cl.hw.build import device_report

    found = device_report(address)
    facts = found.facts
    return {
        "kind": "device",
        "address": address,
        "protocol": ".".join(map(str, facts.version)),
        "capabilities": [flag.name.lower() for flag in facts.capabilities if flag.name],
        "channels": facts.channel_count,
        "frames_per_second": facts.frames_per_second,
        "steps_per_second": facts.steps_per_second,
        "uV_per_sample_unit": facts.uV_per_sample_unit,
        "interrupts_per_second": round(facts.frames_per_second / max(found.moderation, 1), 3),
        "state": found.state,
        "error": found.error or None,
        "timestamp": found.posted,
        "seconds": (found.posted - facts.first_frame) / facts.frames_per_second,
        "frames_dropped": found.frames_dropped,
        "controller": found.owner or None,
        "attributes": facts.attributes,
    }


def _served(address: str) -> dict[str, Any]:
    from cl._session.targets import driver_of

    driver_of(address, "CL_DEVICE")
    from cl.net.build import device_welcome

    found = device_welcome(address)
    return {
        "kind": "served",
        "address": address,
        "device": found.device,
        "capabilities": [flag.name.lower() for flag in found.capabilities if flag.name],
        "channels": found.channels,
        "frames_per_second": found.frames_per_second,
        "uV_per_sample_unit": found.uV_per_sample_unit,
        "state": found.state.status,
        "timestamp": found.position,
        "seconds": (found.position - found.first_frame) / found.frames_per_second,
        "controller": found.state.controller,
        "lease_seconds": found.lease_ms / 1000,
        "attributes": found.attributes,
    }


def format_device(summary: Mapping[str, Any]) -> str:
    """Return the summary as text to read."""
    lines = {"device": _device_lines, "served": _served_lines, "simulator": _simulator_lines}
    return "\n".join(lines[summary["kind"]](summary))


def _simulator_lines(summary: Mapping[str, Any]) -> list[str]:
    seed = summary["random_seed"]
    chosen = summary["chosen_by"]
    return [
        "the simulator (CL_DEVICE names no device)",
        f"  source        {summary['source']}{f', by {chosen}' if chosen else ''}",
        f"  seed          {'drawn at every open' if seed is None else seed}",
        f"  time          {'accelerated' if summary['accelerated'] else 'that of the wall clock'}",
        f"  jitter        {'detected' if summary['jitter_detection'] else 'not detected'}",
    ]


def _device_lines(summary: Mapping[str, Any]) -> list[str]:
    owner = summary["controller"]
    error = summary["error"]
    return [
        f"the device at {summary['address']}",
        f"  protocol      {summary['protocol']}: {', '.join(summary['capabilities']) or 'reading only'}",
        f"  data          {summary['channels']} channels, {summary['frames_per_second']} frames per second, "
        f"{summary['uV_per_sample_unit']:g} µV per unit",
        f"  stimulator    {summary['steps_per_second']} steps per second",
        f"  interrupts    {summary['interrupts_per_second']:g} per second",
        f"  state         {summary['state']}{f': {error}' if error else ''}",
        f"  timestamp     {summary['timestamp']}, {summary['seconds']:.1f} s after it was switched on",
        f"  lost          {summary['frames_dropped']} frames",
        f"  controlled by {'nobody' if owner is None else f'process {owner}'}",
        "  attributes",
        *(f"    {name}: {value}" for name, value in summary["attributes"].items()),
    ]


def _served_lines(summary: Mapping[str, Any]) -> list[str]:
    return [
        f"the device that {summary['address']} serves: {summary['device']}",
        f"  capabilities  {', '.join(summary['capabilities'])}",
        f"  data          {summary['channels']} channels, {summary['frames_per_second']} frames per second, "
        f"{summary['uV_per_sample_unit']:g} µV per unit",
        f"  state         {summary['state']}",
        f"  timestamp     {summary['timestamp']}, {summary['seconds']:.1f} s after it began",
        f"  controlled by {summary['controller'] or 'nobody'}, by a lease of {summary['lease_seconds']:g} s",
        "  attributes",
        *(f"    {name}: {value}" for name, value in summary["attributes"].items()),
    ]
