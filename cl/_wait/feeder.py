"""The thread that asks sources which may keep it waiting: another thread's, a network's, a user's code.

Such a device is one that pushes: whoever needs frames says so (`demand`) and waits for their arrival.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from cl._core.clock import host_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._core.engine import Engine
    from cl._core.sequencer import Pulse


class Windowed(Protocol):
    """A device whose production can be done outside of the engine's lock."""

    wants_stims_at_once: bool
    """Whether the source answers to stims in its own time."""

    def deliver(self, stop: int) -> list[Pulse]:
        """Log the pulses before `stop` and return them. Locked."""
        ...

    def gather(self, pulses: Sequence[Pulse], stop: int) -> list[Any]:
        """Ask the source for everything before `stop`, telling it of the pulses on the way."""
        ...

    def log(self, batches: list[Any]) -> None:
        """Log what was gathered. Locked."""
        ...


class Feeder:
    """Feeds an engine from a source that may block, in a thread of its own."""

    def __init__(self, engine: Engine, device: Windowed) -> None:
        self._engine = engine
        self._device = device
        self._wanted = threading.Condition(engine.lock)
        self._target = engine.position
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="cl-feeder", daemon=True)
        self.busy_since: float | None = None
        """When the source was asked for what it has not answered yet, in host seconds."""
        engine.demand = self.demand
        engine.urgent = engine.clock is not None and device.wants_stims_at_once

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def demand(self, to: int) -> None:
        """Ask for everything before `to`. Locked."""
        if to > self._target:
            self._target = to
            self._wanted.notify()

    def stop(self, timeout: float) -> bool:
        """Let the thread end; return whether it did so in time (a source that hangs cannot be ended)."""
        with self._wanted:
            self._stopping = True
            self._wanted.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        engine = self._engine
        try:
            while self._feed():
                pass
        except BaseException as error:
            with engine.lock:
                engine.fail(error)

    def _feed(self) -> bool:
        engine, device = self._engine, self._device
        with self._wanted:
            while self._target <= engine.position and not self._stopping:
                self._wanted.wait()
            if self._stopping or engine.failure is not None:
                return False
            stop = engine.next_stop(self._target)
            engine.asked = max(engine.asked, stop)
            pulses = device.deliver(stop)
            self.busy_since = host_seconds()
        batches = device.gather(pulses, stop)
        with engine.lock:
            self.busy_since = None
            if engine.failure is not None or engine.closed:
                return False
            device.log(batches)
            engine.post(stop)
        return True
