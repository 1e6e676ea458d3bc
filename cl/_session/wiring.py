"""Puts an open device together: its engine, what it is given time by, and what works in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cl._core.engine import Engine
from cl._wait.goal_watch import GoalWatch, watch_goals
from cl._wait.housekeeper import Housekeeper, VirtualChores, WallChores
from cl._wait.owner import has_ended
from cl._wait.source_pump import SourcePump
from cl._wait.waveforms import EngineWaveforms

if TYPE_CHECKING:
    from cl._core.attachable import Attachable
    from cl.sim.device import StreamedDevice

_LAST_PULSES_S = 1.0
"""How long closing waits for a source to give the frames of the pulses that have begun."""


class Wired:
    """An engine with all that makes it go."""

    def __init__(self, device: Attachable) -> None:
        self.engine = engine = Engine(device)
        engine.has_ended = has_ended
        engine.history.waveforms = EngineWaveforms(engine)
        device.attach(engine)
        virtual = engine.time.clock is None
        self.housekeeper = Housekeeper(engine, VirtualChores(engine) if virtual else WallChores(engine))
        engine.on_park = self.housekeeper.start
        self._pump: SourcePump | None = None
        self._goals: GoalWatch | None = None
        if hasattr(device, "source"):
            # What asks a user's source takes threads, which a device's own room has none of.
            pump = self._pump = SourcePump(engine, cast("StreamedDevice", device), realtime=not virtual)
            engine.supply = pump
            self.housekeeper.looks.append(pump.look)

    def begin(self) -> None:
        """Let time begin, and what works in the background: the device is open."""
        engine = self.engine
        engine.on_begin()
        with engine.lock:
            engine.refresh()
        self.housekeeper.begin()
        if self._pump is not None:
            self._pump.start()
        self._goals = watch_goals(engine)

    def settle(self) -> None:
        """Have the pulses that have begun delivered, by a source that takes its time."""
        if self._pump is not None:
            self._pump.settle(_LAST_PULSES_S)

    def stop(self) -> None:
        """End what runs in the background. The engine has ended."""
        if self._goals is not None:
            self._goals.stop()
        self.housekeeper.stop()
        if self._pump is not None:
            self._pump.stop()
