"""The time of a simulated device: the host's, or a virtual one, its own or shared with others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from cl._core.host_clock import WallClock
from cl._core.host_time import HostTimebase
from cl._core.virtual_time import VirtualTime
from cl._core.virtual_timebase import VirtualTimebase

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl._core.settings import Settings

Timing: TypeAlias = "Callable[[Engine], HostTimebase | VirtualTimebase]"
"""Makes the timebase of an engine whose device senses already; time begins when the device is open."""


def timing_of(settings: Settings, time: VirtualTime | None = None, order: int = 0) -> Timing:
    """Return what makes the time that the settings ask for.

    `time` is the virtual time that a device shares with others, `order` its turn among those that are alike
    in everything.
    """
    if settings.accelerated:
        return partial(_virtual, time, order)
    return _hosts


def _virtual(shared: VirtualTime | None, order: int, engine: Engine) -> VirtualTimebase:
    timebase = VirtualTimebase(engine, VirtualTime() if shared is None else shared, order)
    if shared is not None:
        timebase.named = f" of {engine.device.info.name}"
    engine.on_begin = timebase.restart
    return timebase


def _hosts(engine: Engine) -> HostTimebase:
    clock = WallClock(engine.start)
    engine.on_begin = clock.restart
    return HostTimebase(engine, clock)
