"""The closed loops: a tick at a time, in a thread or in a task, over one set of decisions."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._core.clock import host_ns
from ._core.constants import FRAME_NS, FRAMES_PER_SECOND
from ._core.lateness import Lateness, LoopStatistics
from ._core.schedule import LOOP, Party
from ._rates import duration_ticks, exact, frames_per_tick, ordinal, seconds_to_frames, whole
from ._wait import sync
from ._wait.body import Body, current_body
from .events import DetectionResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._core.engine import Engine
    from ._wait.aio import Waiter

_JITTER_WARNING = (
    "Warning: Jitter detection is currently not supported in cl-sdk. This may lead to unexpected\n"
    "loop timing behaviour if your loop body takes a long time to execute."
)
_said: set[str] = set()
"""What has been said on stderr, once per process, as the contract has it."""


class LoopTick:
    """One iteration of a loop. The object is reused by its iterator; what it hands out is not."""

    __slots__ = ("_analysis", "_engine", "_frames", "_n", "iteration", "iteration_timestamp", "loop")

    loop: Any
    """The `Loop` or `AsyncLoop`."""
    iteration: int
    """The iteration's number, from 0; after the loop's end, the number of ticks run."""
    iteration_timestamp: int
    """The moment the body runs: the end of the window."""

    def __init__(self, loop: _LoopBase, engine: Engine, n: int) -> None:
        self.loop = loop
        self._engine = engine
        self._n = n
        self.iteration = 0
        self.iteration_timestamp = engine.position
        self._analysis: DetectionResult | None = None
        self._frames: NDArray[np.int16] | None = None

    @property
    def iteration_next_timestamp(self) -> int:
        """The moment the next body is due."""
        return self.iteration_timestamp + self._n

    @property
    def analysis(self) -> DetectionResult:
        """The spikes and stims of the iteration's window [start + i·n, start + (i+1)·n)."""
        found = self._analysis
        if found is None:
            stop = self.iteration_timestamp
            found = self._analysis = self._engine.window(stop - self._n, stop)
        return found

    @property
    def frames(self) -> NDArray[np.int16]:
        """The frames of the iteration's window, int16 (n, 64); made when first asked for."""
        frames = self._frames
        if frames is None:
            stop = self.iteration_timestamp
            frames = self._frames = self._engine.frames(stop - self._n, stop)
        return frames

    @property
    def timestamp(self) -> int:
        """Deprecated alias of `iteration_timestamp`."""
        warnings.warn(
            "LoopTick.timestamp is deprecated, use iteration_timestamp", DeprecationWarning, stacklevel=2
        )
        return self.iteration_timestamp

    def __repr__(self) -> str:
        return f"LoopTick(iteration={self.iteration}, iteration_timestamp={self.iteration_timestamp})"


class _LoopBase:
    """A loop's parameters, and what may be asked of it from anywhere."""

    def __init__(
        self,
        engine: Engine,
        ticks_per_second: float,
        stop_after_seconds: float | None = None,
        stop_after_ticks: int | None = None,
        ignore_jitter: bool = False,
        jitter_tolerance_frames: int = 0,
    ) -> None:
        self.frames_per_tick = frames_per_tick(ticks_per_second)
        self.duration_ticks = duration_ticks(ticks_per_second, stop_after_seconds, stop_after_ticks)
        self._tolerance = whole("jitter_tolerance_frames", jitter_tolerance_frames, 0)
        self._ticks_per_second = ticks_per_second
        self._engine = engine
        self._raises = engine.device.info.detects_jitter and not ignore_jitter
        self._start: int | None = None
        self._stopping = False
        self._recovery: tuple[Callable[[LoopTick], Any] | None, int, float] | None = None
        self._lateness = Lateness()
        _note_odd_rate(ticks_per_second, self.frames_per_tick)

    @property
    def start_timestamp(self) -> int:
        """The timestamp at which the first tick's window begins; `RuntimeError` before the start."""
        if self._start is None:
            raise RuntimeError("the loop has not started: its first tick sets start_timestamp")
        return self._start

    @property
    def duration_frames(self) -> int | None:
        """The frames of all its ticks, or None for a loop without an end."""
        return None if self.duration_ticks is None else self.duration_ticks * self.frames_per_tick

    def approximate_duration_seconds(self) -> float | None:
        """Return the seconds that it takes, or None for a loop without an end."""
        frames = self.duration_frames
        return None if frames is None else frames / FRAMES_PER_SECOND

    def stop(self) -> None:
        """End the loop when its next tick is asked for."""
        self._stopping = True

    def recover_from_jitter(
        self,
        handle_recovery_tick: Callable[[LoopTick], Any] | None = None,
        timeout_seconds: float = 5.0,
    ) -> None:
        """Let the running iteration be late: those that it covers are skipped, then the loop goes on.

        Each skipped iteration is handed to `handle_recovery_tick`. A loop that has not caught up
        within `timeout_seconds` of device time raises `TimeoutError`.
        """
        if handle_recovery_tick is not None and not callable(handle_recovery_tick):
            raise TypeError(f"handle_recovery_tick must be callable, not {handle_recovery_tick!r}")
        frames = seconds_to_frames("timeout_seconds", timeout_seconds)
        self._recovery = (handle_recovery_tick, self._engine.now() + frames, float(timeout_seconds))

    def statistics(self) -> LoopStatistics:
        """Return how late the ticks have been so far: count, p50, p99, p99.9 and max."""
        return self._lateness.statistics()


class _Run:
    """One pass over a loop: its decisions, which the sync and the async iterator act on."""

    __slots__ = (
        "_lateness", "_loop", "_outer", "due", "engine", "floor", "given", "index", "n",
        "party", "tick", "total",
    )  # fmt: skip

    def __init__(self, loop: _LoopBase) -> None:
        engine = loop._engine
        _warn_about_jitter(engine)
        self.engine = engine
        self._loop = loop
        self._lateness = loop._lateness
        self.n = n = loop.frames_per_tick
        self.total = -1 if loop.duration_ticks is None else loop.duration_ticks
        self.party = Party(f"a loop at {loop._ticks_per_second}/s", LOOP, n)
        self.given = self.floor = -1
        self._outer: Body | None = None
        with engine.lock:
            engine.check()
            start = engine.now()
            if engine.clock is None:
                engine.scheduler.register(self.party)
            if n > FRAMES_PER_SECOND:
                engine.keep(n)
        loop._start = start
        loop._stopping = False
        loop._recovery = None
        self.index = 0
        self.due = start + n
        self.tick = LoopTick(loop, engine, n)

    def over(self) -> bool:
        """Return whether no further tick is to run."""
        return self._loop._stopping or self.index == self.total

    def enter(self, due: int) -> LoopTick:
        """Set the tick for the body that is about to run."""
        if current_body.get() is not self:
            self._outer = current_body.get()
            current_body.set(self)
        if self.given >= 0:
            self.floor = self.given + 1
            self.given = -1
        tick = self.tick
        tick.iteration = self.index
        tick.iteration_timestamp = due
        tick._analysis = tick._frames = None
        return tick

    def leave(self) -> None:
        """Take note that a body has ended."""
        self.index += 1
        self.due += self.n

    def late(self, now: int) -> bool:
        """Decide about a tick that is asked for at `now`, after its due time: raise, or let it pass.

        Return whether the loop is in recovery, so that the tick is to be skipped.
        """
        behind = now - self.due
        oldest = now - self.engine.history_frames
        if self._loop._recovery is not None:
            return True
        if self.due - self.n < oldest:
            raise TimeoutError(
                f"Loop fell behind by {_frames(behind)} when entering the {ordinal(self.index + 1)} "
                f"iteration: what it was to see is older than the history, which begins at {oldest}."
            )
        if self._loop._raises and behind > self._loop._tolerance:
            raise TimeoutError(self._jitter_text(behind))
        return False

    def _jitter_text(self, behind: int) -> str:
        tolerance = self._loop._tolerance
        return (
            f"Loop fell behind by {_frames(behind)} when entering the {ordinal(self.index + 1)} "
            f"iteration. Jitter tolerance is currently set to {tolerance} frame{'s' * (tolerance != 1)}. "
            "Ideally - optimise the worst-case performance of your loop body. You may also adjust the "
            f"jitter tolerance via jitter_tolerance_frames={behind}, or ignore jitter entirely via "
            "ignore_jitter=True."
        )

    def recovery(self) -> Iterator[tuple[LoopTick, Callable[[LoopTick], Any] | None]]:
        """Skip the ticks that are due: yield each, entered, with the handler to call on it."""
        loop, engine = self._loop, self.engine
        assert loop._recovery is not None
        handler, deadline, seconds = loop._recovery
        while not self.over() and self.due <= engine.now():
            if engine.now() > deadline:
                raise TimeoutError(
                    f"Loop has not recovered from jitter within {seconds:g} s: it is still "
                    f"{_frames(engine.now() - self.due)} behind at the {ordinal(self.index + 1)} iteration."
                )
            self._count(engine.now() - self.due)
            yield self.enter(self.due), handler
            self.leave()
        loop._recovery = None

    def _count(self, late_frames: int) -> None:
        self._lateness.add(late_frames * FRAME_NS)

    def count_wall(self, due_ns: int) -> None:
        """Count a tick whose body begins now."""
        self._lateness.add(host_ns() - due_ns)

    def count_virtual(self, late_frames: int) -> None:
        """Count a tick that begins `late_frames` of device time after it was due."""
        self._count(late_frames)

    def finish(self) -> None:
        """Set the tick to how many have run: the loop has come to its end."""
        self.tick.iteration = self.index

    def close(self) -> None:
        """Free what the run holds; the device is ready for the next loop."""
        if current_body.get() is self:
            current_body.set(self._outer)
        engine = self.engine
        if engine.clock is None:
            sync.drop(engine, self.party)


class Loop(_LoopBase):
    """A closed loop in a thread: iterate over it, or `run` a callback.

    Made by `Neurons.loop`. Each iteration covers `frames_per_tick` frames.
    """

    def __iter__(self) -> Iterator[LoopTick]:
        return self._virtual() if self._engine.clock is None else self._wall()

    def run(self, callback: Callable[[LoopTick], Any]) -> None:
        """Call `callback(tick)` for every tick."""
        for tick in self:
            callback(tick)

    def _virtual(self) -> Iterator[LoopTick]:
        run = _Run(self)
        engine = self._engine
        lock, scheduler, party, lateness = engine.lock, engine.scheduler, run.party, self._lateness
        try:
            while not run.over():
                due = run.due
                if engine.position > due and run.late(engine.position):
                    self._recover(run)
                    continue
                self._recovery = None
                with lock:
                    # Alone, with nothing to happen until then: time just moves. The common case.
                    alone = scheduler.solo is party and engine.position <= due <= engine.free_until
                    if alone:
                        engine.position = engine.asked = due
                if alone:
                    lateness.punctual += 1
                else:
                    sync.wait(engine, party, due)
                    run.count_virtual(engine.position - due)
                yield run.enter(due)
                run.index += 1
                run.due = due + run.n
            run.finish()
        finally:
            run.close()

    def _wall(self) -> Iterator[LoopTick]:
        run = _Run(self)
        engine, clock = self._engine, self._engine.clock
        assert clock is not None
        pushes = engine.device.info.pushes
        lock, party, lateness = engine.lock, run.party, self._lateness
        try:
            while not run.over():
                due = run.due
                now = clock.now()
                if now > due and run.late(now):
                    self._recover(run)
                    continue
                self._recovery = None
                if pushes or due - now > FRAMES_PER_SECOND // 10:
                    sync.wait(engine, party, due)
                else:
                    clock.wait(due)
                    with lock:
                        if engine.failure is not None or engine.closed:
                            engine.check()
                        engine.advance(due)
                lateness.add(host_ns() - clock.due_ns(due))
                yield run.enter(due)
                run.index += 1
                run.due = due + run.n
            run.finish()
        finally:
            run.close()

    def _recover(self, run: _Run) -> None:
        for tick, handler in run.recovery():
            sync.wait(self._engine, run.party, run.due)
            if handler is not None:
                handler(tick)


class AsyncLoop(_LoopBase):
    """A closed loop in a task: `async for tick in loop`, or `await loop.run(callback)`.

    Made by `Neurons.aloop`. Runs under asyncio (with or without uvloop) and trio.
    """

    def __aiter__(self) -> AsyncIterator[LoopTick]:
        return AsyncTicks(self)

    async def run(self, callback: Callable[[LoopTick], Any | Awaitable[Any]]) -> None:
        """Call `callback(tick)` for every tick, and await what it returns if that can be awaited."""
        async for tick in self:
            result = callback(tick)
            if inspect.isawaitable(result):
                await result


class AsyncTicks:
    """The iterator of an `AsyncLoop`; closed at its end, by `aclose`, or when it is dropped."""

    def __init__(self, loop: AsyncLoop) -> None:
        self._loop = loop
        self._run: _Run | None = None
        self._waiter: Waiter | None = None
        self._in_body = False
        self._over = False

    def __aiter__(self) -> AsyncTicks:
        return self

    async def __anext__(self) -> LoopTick:
        if self._over:
            raise StopAsyncIteration
        run = self._run
        if run is None:
            run = self._begin()
        elif self._in_body:
            run.leave()
        self._in_body = False
        try:
            while not run.over():
                tick = await self._next(run)
                if tick is not None:
                    self._in_body = True
                    return tick
            run.finish()
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration: the loop no longer takes part."""
        self.close()

    def close(self) -> None:
        """End the iteration, at once."""
        if not self._over:
            self._over = True
            if self._run is not None:
                self._run.close()

    def __del__(self) -> None:
        if self._run is not None:
            self.close()

    def _begin(self) -> _Run:
        from ._wait.aio import Waiter

        run = self._run = _Run(self._loop)
        self._waiter = Waiter(self._loop._engine, run.party)
        return run

    async def _next(self, run: _Run) -> LoopTick | None:
        engine, waiter, due = self._loop._engine, self._waiter, run.due
        assert waiter is not None
        clock = engine.clock
        now = engine.position if clock is None else clock.now()
        if now > due and run.late(now):
            await self._recover(run)
            return None
        self._loop._recovery = None
        if clock is not None:
            await waiter.wait(due)
            run.count_wall(clock.due_ns(due))
            return run.enter(due)
        alone = False
        if engine.scheduler.solo is run.party and waiter.may_go_on():
            with engine.lock:
                alone = engine.scheduler.solo is run.party and engine.position <= due <= engine.free_until
                if alone:
                    engine.position = engine.asked = due
        if not alone:
            await waiter.wait(due)
        run.count_virtual(engine.position - due)
        return run.enter(due)

    async def _recover(self, run: _Run) -> None:
        assert self._waiter is not None
        for tick, handler in run.recovery():
            await self._waiter.wait(run.due)
            result = None if handler is None else handler(tick)
            if inspect.isawaitable(result):
                await result


def _frames(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)} ({count * FRAME_NS // 1000} µs)"


def _warn_about_jitter(engine: Engine) -> None:
    if not engine.device.info.detects_jitter:
        _say_once(_JITTER_WARNING)


def _note_odd_rate(ticks_per_second: Any, n: int) -> None:
    if n * exact("ticks_per_second", ticks_per_second) != FRAMES_PER_SECOND:
        _say_once(
            f"Note: ticks_per_second={ticks_per_second} does not divide {FRAMES_PER_SECOND}: the loop runs "
            f"at {FRAMES_PER_SECOND / n:.6g} ticks per second ({n} frames a tick)."
        )


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr)
