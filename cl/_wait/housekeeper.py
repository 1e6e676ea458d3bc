"""The background thread of a device: it keeps a wall-clock device moving, or watches over virtual time."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from cl._core.host_clock import host_seconds
from cl._core.reentry_lock import ReentryLock
from cl._values.constants import FRAMES_PER_SECOND
from cl._values.no_op import no_op
from cl._values.saying import Log
from cl._values.thread_start import start_thread

from .threads import go_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine

_WALL_PERIOD_S: Final = 0.1
_STALE_FRAMES: Final = FRAMES_PER_SECOND // 20
"""A position this far behind is brought to the present, where it is not waited for."""
_BODY_FRAMES: Final = FRAMES_PER_SECOND
"""The same while a loop's body runs and no page looks on: its commands are to count from its tick."""
_VIRTUAL_PERIOD_S: Final = 0.02
_PATIENCE_S: Final = 5.0
_BREATH_S: Final = 0.0001
_SLICE: Final = FRAMES_PER_SECOND // 10

_log = Log()


class Chores(Protocol):
    """What is to be done every now and then."""

    period_s: float
    at_once: bool
    """Whether they are to be done from the beginning on, and not only once a participant has waited."""

    def do(self, stop: threading.Event) -> None:
        """Do it; end early once `stop` is set. Errors are the device's, and others hear of them."""
        ...


class WallChores:
    """Brings a device to the present that is not waited for."""

    at_once = True

    def __init__(self, engine: Engine) -> None:
        self.period_s = _WALL_PERIOD_S
        self._engine = engine

    def do(self, stop: threading.Event) -> None:
        engine = self._engine
        slack = self._slack()
        while (now := engine.time.now()) - (position := engine.position) > slack and not stop.is_set():
            engine.supply.bring_up(min(now, position + _SLICE))
            if engine.position <= position:
                return  # Another thread makes it, or there is no more.
            # Those who wait for the lock get it.
            stop.wait(_BREATH_S)

    def _slack(self) -> int:
        """Return how many frames the position may be behind."""
        engine = self._engine
        looked, engine.looked_at = engine.looked_at, False
        in_body = any(run.due <= engine.position for run in tuple(engine.runs))
        return _BODY_FRAMES if in_body and not looked else _STALE_FRAMES


class VirtualChores:
    """Sees when those who hold time have ended without a word, and names those who hold it for long."""

    at_once = False

    def __init__(self, engine: Engine, patience_seconds: float = _PATIENCE_S) -> None:
        self.period_s = _VIRTUAL_PERIOD_S
        self._engine = engine
        self._patience_s = patience_seconds
        self._stalled_since: float | None = None
        self._state: tuple[int, tuple[str, ...]] | None = None
        self._warned = False

    def do(self, stop: threading.Event) -> None:
        engine = self._engine
        with engine.lock:
            # Tasks and threads end without a word: that has to be looked for.
            go_on(engine)
            holders = engine.time.holders() if engine.time.waiting() else []
        self._watch_stall((engine.position, tuple(holders)) if holders else None)

    def _watch_stall(self, state: tuple[int, tuple[str, ...]] | None) -> None:
        if state is None or state != self._state:
            self._state = state
            self._stalled_since = host_seconds()
            self._warned = False
            return
        assert self._stalled_since is not None
        if not self._warned and host_seconds() - self._stalled_since > self._patience_s:
            self._warned = True
            _log.warning(
                "accelerated time has stood still at timestamp %d for %g s: held by %s, "
                "which has been served and has neither waited again nor been closed",
                state[0],
                self._patience_s,
                " and ".join(state[1]),
            )


class Housekeeper:
    """Does the chores of an open device, once it is started."""

    def __init__(self, engine: Engine, chores: Chores) -> None:
        self._engine = engine
        self._chores = chores
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = ReentryLock()
        self._period_s = chores.period_s
        self.looks: list[Callable[[], None]] = []
        """Called every now and then, for those who have to look at something that says nothing."""

    def watch(self, look: Callable[[], None], period_s: float) -> None:
        """Have `look` called at least so often from now on."""
        self._period_s = min(self._period_s, period_s)
        self.looks.append(look)
        self.start()

    def begin(self) -> None:
        """Start the thread if there is something to do already: the device is open."""
        if self._chores.at_once or self.looks:
            self.start()

    def start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is not None or self._starting.held_here():
            return
        with self._starting:
            if self._thread is not None or self._stop.is_set():
                return
            thread = threading.Thread(target=self._run, name="cl-housekeeper", daemon=True)
            # Known before it starts: Ctrl-C may come while that is waited for.
            self._thread = thread
            try:
                start_thread(thread)
            except BaseException:
                if thread.ident is None:
                    self._thread = None  # It was not to be: the next one who waits starts it.
                raise
            self._engine.on_park = no_op

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        with self._starting:
            self._stop.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            with suppress(RuntimeError):  # It has not begun yet, and will end as it does.
                thread.join()

    def _run(self) -> None:
        engine = self._engine
        while not self._stop.wait(self._period_s):
            if not engine.is_open():
                return
            try:
                self._chores.do(self._stop)
            except Exception as error:
                _log.debug("the device failed: %s", error)
            for look in tuple(self.looks):
                look()
