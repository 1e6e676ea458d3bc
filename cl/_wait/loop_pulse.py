"""Whether an event loop turns: so an async program is known to be at work that waits for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .owner import asyncio_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cl._core.engine import Engine


class LoopPulse:
    """Asks the event loop that runs for a turn every now and then, and counts those that it gives."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked = False
        self._ask = _asker()

    def look(self) -> None:
        """Ask for a turn, unless one is still to come. From any thread."""
        if self._asked:
            return
        self._asked = True
        try:
            self._ask(self._turn)
        except RuntimeError:
            pass  # The loop was closed.

    def _turn(self) -> None:
        self._asked = False
        self._engine.time.calls += 1


def _asker() -> Callable[[Callable[[], None]], object]:
    """Return what has the running event loop call a function soon."""
    if asyncio_runs():
        import asyncio

        return asyncio.get_running_loop().call_soon_threadsafe
    import trio

    found: Callable[[Callable[[], None]], object] = trio.lowlevel.current_trio_token().run_sync_soon
    return found
