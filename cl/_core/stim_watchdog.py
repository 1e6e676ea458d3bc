"""The dead man's switch: stimulation ends where a program leaves its device alone for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND, NEVER
from cl._values.saying import Log

from .device_log import Happening, LogKind
from .program_watch import ProgramWatch

if TYPE_CHECKING:
    from .engine import Engine
    from .wall_time import WallTimebase

LOOKS: Final = 32
"""So often within its time the watchdog looks, and by so much less than all of it, it may be too late."""
ALL: Final = tuple(range(CHANNEL_COUNT))

_log = Log()


class StimWatchdog:
    """Watches the program of a device in wall-clock time.

    Where data are made here it is a consumer of them, so that it fires at its very frame, however late the
    thread is that finds out. A device that watches for itself is given a sign of life at every look,
    as long as there is one; it fires by itself when there is none, also where the process stands still.
    """

    def __init__(self, engine: Engine, time: WallTimebase, seconds: float, name: str) -> None:
        self.seconds = seconds
        self.period_s = seconds / LOOKS
        self._engine = engine
        self._stimulator = engine.device.stimulator
        self._name = name
        self._frames = round(seconds * FRAMES_PER_SECOND)
        self._stride = max(1, self._frames // LOOKS)
        self._unsaid: list[int] = []
        self._beaten = -1
        """When the program was last at work, as far as the device has been told."""
        with engine.lock:
            self._program = time.program = ProgramWatch(engine)
        self._is_watched = self._stimulator.arm(seconds)
        self.limit = NEVER
        if self._stimulator.halts_at_once:
            with engine.lock:
                self.limit = engine.position + self._stride
                engine.consumers.append(self)
                engine.refresh()

    @property
    def halted(self) -> bool:
        """Whether the device takes no stimulation."""
        return self._stimulator.halted

    def take(self, position: int) -> bool:
        """Look, on the way to the present. Locked."""
        self.limit = position + self._stride
        self._look_here(position)
        return False

    def look(self) -> None:
        """Look, and say what has been found. Without the lock."""
        if self._engine.is_open():
            self.check()
            self._say()

    def check(self) -> None:
        """Have stimulation ended by now if it is to be. Without the lock, before a command is taken."""
        engine, stimulator = self._engine, self._stimulator
        if stimulator.halts_at_once:
            with engine.lock:
                self._look_here(NEVER)
            return
        with engine.lock:
            now = engine.time.now()
            last = self._program.last(self._frames)
        if stimulator.halted:
            return
        fired = stimulator.fired_at()
        if fired is None and now - last >= self._frames and not self._is_watched:
            fired = stimulator.halt(last + self._frames)
        if fired is not None:
            stimulator.halted = True
            with engine.lock:
                self._note(fired)
        elif last > self._beaten:
            # It was at work since the last look: the device counts from here.
            self._beaten = last
            stimulator.beat()

    def resume(self) -> None:
        """Let stimulation go on."""
        self._stimulator.resume()
        engine = self._engine
        with engine.lock:
            self._stimulator.halted = False
            self._program.resume()
            text = "stimulation goes on"
            engine.history.log.add(Happening(engine.time.now(), LogKind.WATCHDOG, text, ALL))

    def _look_here(self, position: int) -> None:
        """Fire if the time is over by `position`. Locked."""
        if self._stimulator.halted:
            return
        due = self._program.last(self._frames) + self._frames
        if due <= min(position, self._engine.time.now()):
            self._stimulator.halted = True
            self._note(self._stimulator.halt(due))

    def _note(self, frame: int) -> None:
        text = f"the program has not waited for the device, or called it, for {self.seconds:g} s"
        self._engine.history.log.add(Happening(frame, LogKind.WATCHDOG, text, ALL, value=self._frames))
        self._unsaid.append(frame)

    def _say(self) -> None:
        while self._unsaid:
            frame = self._unsaid.pop(0)
            _log.warning(
                "%s: the program has not waited for the device, or called it, for %g s: all channels were "
                "interrupted at timestamp %d, and stimulation is refused until neurons.resume_stimulation()",
                *(self._name, self.seconds, frame),
            )
