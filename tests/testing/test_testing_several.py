"""Several tests' simulators at once: each is its own, and plain opens join that of their test."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio
import anyio.to_thread
import pytest

import cl
from cl.sim.user.registry import registry
from cl.testing import Simulator


def spikes_of(neurons: cl.Neurons) -> list[cl.Spike]:
    return neurons.read(5_000, 0, analysis=True).spikes


def alone(seed: int) -> list[cl.Spike]:
    with Simulator(seed) as neurons:
        return spikes_of(neurons)


def program() -> list[cl.Spike]:
    """A program under test, which knows of no simulator."""
    with cl.open() as neurons:
        return spikes_of(neurons)


def run(meeting: Callable[[], object], seed: int) -> list[cl.Spike]:
    with Simulator(seed) as neurons:
        meeting()
        found = program()
        assert found == spikes_of(neurons)
        meeting()
    return found


def test_three_threads_have_three_devices() -> None:
    before = dict(os.environ), registry.current
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(partial(run, partial(threading.Barrier(3).wait, 60)), (1, 2, 3)))
    assert results == [alone(seed) for seed in (1, 2, 3)]
    assert results[0] != results[1] != results[2] != results[0]
    assert (dict(os.environ), registry.current) == before


@pytest.mark.anyio
async def test_three_tasks_have_three_devices() -> None:
    results: dict[int, list[cl.Spike]] = {}
    barrier = threading.Barrier(3)

    async def arun(seed: int) -> None:
        async with Simulator(seed) as neurons:
            await anyio.to_thread.run_sync(barrier.wait, 60)
            async with cl.aopen() as joined:
                assert joined is neurons
            results[seed] = await anyio.to_thread.run_sync(program)
            await anyio.to_thread.run_sync(barrier.wait, 60)

    async with anyio.create_task_group() as group:
        for seed in (1, 2, 3):
            group.start_soon(arun, seed)
    assert results == {seed: alone(seed) for seed in (1, 2, 3)}


def in_a_bare_thread(context: contextvars.Context | None = None) -> list[cl.Spike] | Exception:
    found: list[list[cl.Spike] | Exception] = []

    def target() -> None:
        try:
            found.append(program())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=target if context is None else partial(context.run, target))
    thread.start()
    thread.join()
    return found[0]


def test_a_bare_thread_joins_the_only_one_and_does_not_guess_among_several() -> None:
    second_is_open, done = threading.Event(), threading.Event()

    def other_test() -> None:
        with Simulator(2):
            second_is_open.set()
            done.wait(60)

    with Simulator(1) as neurons:
        assert in_a_bare_thread() == spikes_of(neurons)
        thread = threading.Thread(target=other_test)
        thread.start()
        try:
            assert second_is_open.wait(60)
            error = in_a_bare_thread()
            assert isinstance(error, RuntimeError)
            assert "2 test simulators are open, and this thread belongs to none" in str(error)
            assert in_a_bare_thread(contextvars.copy_context()) == spikes_of(neurons)
        finally:
            done.set()
            thread.join()
        assert in_a_bare_thread() == spikes_of(neurons)


def test_what_the_environment_has_open_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with cl.open(), pytest.raises(RuntimeError, match="a device is open already"):
        Simulator(1).__enter__()
    with cl.open(device=cl.sim.Simulator(seed=1)) as value, Simulator(1) as neurons, cl.open() as joined:
        assert joined is neurons is not value


def test_a_program_that_closes_and_opens_again_stays_with_its_test() -> None:
    with Simulator(3) as neurons:
        neurons.close()
        assert program() == alone_of(3)


def alone_of(seed: int) -> list[cl.Spike]:
    with cl.open(device=cl.sim.Simulator(seed=seed, accelerated=True)) as neurons:
        return spikes_of(neurons)
