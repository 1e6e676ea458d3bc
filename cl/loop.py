"""The closed loops: a tick at a time, in a thread or in a task, over one set of decisions."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ._core import steps
from ._core.host_clock import host_ns
from ._core.steps import Step
from ._core.work_budget import PORTION_NS, PORTION_WAITS
from ._loop.run import LoopBase, Run
from ._loop.tick import LoopTick
from ._values.twins import is_asynchronous, is_synchronous
from ._wait import threads
from ._wait.body import current_body
from ._wait.owner import serve_with

if TYPE_CHECKING:
    from ._core.timebase import PassesOn
    from ._wait.tasks import Waiter

__all__ = ["AsyncLoop", "Loop", "LoopTick"]


class Loop(LoopBase):
    """A closed loop in a thread: iterate over it, or `run` a callback.

    Made by `Neurons.loop`. Each iteration covers `frames_per_tick` frames.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[LoopTick]:
        run = Run(self)
        try:
            try:
                run.begin()
                passes = run.engine.time.lone_pass(run.participant, lends=True)
                total, n, tick, lateness, body = run.total, run.n, run.tick, self._lateness, current_body.get
                index, due = run.index, run.due
                while not self._stopping and index != total:
                    # Alone, with nothing to happen until then, virtual time just moves: the common case.
                    if passes is not None and passes(due):
                        lateness.punctual += 1
                        if self._recovery is not None:
                            self._recovery = None
                    else:
                        run.index, run.due = index, due
                        if not self._wait(run):
                            index, due = run.index, run.due
                            continue
                    # What `Run.enter` does, without the call: this is done 25 000 times a second.
                    if body() is not run or run.given >= 0:
                        run.enter_body()
                    tick.iteration = index
                    tick.iteration_timestamp = due
                    tick._analysis = tick._frames = None
                    yield tick
                    index += 1
                    due += n
                run.index, run.due = index, due
                run.finish()
            finally:
                run.close()
        except BaseException:
            run.close()  # An interruption may have come just before it was closed.
            raise

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __aiter__(self) -> NoReturn:
            is_synchronous("loop()", "async for tick in neurons.aloop(...)")

    def _wait(self, run: Run) -> bool:
        """Wait for the next tick; return whether there is one to run, after recovery from jitter perhaps."""
        engine, due = run.engine, run.due
        behind = engine.time.lateness(due)
        run.check_losses()
        if behind > 0 and run.late(due + behind):
            self._recover(run)
            return False
        self._recovery = None
        threads.wait(engine, run.participant, due)
        run.check_losses()
        run.count(due)
        return True

    def run(self, loop_body_callback: Callable[[LoopTick], Any]) -> None:
        """Call `loop_body_callback(tick)` for every tick."""
        for tick in self:
            loop_body_callback(tick)

    def _recover(self, run: Run) -> None:
        for tick, handler in run.recovery():
            threads.wait(self._engine, run.participant, run.due)
            if handler is not None:
                handler(tick)


class AsyncLoop(LoopBase):
    """A closed loop in a task: `async for tick in loop`, or `await loop.run(callback)`.

    Made by `Neurons.aloop`. Runs under asyncio (with or without uvloop) and trio.
    """

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[LoopTick]:
        return AsyncTicks(self)

    if not TYPE_CHECKING:  # type checkers say it themselves

        def __iter__(self) -> NoReturn:
            is_asynchronous(
                "aloop()", "async for tick in neurons.aloop(...)', or 'for tick in neurons.loop(...)"
            )

    async def run(self, loop_body_callback: Callable[[LoopTick], Any | Awaitable[Any]]) -> None:
        """Call `loop_body_callback(tick)` for every tick, and await its result if that can be awaited."""
        async for tick in self:
            result = loop_body_callback(tick)
            if inspect.isawaitable(result):
                await result


class AsyncTicks:
    """The iterator of an `AsyncLoop`; closed at its end, by `aclose`, or when it is dropped."""

    __slots__ = (
        "__weakref__", "_among_others", "_engine", "_in_body", "_lone", "_loop", "_over", "_passes_on",
        "_run", "_waiter", "_waiting",
    )  # fmt: skip

    def __init__(self, loop: AsyncLoop) -> None:
        self._loop = loop
        self._engine = loop._engine
        self._run: Run | None = None
        self._waiter: Waiter | None = None
        self._lone: Callable[[int], bool] | None = None
        self._passes_on: PassesOn | None = None
        self._in_body = False
        self._among_others = False
        """Whether the last tick had to wait for others, as the next one will."""
        self._waiting = False
        self._over = False

    def __aiter__(self) -> AsyncTicks:
        return self

    async def __anext__(self) -> LoopTick:
        run = self._run
        if self._in_body and run is not None:
            run.index += 1
            run.due = due = run.due + run.n
            loop = self._loop
            # Alone, with not much to happen until then, virtual time just moves. What `Portion.may_go_on`
            # does is done without the call.
            if (
                not self._among_others
                and (lone := self._lone) is not None
                and not (loop._stopping or run.index == run.total)
                and (waiter := self._waiter) is not None
                and (portion := waiter.portion).in_a_row < PORTION_WAITS - 1
                and host_ns() - portion.since_ns < PORTION_NS
                and lone(due)
            ):
                portion.in_a_row += 1
                loop._recovery = None
                loop._lateness.punctual += 1
                return run.enter(due)
        elif self._over:
            raise StopAsyncIteration
        elif run is None:
            run = self._begin()
        if self._waiting:
            self._require_rest()
        self._in_body = False
        self._waiting = True
        try:
            waiter, engine, loop = self._waiter, self._engine, self._loop
            losses = engine.losses
            assert waiter is not None
            participant = run.participant
            passes_on = self._passes_on
            while not (loop._stopping or run.index == run.total):
                due = run.due
                step: Step | None = None
                if passes_on is not None and losses.total == run.known_losses:
                    task = waiter.backend.task  # First: in Python 3.11 a call of a slot's value is slow.
                    step = passes_on(participant, due, task())
                if step is not None:
                    loop._recovery = None
                    self._among_others = step is not steps.DONE
                    if step is steps.TURN or (step is steps.DONE and not waiter.portion.may_go_on()):
                        before_ns = waiter.portion.since_ns
                        await waiter.backend.checkpoint()
                        step = waiter.turned(before_ns)
                    elif step is steps.AGAIN:
                        step = None  # Time is not known to be held: the next step is to be asked for.
                elif self._is_late(run, due):
                    await self._recover(run)
                    continue
                else:
                    # What `Waiter.wait` does, without a coroutine of it where the task just parks.
                    step = waiter.begin(due, engine.time.poll)
                if step is not steps.DONE:
                    place = waiter.place(step)
                    if place is not None:
                        await place
                        step = waiter.woken()
                    if step is not steps.DONE:
                        await waiter.follow(step, due, engine.time.poll)
                if participant.hold is not None:
                    serve_with(participant.hold)
                if losses.total != run.known_losses:
                    run.check_losses()
                if passes_on is not None and engine.position == due:  # In virtual time that is in time.
                    run._lateness.punctual += 1
                else:
                    run.count(due)
                self._in_body = True
                return run.enter(due)
            run.finish()
        except BaseException:
            try:
                if self._waiter is not None:
                    self._waiter.give_up()
            finally:
                self._end()
            raise
        finally:
            self._waiting = False
        self._end()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration: the loop no longer takes part."""
        self.close()

    def close(self) -> None:
        """End the iteration, at once; `RuntimeError` while a task waits for the next tick."""
        self._require_rest()
        self._end()

    def _require_rest(self) -> None:
        """Raise while a task waits for the next tick, as an async generator would."""
        if self._waiting:
            raise RuntimeError(
                "another task waits for this loop's next tick: give each task its own loop, and end one that "
                "another task iterates over by its stop()"
            )

    def _end(self) -> None:
        if not self._over:
            self._in_body = False
            if self._run is not None:
                self._run.close()
            if self._waiter is not None:
                self._waiter.close()
            # Last: what is interrupted is done again when it is dropped.
            self._over = True

    def __del__(self) -> None:
        if self._run is not None:
            self._end()

    def _begin(self) -> Run:
        from ._wait.tasks import Waiter

        run = self._run = Run(self._loop)
        run.begin()
        self._waiter = Waiter(self._engine, run.participant)
        self._passes_on = self._waiter.passing_on()
        self._lone = self._engine.time.lone_pass(run.participant, lends=False)
        return run

    def _is_late(self, run: Run, due: int) -> bool:
        """Return whether the loop is in recovery from jitter, so that ticks are to be skipped."""
        engine = self._engine
        behind = engine.time.lateness(due)
        if engine.losses.total != run.known_losses:
            run.check_losses()
        if behind > 0 and run.late(due + behind):
            return True
        self._loop._recovery = None
        return False

    async def _recover(self, run: Run) -> None:
        assert self._waiter is not None
        for tick, handler in run.recovery():
            await self._waiter.wait(run.due)
            result = None if handler is None else handler(tick)
            if inspect.isawaitable(result):
                await result
