"""Puts an open device together: its engine, the kind of time it lives in, and where its data come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from cl._core.engine import Engine
from cl._core.host_clock import WallClock
from cl._core.host_time import HostTimebase
from cl._core.supply import OnDemand
from cl._core.virtual_time import VirtualTime, VirtualTimebase
from cl._wait.housekeeper import Housekeeper, VirtualChores, WallChores
from cl._wait.owner import has_ended
from cl._wait.source_pump import SourcePump
from cl._wait.waveforms import EngineWaveforms

if TYPE_CHECKING:
    from cl._core.device import Device, MadeOnDemand
    from cl._core.settings import Settings
    from cl.sim.device import StreamedDevice

_LAST_PULSES_S = 1.0
"""How long closing waits for a source to give the frames of the pulses that have begun."""


class Attachable(Protocol):
    """A device that takes the engine that is to be told of what happens."""

    def attach(self, engine: Engine) -> None:
        """Take the engine, and get its parts ready."""
        ...


class Wired:
    """An engine with all that makes it go."""

    def __init__(self, device: Device, settings: Settings, time: VirtualTime | None, order: int) -> None:
        self._pump: SourcePump | None = None
        self._keeps = False
        if not device.info.is_simulator:
            self.engine = engine = Engine(device)
            cast("Attachable", device).attach(engine)
            self.housekeeper = Housekeeper(engine, WallChores(engine))
        elif settings.accelerated:
            time = VirtualTime() if time is None else time
            time.ended = has_ended
            self.engine = engine = Engine(device, time._lock)
            cast("Attachable", device).attach(engine)
            engine.time = VirtualTimebase(engine, time, order)
            self.housekeeper = Housekeeper(engine, VirtualChores(engine))
            self._supply(device, realtime=False)
        else:
            self.engine = engine = Engine(device)
            cast("Attachable", device).attach(engine)
            engine.time = HostTimebase(engine, WallClock(device.info.start_timestamp))
            self.housekeeper = Housekeeper(engine, WallChores(engine))
            self._keeps = True
            self._supply(device, realtime=True)
        engine.history.waveforms = EngineWaveforms(engine)
        engine.on_park = self.housekeeper.start

    def _supply(self, device: Device, realtime: bool) -> None:
        engine = self.engine
        if hasattr(device, "produce"):
            engine.supply = OnDemand(engine, cast("MadeOnDemand", device))
        else:
            pump = self._pump = SourcePump(engine, cast("StreamedDevice", device), realtime)
            engine.supply = pump
            self.housekeeper.looks.append(pump.look)

    def begin(self) -> None:
        """Let time begin: the device is ready."""
        engine = self.engine
        engine.time.restart()
        with engine.lock:
            engine.refresh()
        if self._keeps or self._pump is not None:
            self.housekeeper.start()
        if self._pump is not None:
            self._pump.start()

    def settle(self) -> None:
        """Have the pulses that have begun delivered, by a source that takes its time."""
        if self._pump is not None:
            self._pump.settle(_LAST_PULSES_S)

    def stop(self) -> None:
        """End what runs in the background. The engine has ended."""
        self.housekeeper.stop()
        if self._pump is not None:
            self._pump.stop()
