"""Two runs of one program, and whether they agree in every bit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from .calling import checked_result, is_async
from .compare import first_difference
from .opening import Simulator

if TYPE_CHECKING:
    from cl._core.engine import Engine
    from cl.neurons import Neurons

_BATCH: Final = 2_500


def assert_identical_runs(
    run: Callable[[Neurons], Any] | Callable[[Neurons], Awaitable[Any]],
    *,
    runs: int = 2,
    frames: bool = True,
    backend: str = "asyncio",
    **options: Any,
) -> list[Any]:
    """Run a program several times on a fresh simulator, and check that the runs are identical bit for bit.

    `run(neurons)` may be an ordinary or an async function (run on `backend`: "asyncio" or "trio"). Compared
    is what it returns, and what the device did meanwhile: every spike, stim and data-stream entry, the
    frames (not with `frames=False`, which is faster), and how far time went. `options` are those of
    `Simulator`. Returns what the runs returned.

    Raises AssertionError that says where the runs differ first.
    """
    if runs < 2:
        raise ValueError(f"runs must be at least 2, not {runs}")
    first: Trace | None = None
    results = []
    for number in range(1, runs + 1):
        trace = _traced(run, frames, backend, options)
        results.append(trace.result)
        if first is None:
            first = trace
        elif found := first.difference(trace):
            raise AssertionError(f"runs 1 and {number} differ: {found}")
    return results


class Trace:
    """Everything that a device does; a consumer of its engine, so that nothing is missed."""

    def __init__(self, engine: Engine, frames: bool) -> None:
        self._engine = engine
        self._frames = frames
        self._at = engine.position
        self._entry = engine.history.entries.first
        self.limit = engine.position + _BATCH
        self.spikes: list[Any] = []
        self.stims: list[Any] = []
        self.entries: list[Any] = []
        self.digests: list[str] = []
        self.result: Any = None
        with engine.lock:
            engine.time.watch(self)

    def take(self, position: int) -> bool:
        """Note what happened before `position`, at once. Locked."""
        engine, history = self._engine, self._engine.history
        self.spikes += history.spikes.window(self._at, position)
        self.stims += history.stims.window(self._at, position)
        fresh = slice(self._entry - history.entries.first, None)
        self.entries += [(e.stream_name, e.timestamp, e.data) for e in history.entries.items[fresh]]
        self._entry = history.entries.end
        if self._frames and position > self._at:
            frames = engine.frames(self._at, position)
            self.digests.append(blake2b(frames.tobytes(), digest_size=16).hexdigest())
        self._at = position
        self.limit = position + _BATCH
        return False

    def finish(self) -> None:
        """Note what has happened since."""
        with self._engine.lock:
            self.take(self._engine.position)
            self._engine.time.unwatch(self)

    def difference(self, other: Trace) -> str | None:
        """Return where this trace and another one differ first."""
        for name in ("stims", "spikes", "entries"):
            if found := first_difference(getattr(self, name), getattr(other, name), name):
                return found
        if self.digests != other.digests:
            at = next(
                (i for i, (a, b) in enumerate(zip(self.digests, other.digests, strict=False)) if a != b), 0
            )
            return f"the frames from {at * _BATCH} on"
        if self._at != other._at:
            return f"time went to {self._at} in one, to {other._at} in the other"
        return first_difference(self.result, other.result)


def _traced(run: Callable[[Neurons], Any], frames: bool, backend: str, options: dict[str, Any]) -> Trace:
    if not is_async(run):
        with Simulator(**options) as neurons:
            trace = Trace(neurons._engine, frames)
            trace.result = checked_result(run, run(neurons))
            trace.finish()
        return trace

    async def main() -> Trace:
        async with Simulator(**options) as neurons:
            trace = Trace(neurons._engine, frames)
            trace.result = await run(neurons)
            trace.finish()
        return trace

    import anyio

    return anyio.run(main, backend=backend)
