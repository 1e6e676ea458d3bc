"""Feeds an engine from a source that may keep it waiting: another thread's, a network's, a user's code.

Such a device is one that pushes: whoever needs frames says so (`demand`) and waits for their arrival.
The source is asked in its own thread, without the engine's lock; whether it answers is watched from
outside (`look`).
"""

from __future__ import annotations

import sys
import threading
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._values.constants import NEVER, NOTICE_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cl._core.engine import Engine
    from cl._stim.sequencer import Pulse

_SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may keep Python from a source that is to be told of a pulse."""


class Windowed(Protocol):
    """A device whose production can be done outside of the engine's lock."""

    wants_stims_at_once: bool
    """Whether the source answers to stims in its own time."""
    on_submit: Callable[[], None]
    """Called, locked, when pulses may have been queued."""

    @property
    def end_timestamp(self) -> int:
        """Where the data end, as far as that is known."""
        ...

    @property
    def gathered(self) -> int:
        """Everything before this has been gathered."""
        ...

    def serve(self, work: Callable[[], object]) -> None:
        """Let `work`, which is what asks the source, run in the source's thread."""
        ...

    def overdue(self) -> BaseException | None:
        """Return the error of a source that has not answered in time."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the data end, or will end, by a failure."""
        ...

    def why_ended(self) -> BaseException:
        """Return why nothing comes after `end_timestamp`."""
        ...

    def next_pulse(self) -> int:
        """Return a frame before which no pulse begins. Locked."""
        ...

    def deliver(self, stop: int) -> list[Pulse]:
        """Log the pulses before `stop` and return them. Locked."""
        ...

    def poke(self) -> None:
        """End a `gather` that waits for a source's data."""
        ...

    def gather(self, pulses: Sequence[Pulse], first: int, stop: int, seconds: float | None) -> list[Any]:
        """Ask the source for everything before `stop`, telling it of the pulses on the way.

        Data that come by themselves are waited for until those before `first` are there, for so many seconds
        at most; then what there is is gathered.
        """
        ...

    def log(self, batches: list[Any]) -> None:
        """Log what was gathered. Locked."""
        ...


class SourcePump:
    """Feeds an engine from a source that may block, in the source's thread."""

    def __init__(self, engine: Engine, device: Windowed) -> None:
        self._engine = engine
        self._device = device
        self._wanted = threading.Condition(engine.lock)
        self._target = engine.position
        """Up to where frames are waited for."""
        self._demands: list[int] = []
        """A heap of what is waited for: nobody has to wait for more than that."""
        self._awaited: int | None = None
        self._welcome = engine.position
        """Up to where frames are good to have, though nobody waits for them."""
        self._stopping = False
        self._tells = engine.clock is not None and device.wants_stims_at_once
        """Whether the source is told of every pulse in its time, whoever asks for the frames around it."""
        self._switch_interval = sys.getswitchinterval()
        engine.demand = self.demand
        if self._tells:
            device.on_submit = self._on_submit

    def start(self) -> None:
        """Begin."""
        if self._tells:
            # Else a body that computes would keep the source from hearing of its stim for 5 ms.
            sys.setswitchinterval(min(self._switch_interval, _SWITCH_INTERVAL_S))
        self._device.serve(self._run)

    def demand(self, to: int) -> None:
        """Ask for everything before `to`. Locked."""
        heappush(self._demands, to)
        if to > self._target:
            self._target = to
            self._wanted.notify()
        if self._awaited is not None and to < self._awaited:
            self._device.poke()

    def _on_submit(self) -> None:
        # Whether it waits for demands or for data, it has to look anew when the next pulse begins.
        self._wanted.notify()
        self._device.poke()

    def look(self) -> None:
        """End the device if its source hangs; to be called every now and then."""
        error = self._device.overdue()
        if error is not None:
            with self._engine.lock:
                self._engine.fail(error)

    def bring_up(self, to: int) -> None:
        """Ask for what there is before `to`: where the data end before that, nobody minds. Locked."""
        if to > self._welcome:
            self._welcome = to
            self._wanted.notify()

    def settle(self, timeout: float) -> None:
        """Have the pulses that have begun delivered, at most so many seconds long; for after an interrupt."""
        engine = self._engine
        with engine.lock:
            to = engine.asked + NOTICE_FRAMES
            if engine.failure is not None or self._device.next_pulse() >= to:
                return
            settled = threading.Event()
            self.demand(to)
            engine.on_arrival(to, settled.set)
        settled.wait(timeout)

    def stop(self) -> None:
        """Ask for nothing more."""
        if self._tells:
            sys.setswitchinterval(self._switch_interval)
        with self._wanted:
            self._stopping = True
            self._wanted.notify()

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
            pulse, seconds = self._await()
            if self._stopping or engine.failure is not None:
                return False
            stop = self._next_stop()
            engine.asked = asked = max(engine.asked, stop, pulse + 1)
            pulses = device.deliver(asked)
            self._awaited = first = min(self._first_wanted(), stop)
        batches = device.gather(pulses, first, stop, seconds)
        with engine.lock:
            self._awaited = None
            if engine.failure is not None or engine.closed:
                return False
            device.log(batches)
            # The source may have been asked ahead of time, or have ended.
            engine.post(min(asked, device.gathered))
        return True

    def _next_stop(self) -> int:
        """Return up to where to go now; raise where there is no more of what is waited for. Locked."""
        position, device = self._engine.position, self._device
        wanted = max(self._target, self._welcome)
        if wanted <= position:
            return position
        if position < device.end_timestamp:
            return self._engine.next_stop(wanted)
        if self._target > position or device.failed:
            raise device.why_ended()
        self._welcome = position
        return position

    def _first_wanted(self) -> int:
        """Return what is waited for first, or the next frame where nobody waits. Locked."""
        demands, position = self._demands, self._engine.position
        while demands and demands[0] <= position:
            heappop(demands)
        return demands[0] if demands else position + 1

    def _await(self) -> tuple[int, float | None]:
        """Wait until frames are wanted, or a pulse begins that the source is to be told of. Locked.

        Return the frame of the pulse, or -1, and how many seconds there are until the next one.
        """
        engine = self._engine
        while not self._stopping and engine.failure is None:
            pulse, seconds = self._next_pulse()
            if seconds is not None and seconds <= 0:
                return pulse, 0.0
            if max(self._target, self._welcome) > engine.position:
                return -1, seconds
            self._wanted.wait(seconds)
        return -1, None

    def _next_pulse(self) -> tuple[int, float | None]:
        """Return when the source is to be told of a pulse, and in how many seconds. Locked."""
        if not self._tells:
            return -1, None
        pulse = self._device.next_pulse()
        clock = self._engine.clock
        assert clock is not None
        return pulse, None if pulse >= NEVER else clock.seconds_until(pulse)
