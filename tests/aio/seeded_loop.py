"""An event loop whose scheduling is drawn from a seed: which task is next, when timers end, threads answer.

It runs no real time: its clock moves where nothing else is left to do. Threads that work for tasks run while
the loop waits for them, after a number of turns that is drawn; the thread that writes recordings is waited
for before each turn, and the one that looks after tasks which have ended does so at moments that are drawn.
So a seed gives the same run everywhere.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from operator import itemgetter
from queue import Empty
from random import Random
from typing import Any

import anyio._backends._asyncio as anyio_asyncio
import pytest

import cl._recording.capture as capture
import cl._recording.recorder as recorder
import cl._values.offload as offload
import cl._wait.housekeeper as housekeeper

_STUCK_S = 100.0
"""No thread takes so long to answer."""
_SILENCE_S = 30.0
"""Where nothing comes from other threads for so long the program stands still."""


class StuckError(Exception):
    """Nobody goes on, and nothing is waited for that could come."""


class _Ready(deque[Any]):
    """What is ready, of which the next task is drawn; none comes before a callback that was there before it.

    Others rely on that order: a cancellation is delivered by a callback.
    """

    random = Random(0)
    point: Callable[[], None]
    settle: Callable[[], None]

    def popleft(self) -> Any:
        self.settle()
        self.point()
        if _is_task(self[0]):
            chosen = self.random.randrange(sum(1 for _ in takewhile(_is_task, self)))
            handle = self[chosen]
            del self[chosen]
            return handle
        return super().popleft()


def _is_task(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


class _Task(asyncio.Task[Any]):
    """A task with a hash that is drawn: by it sets of tasks are ordered, and so who is cancelled first."""

    def __new__(cls, coroutine: Any, *, loop: SeededLoop, **rest: Any) -> _Task:
        task = super().__new__(cls)
        task._drawn = loop.random.getrandbits(32)  # It is in sets before it has been initialised.
        return task

    def __hash__(self) -> int:
        return self._drawn


class _Future(asyncio.Future[Any]):
    """A future that knows how many there were before it."""

    def __init__(self, number: int, loop: SeededLoop) -> None:
        super().__init__(loop=loop)
        self.number = number


class _Queue:
    """A queue that knows when what came out of it has been dealt with; `get` times out when it is told to."""

    def __init__(self, open_queues: list[_Queue]) -> None:
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._pending = 0
        self._in_hand = self._is_time_out = False
        self.owner: threading.Thread | None = None
        """Who takes things out of it."""
        open_queues.append(self)
        self.get_nowait = self._items.popleft

    def empty(self) -> bool:
        return not self._items

    def put(self, item: Any) -> None:
        with self._changed:
            self._pending += 1
            self._items.append(item)
            self._changed.notify_all()

    def time_out(self) -> None:
        """Have the one who waits for something look whether there is anything to be done without it."""
        with self._changed:
            if not self._is_time_out and (self.owner is None or self.owner.is_alive()):
                self._pending += 1
                self._is_time_out = True
                self._changed.notify_all()

    def get(self, timeout: float) -> Any:
        self.owner = threading.current_thread()
        with self._changed:
            self._pending -= self._in_hand
            self._in_hand = False
            self._changed.notify_all()
            while not (self._items or self._is_time_out):
                self._changed.wait(_STUCK_S)
            self._in_hand = True
            if self._items:
                return self._items.popleft()
            self._is_time_out = False
            raise Empty

    def settle(self) -> bool:
        """Wait until all that was put has been dealt with, or nobody is left to do it; return if it was."""
        waited = False
        with self._changed:
            while self._pending and (self.owner is None or self.owner.is_alive()):
                waited = True
                self._changed.wait(0.001)
        return waited


class SeededLoop(asyncio.SelectorEventLoop):
    """See above. Made by `seeded`, which stands in for threads and clocks of the package."""

    def __init__(self, random: Random, queues: list[_Queue], point: Callable[[], None]) -> None:
        super().__init__()
        self.random = random
        self._point = point
        self._queues = queues
        self._now = 0.0
        self.turns = 0
        self._answering: list[tuple[int, threading.Thread]] = []
        self.looks: list[Callable[[], None]] = []
        self._ready: Any = _Ready()
        self._ready.random, self._ready.point, self._ready.settle = random, point, self._settle
        self._futures = 0
        self._from_threads: list[tuple[int, Any]] = []
        self.set_task_factory(lambda loop, coroutine, **rest: _Task(coroutine, loop=loop, **rest))

    def time(self) -> float:
        return self._now

    def create_future(self) -> Any:
        self._futures += 1
        return _Future(self._futures, self)

    def call_soon_threadsafe(self, callback: Any, *arguments: Any, context: Any = None) -> Any:
        if threading.get_ident() == self._thread_id:  # type: ignore[attr-defined]
            return super().call_soon_threadsafe(callback, *arguments, context=context)
        # Who is woken comes in the order in which they parked, and not as the host lets threads run.
        parked = getattr(getattr(callback, "__self__", None), "_future", None)
        place = parked.number if isinstance(parked, _Future) else -1
        handle = asyncio.Handle(callback, arguments, self, context)
        self._from_threads.append((place, handle))
        return handle

    def _settle(self) -> None:
        """Wait until no thread is at work, and let what they have asked for be ready."""
        while any(queue.settle() for queue in self._queues):
            pass  # What one has done may be something to do for another.
        while self._from_threads:
            asked, self._from_threads = self._from_threads, []
            self._ready.extend(handle for _, handle in sorted(asked, key=itemgetter(0)))

    def answer_later(self, thread: threading.Thread) -> None:
        """Have a thread do its work some turns later, and wait for that."""
        self._answering.append((self.turns + self.random.randrange(4), thread))

    def _run_once(self) -> None:
        self.turns += 1
        self._point()
        self._run_threads()
        self._settle()
        for look in (*self.looks,) if self.random.random() < 0.05 or not self._ready else ():
            look()
        if not self._ready:
            for queue in self._queues:
                queue.time_out()
            self._settle()
        if not self._ready:
            self._pass_time()
        super()._run_once()  # type: ignore[misc]

    def _run_threads(self) -> None:
        due = [thread for turn, thread in self._answering if turn <= self.turns or not self._ready]
        self._answering = [(turn, thread) for turn, thread in self._answering if thread not in due]
        for thread in due:
            thread.start()
            thread.join(_STUCK_S)
            if thread.is_alive():
                raise StuckError(f"{thread} does not answer")

    def _pass_time(self) -> None:
        if not self._scheduled:  # type: ignore[attr-defined]
            # What comes from other threads is on its way by now, or never comes.
            end = time.monotonic() + _SILENCE_S
            while not (self._answering or self._ready or self._selector.select(0.001)):  # type: ignore[attr-defined]
                if time.monotonic() > end:
                    raise StuckError("no task is ready, and nothing is waited for")
                self._settle()
            return
        self._now = max(self._now, min(h.when() for h in self._scheduled))  # type: ignore[attr-defined]


class _Clock:
    """A host's clock by which anything may take any time."""

    def __init__(self, random: Random, point: Callable[[], None]) -> None:
        self._random = random
        self._point = point
        self._ns = 0

    def __call__(self) -> int:
        self._point()
        self._ns += self._random.choice((1_000, 1_000, 20_000, 300_000, 2_000_000))
        return self._ns


@contextmanager
def seeded(seed: int, point: Callable[[], None] = lambda: None) -> Iterator[Callable[[], SeededLoop]]:
    """Give what makes a loop whose scheduling is drawn from the seed.

    `point` is called where a signal may come: at each turn, before each callback or task, and at looks at the
    clock, which are amidst the package's code.
    """
    random = Random(seed)
    queues: list[_Queue] = []
    loops: list[SeededLoop] = []

    def make() -> SeededLoop:
        loops.append(SeededLoop(random, queues, point))
        return loops[-1]

    def look_after(keeper: Any) -> None:
        # In place of its thread, which does the same whenever the host lets it.
        chores = keeper._chores
        stop = threading.Event()

        def look() -> None:
            if keeper._engine.is_open():
                chores.do(stop)

        loops[-1].looks.append(look)
        keeper._engine.on_park = lambda: None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "SimpleQueue", lambda: _Queue(queues))
        patch.setattr(offload, "start_thread", lambda thread: loops[-1].answer_later(thread))
        patch.setattr(housekeeper.Housekeeper, "start", look_after)
        patch.setattr(
            capture, "wait_for_tick_gap", lambda engine: None
        )  # It keeps out of the way in real time.
        # Of a set of scopes, too, the order is drawn: each goes by its task. That of all tasks would also
        # go by how many there have been before.
        all_tasks = asyncio.all_tasks
        patch.setattr(asyncio.tasks, "all_tasks", lambda loop=None: sorted(all_tasks(loop), key=hash))
        patch.setattr(anyio_asyncio.CancelScope, "__hash__", lambda scope: hash(scope._host_task))
        clock = _Clock(random, point)
        for name in (
            "cl._wait.tasks",
            "cl._core.work_budget",
            "cl.loop",
            "cl._core.engine",
            "cl._core.virtual_time",
        ):
            patch.setattr(sys.modules[name], "host_ns", clock)
        yield make
