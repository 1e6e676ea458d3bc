"""The part of `Neurons` that is about the present."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cl._core.participant import Hold
from cl._wait import threads
from cl._wait.body import current_body

if TYPE_CHECKING:
    from cl._core.engine import Engine


class TimeMethods:
    """`timestamp` and `hold`."""

    _engine: Engine

    def timestamp(self) -> int:
        """Return the present device time, a frame number.

        In a loop body it is at least `tick.iteration_timestamp`, and greater than what any
        earlier tick of that loop got.
        """
        engine = self._engine
        engine.check()
        now = engine.now()
        body = current_body.get()
        if body is not None and body.serves is engine:
            now = body.given = max(now, body.floor)
        return now

    @contextmanager
    def hold(self, name: str = "hold") -> Iterator[None]:
        """Hold accelerated time within a `with` block, for threads and real I/O that work for it.

        Nobody who waits is served before the block has ended. In wall-clock time it does nothing.
        """
        engine = self._engine
        hold = Hold(object(), name, transient=False)
        threads.refuse_reentry(engine)
        try:
            with engine.lock:
                engine.check()
                engine.time.take_hold(hold)
            yield
        finally:
            # First, which no interruption can come before: the lock is taken by a call, where one may.
            hold.over = True
            with engine.lock:
                engine.time.give_back(hold)
                threads.go_on(engine)

    def _present(self) -> int:
        """Return the frame that a command given now takes effect at."""
        engine = self._engine
        body = current_body.get()
        if body is not None and body.serves is engine:
            # In a body: as of the tick, which is the position unless more has been given since.
            return engine.position
        return engine.now()
