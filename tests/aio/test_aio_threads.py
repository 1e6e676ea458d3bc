"""Several threads on one device in accelerated time: synchronous ones, and event loops of their own."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from aio_tools import check_at_rest, keys

import cl
from cl._loop.run import Run
from cl._recording import files as _recording_file
from cl._values.constants import HISTORY_FRAMES

pytestmark = pytest.mark.usefixtures("accelerated")
PATIENCE = 60

Entry = tuple[int, str, Any]


def together(neurons: cl.Neurons, *jobs: Callable[[], None]) -> None:
    """Run each job in a thread; all of them take part from the same moment."""
    errors: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    with neurons.hold("start"):
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE
        while len(neurons._engine.time.scheduler.waiting()) < len(jobs):
            assert time.monotonic() < deadline
            time.sleep(0.001)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert errors == []


def sync_loop(neurons: cl.Neurons, log: list[Entry], rate: int) -> Callable[[], None]:
    def run() -> None:
        for tick in neurons.loop(rate, stop_after_seconds=0.2):
            log.append((neurons.timestamp(), f"loop {rate}", keys(tick.analysis.spikes)))
            neurons.stim(rate % 50 + 8, 1.0)

    return run


def async_loop(neurons: cl.Neurons, log: list[Entry], rate: int, backend: str) -> Callable[[], None]:
    async def run() -> None:
        async for tick in neurons.aloop(rate, stop_after_seconds=0.2):
            log.append((neurons.timestamp(), f"loop {rate}", keys(tick.analysis.spikes)))
            neurons.stim(rate % 50 + 8, 1.0)
            await anyio.sleep(0)  # noqa: ASYNC115

    return lambda: anyio.run(run, backend=backend)


def sync_reads(neurons: cl.Neurons, log: list[Entry]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(20):
            result = neurons.read(250, analysis=True)
            log.append((neurons.timestamp(), "read", keys(result.stims)))

    return run


def async_stream(neurons: cl.Neurons, log: list[Entry], backend: str) -> Callable[[], None]:
    async def run() -> None:
        async with neurons.events() as stream:
            async for event in stream:
                if event.timestamp >= 5_000:
                    return
                log.append((neurons.timestamp(), "stream", repr(event)))

    return lambda: anyio.run(run, backend=backend)


def experiment(order: int, in_tasks: bool) -> list[Entry]:
    log: list[Entry] = []
    with cl.open() as neurons:
        loops = [
            async_loop(neurons, log, rate, backend) if in_tasks else sync_loop(neurons, log, rate)
            for rate, backend in ((1_000, "asyncio"), (200, "trio"))
        ]
        jobs = [*loops, sync_reads(neurons, log), async_stream(neurons, log, "trio" if order else "asyncio")]
        together(neurons, *jobs[order:], *jobs[:order])
        check_at_rest(neurons)
        assert neurons.timestamp() >= 5_000
    return log


def test_threads_and_event_loops_are_served_in_one_order() -> None:
    """It does not matter in which thread or event loop a consumer runs, nor whether it is a task."""
    logs = [experiment(order, in_tasks) for order in (0, 1, 3) for in_tasks in (False, True)]
    assert all(log == logs[0] for log in logs)
    assert {who for _, who, _ in logs[0]} == {"loop 1000", "loop 200", "read", "stream"}
    times = [at for at, _, _ in logs[0]]
    assert times == sorted(times)


def test_a_body_may_wait_for_a_thread_that_runs_in_its_context() -> None:
    with cl.open() as neurons:
        for tick in neurons.loop(100, stop_after_ticks=3):
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(neurons.read, 100))
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()
            assert neurons.timestamp() == tick.iteration_timestamp + 100
        check_at_rest(neurons)


def test_a_thread_that_ends_in_the_middle_of_a_loop_holds_nobody() -> None:
    with cl.open() as neurons:

        def leave() -> None:
            ticks.append(iter(neurons.loop(1_000)))
            next(ticks[0])

        ticks: list[Any] = []
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join(PATIENCE)
        at = neurons.timestamp()
        together(neurons, lambda: sum(1 for _ in neurons.loop(100, stop_after_ticks=5)))
        assert neurons.timestamp() == at + 1_250


@pytest.mark.parametrize("company", [False, True], ids=["alone", "in company"])
def test_an_iterator_may_be_driven_from_anywhere(company: bool) -> None:
    with cl.open() as neurons:
        others = neurons.loop(40)
        begun = threading.Event()
        company_thread = threading.Thread(target=lambda: [begun.set() for _ in others])
        if company:
            company_thread.start()
            assert begun.wait(PATIENCE)
        ticks = iter(neurons.loop(100, stop_after_ticks=6))
        seen = [next(ticks).iteration]

        def go_on() -> None:
            seen.append(next(ticks).iteration)

        async def go_on_in_a_task() -> None:
            go_on()

        for _ in range(2):
            thread = threading.Thread(target=go_on)
            thread.start()
            thread.join(PATIENCE)
            if company:
                # A task would be refused: it cannot know that those who come first run elsewhere.
                go_on()
            else:
                anyio.run(go_on_in_a_task)
        assert [*seen, next(ticks).iteration] == list(range(6))
        assert next(ticks, None) is None
        if company:
            others.stop()
            company_thread.join(PATIENCE)
            assert not company_thread.is_alive()
        check_at_rest(neurons)


def test_time_does_not_pass_a_loop_by_that_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread may not get its turn before it waits for its first tick; others do meanwhile."""
    with cl.open() as neurons:
        engine = neurons._engine
        other = threading.Thread(target=lambda: next(iter(neurons.loop(0.1))))

        begin = Run.begin

        def late(run: Run) -> None:
            begin(run)
            if not other.ident:
                other.start()
                while not engine.time.scheduler.waiting() and other.is_alive():
                    time.sleep(0.001)
                with engine.lock:
                    while not engine.time.scheduler.dispatch(engine.budget):
                        pass

        monkeypatch.setattr(Run, "begin", late)
        assert [neurons.timestamp() for _ in neurons.loop(100, stop_after_ticks=3)] == [250, 500, 750]
        other.join(PATIENCE)
        assert not other.is_alive()
        check_at_rest(neurons)


def test_time_does_not_pass_a_recording_by_that_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While its file is made, others do what they can."""
    with cl.open() as neurons:
        expected = keys(neurons.read(25_000, analysis=True).spikes)
    with cl.open() as neurons:
        engine, create = neurons._engine, _recording_file.create
        other = threading.Thread(target=neurons.read, args=(1, 2 * HISTORY_FRAMES))

        def late(*arguments: Any, **options: Any) -> Any:
            other.start()
            while not engine.time.scheduler.waiting() and other.is_alive():
                time.sleep(0.001)
            with engine.lock:
                while not engine.time.scheduler.dispatch(engine.budget):
                    pass
            return create(*arguments, **options)

        monkeypatch.setattr(_recording_file, "create", late)
        recording = neurons.record(file_location=tmp_path, stop_after_seconds=1)
        recording.wait_until_stopped()
        neurons.read(2, 2 * HISTORY_FRAMES)
        other.join(PATIENCE)
        assert not other.is_alive()
        check_at_rest(neurons)
    with recording.open() as view:
        assert view.spikes is not None
        assert [(row["timestamp"], row["channel"]) for row in view.spikes] == expected


@pytest.mark.parametrize("analysis", [False, True])
def test_time_does_not_pass_a_read_by_that_is_under_way(analysis: bool) -> None:
    """A thread that reads may not get its turn for long; meanwhile others move time by all they can."""
    with cl.open() as neurons:
        expected = neurons.read(100, analysis=True) if analysis else neurons.read(100)
    with cl.open() as neurons:
        engine, take = neurons._engine, neurons._part
        far = engine.position + HISTORY_FRAMES
        others = threading.Thread(
            target=lambda: neurons.loop(10, stop_after_seconds=8).run(lambda tick: None)
        )

        def late(start: int, stop: int, wanted: bool) -> Any:
            others.start()
            deadline = time.monotonic() + PATIENCE
            while engine.position < far:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            return take(start, stop, wanted)

        neurons._part = late  # type: ignore[method-assign]
        found = neurons.read(100, analysis=True) if analysis else neurons.read(100)
        neurons._part = take  # type: ignore[method-assign]
        assert np.array_equal(found, expected) if not analysis else found == expected
        others.join(PATIENCE)
        assert not others.is_alive()
        check_at_rest(neurons)
