"""`python -m cl doctor`: what this computer is like for closed loops, and what `cl.open()` would open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cl._values.printing import printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUMMARY = "Look at the computer: Python, timers, lateness of a loop, disk, ports, optional parts, the device."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="how long each loop is measured, 0.1 to 60 (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the findings; the status is 1 where no device can be opened."""
    import json

    from . import findings

    if not 0.1 <= options.seconds <= 60:
        raise ValueError(f"--seconds {options.seconds:g}: a loop is measured for 0.1 to 60 s")
    found = findings.find(options.seconds)
    text = json.dumps(found, indent=2) if options.json else printable_lines("\n".join(_lines(found)))
    print(text)
    return 1 if found["device"] is None else 0


def _lines(found: Mapping[str, Any]) -> Iterable[str]:
    yield f"cl-aio {found['version']}, {found['python']}, {found['platform']}"
    yield f"  processors    {found['processors']}, load {found['load'] or 'not known'}"
    yield f"  timer         {found['timer_resolution_ns']} ns resolution"
    yield f"  bare loop     {_late(found['bare_loop'])}"
    yield f"  closed loop   {_late(found['closed_loop'])}"
    hours = found["disk_hours_with_samples"]
    free = found["disk_free_bytes"] / 1e9
    yield f"  disk          {free:.1f} GB free in {found['folder']}: {hours:.1f} h with samples"
    yield f"  live page     {found['page_port']}"
    yield f"  extras        {_extras(found['extras'])}"
    yield "cl.open() opens " + (found["device_text"] or f"nothing: {found['device_error']}")


def _late(figures: Mapping[str, float] | None) -> str:
    if figures is None:
        return "not measured, since nothing opens"
    return (
        f"1 kHz for {figures['seconds']:g} s: late by {figures['p50_us']:.0f} µs in the middle, "
        f"{figures['p99_us']:.0f} µs at 99 %, {figures['max_us']:.0f} µs at most"
    )


def _extras(extras: Mapping[str, list[str]] | None) -> str:
    if extras is None:
        return "not known: this is a checkout that is not installed"
    there = [name for name, missing in extras.items() if not missing]
    lacking = [
        f"{name} ({', '.join(missing)})" for name, missing in extras.items() if missing and name != "all"
    ]
    return f"{', '.join(there) or 'none'}; not there: {', '.join(lacking) or 'none'}"
