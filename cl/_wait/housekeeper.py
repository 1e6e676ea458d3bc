"""The one background thread: it keeps a wall-clock device moving, and watches over virtual time."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_seconds
from cl._values.constants import FRAMES_PER_SECOND

from .threads import advance_a_portion, go_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine

_WALL_PERIOD_S: Final = 0.1
_STALE_FRAMES: Final = FRAMES_PER_SECOND // 20
"""A position this far behind is brought to the present: nobody is waiting for it just now."""
_BODY_FRAMES: Final = FRAMES_PER_SECOND
"""The same while a loop's body runs and nobody looks on: its commands are to count from its tick."""
_VIRTUAL_PERIOD_S: Final = 0.02
_PATIENCE_S: Final = 5.0
_BREATH_S: Final = 0.0001
_SLICE: Final = FRAMES_PER_SECOND // 10

_log = logging.getLogger("cl")


class Housekeeper:
    """Runs while a device is open: at once in wall-clock time, when somebody waits in virtual time."""

    def __init__(self, engine: Engine, patience_seconds: float = _PATIENCE_S) -> None:
        self._engine = engine
        self._patience_s = patience_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stalled_since: float | None = None
        self._state: tuple[int, tuple[str, ...]] | None = None
        self._warned = False
        self.look: Callable[[], None] = _nothing
        """Called every now and then, for whoever has to look at something that says nothing."""
        self.bring_up: Callable[[int], None] = _nothing
        """Asks a pushing device for what there is before a timestamp. Locked."""

    def start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is not None or self._stop.is_set():
                return
            run = self._keep_virtual if self._engine.clock is None else self._keep_wall
            thread = threading.Thread(target=run, name="cl-housekeeper", daemon=True)
            # Known before it starts: Ctrl-C may come while that is waited for.
            self._thread = thread
            thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        with self._starting:
            self._stop.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            with suppress(RuntimeError):  # It has not begun yet, and will end as it does.
                thread.join()

    def _keep_wall(self) -> None:
        engine = self._engine
        while not self._stop.wait(_WALL_PERIOD_S):
            if engine.failure is not None or engine.closed:
                return
            try:
                self._move_wall()
            except Exception as error:
                _log.debug("the device failed: %s", error)
            self.look()

    def _move_wall(self) -> None:
        engine = self._engine
        assert engine.clock is not None
        slack = self._slack()
        while engine.clock.now() - engine.position > slack and not self._stop.is_set():
            with engine.lock:
                if engine.failure is not None or engine.closed:
                    return
                # Only those who want what comes after the end are to find out that there is none.
                to = min(engine.clock.now(), engine.device.end_timestamp)
                if engine.device.info.pushes:
                    self.bring_up(min(engine.clock.now(), engine.position + _SLICE))
                    return
                if to <= engine.position:
                    return
                advance_a_portion(engine, to)
            # Whoever waits for the lock gets it.
            self._stop.wait(_BREATH_S)

    def _slack(self) -> int:
        """Return how many frames the position may be behind."""
        engine = self._engine
        looked, engine.looked_at = engine.looked_at, False
        in_body = any(run.due <= engine.position for run in tuple(engine.runs))
        return _BODY_FRAMES if in_body and not looked and not engine.taps else _STALE_FRAMES

    def _keep_virtual(self) -> None:
        engine = self._engine
        while not self._stop.wait(_VIRTUAL_PERIOD_S):
            if engine.failure is not None or engine.closed:
                return
            try:
                with engine.lock:
                    # Tasks and threads end without a word: somebody has to look.
                    go_on(engine)
                    holders = engine.scheduler.holders() if engine.scheduler.waiting() else []
            except Exception as error:
                _log.debug("the device failed: %s", error)
                return
            self.look()
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


def _nothing(*_: object) -> None:
    """Stand for a hook that nobody has set."""
