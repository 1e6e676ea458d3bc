"""What `python -m cl doctor` finds out, of types that JSON has."""

from __future__ import annotations

import os
import platform
import re
import socket
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._values.version import VERSION

TICKS_PER_SECOND: Final = 1000
_PAGE_PORTS: Final = 1025, 2025
_MAKERS_ONLY: Final = {"dev", "test", "test-all", "docs"}
"""Extras for work on the package itself."""


def find(seconds: float) -> dict[str, Any]:
    """Look at everything; two loops are measured for so many seconds each."""
    free = _free_bytes()
    device = _device()
    return {
        "version": VERSION,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "timer_resolution_ns": round(time.get_clock_info("monotonic").resolution * 1e9),
        "bare_loop": bare_loop(seconds),
        # What is wrong with the environment is wrong for this simulator as well.
        "closed_loop": None if device["device"] is None else closed_loop(seconds),
        "folder": os.getcwd(),
        "disk_free_bytes": free,
        "disk_hours_with_samples": free / (2.0 * CHANNEL_COUNT * FRAMES_PER_SECOND) / 3600,
        "page_port": page_port(),
        "extras": extras(),
        **device,
    }


def bare_loop(seconds: float) -> dict[str, float]:
    """Return how late `time.sleep` wakes at 1 kHz: what a loop of one's own would be like here."""
    period = 1_000_000_000 // TICKS_PER_SECOND
    late = []
    due = time.monotonic_ns()
    for _ in range(max(1, int(seconds * TICKS_PER_SECOND))):
        due += period
        wait = due - time.monotonic_ns()
        if wait > 0:
            time.sleep(wait / 1e9)
        late.append(time.monotonic_ns() - due)
    late.sort()
    return {
        "seconds": seconds,
        "p50_us": late[len(late) // 2] / 1e3,
        "p99_us": late[len(late) * 99 // 100] / 1e3,
        "max_us": late[-1] / 1e3,
    }


def closed_loop(seconds: float) -> dict[str, float]:
    """Return how late the ticks of a 1 kHz loop on the simulator begin, in wall-clock time."""
    import cl
    from cl.sim import Simulator

    simulator = Simulator("random", seed=1, accelerated=False, visualisation=False, jitter_detection=True)
    with cl.open(device=simulator) as neurons:
        loop = neurons.loop(
            ticks_per_second=TICKS_PER_SECOND,
            stop_after_seconds=seconds,
            jitter_tolerance_frames=round(seconds * FRAMES_PER_SECOND),
        )
        for _tick in loop:
            pass
        found = loop.statistics()
    return {"seconds": seconds, "p50_us": found.p50_us, "p99_us": found.p99_us, "max_us": found.max_us}


def page_port() -> str:
    """Return where a live page would listen: the first port from 1025 on that can be had on loopback."""
    for port in range(*_PAGE_PORTS):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return f"port {port} on 127.0.0.1 is free"
    return f"no port from {_PAGE_PORTS[0]} to {_PAGE_PORTS[1] - 1} is free"


def extras() -> dict[str, list[str]] | None:
    """Return each optional part with the packages of it that are missing; None where nothing is installed."""
    try:
        requirements = metadata.requires("cl-aio") or []
    except metadata.PackageNotFoundError:
        return None
    found: dict[str, list[str]] = {}
    for extra, package in _optional(requirements):
        missing = found.setdefault(extra, [])
        if not _is_installed(package):
            missing.append(package)
    return dict(sorted(found.items()))


def _optional(requirements: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the extra and the package of each requirement that belongs to one (PEP 508)."""
    for requirement in requirements:
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        package = re.match(r"[A-Za-z0-9._-]+", requirement)
        if extra and package and extra[1] not in _MAKERS_ONLY and package[0] != "cl-aio":
            yield extra[1], package[0]


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _free_bytes() -> int:
    import shutil

    return shutil.disk_usage(os.getcwd()).free


def _device() -> dict[str, Any]:
    """Return what `cl.open()` would open, or why it could not."""
    from .device_info import device_info, format_device

    try:
        summary = device_info()
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        return {"device": None, "device_text": None, "device_error": str(error)}
    return {"device": summary, "device_text": format_device(summary), "device_error": None}
