"""Programs made at random: whatever their consumers do, every run is the same, and none gets stuck."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from aio_tools import busy_keeper, check_at_rest, keys
from anyio import to_thread
from hypothesis import given, settings
from hypothesis import strategies as st

import cl
from cl.testing import Simulator

END = 2_500
PATIENCE = 60
BACKENDS: list[tuple[str, dict[str, Any]]] = [
    ("asyncio", {"use_uvloop": False}),
    ("asyncio", {"use_uvloop": True}),
    ("trio", {}),
]

ACTS = st.sampled_from(
    ["nothing", "stim", "sleep", "read", "child", "children", "thread", "burst", "nested loop", "cancelled"]
)
LOOP = st.tuples(st.just("loop"), st.sampled_from([5_000, 1_000, 400, 250, 101]), ACTS)
STREAM = st.tuples(st.sampled_from(["spikes", "stims", "events"]), st.integers(1, (1 << 64) - 1), ACTS)
FRAMES = st.tuples(st.just("frames"), st.sampled_from([25, 60, 999]), ACTS)
SLEEPER = st.tuples(st.just("sleeper"), st.sampled_from([0.001, 0.0033, 0.02]), ACTS)
READER = st.tuples(st.just("reader"), st.sampled_from([10, 333]), ACTS)
SPECIFICATION = st.lists(
    LOOP | STREAM | FRAMES | SLEEPER | READER, min_size=1, max_size=5, unique_by=lambda consumer: consumer[:2]
)
"""Consumers that are alike are served in the order in which they were started: there are none such."""


class Program:
    """A program made of consumers; `rng` is what the host does differently from run to run."""

    def __init__(self, neurons: cl.Neurons, rng: random.Random | None) -> None:
        self.neurons = neurons
        self.rng = rng
        self.log: list[tuple[Any, ...]] = []

    async def run(self, specification: list[tuple[str, Any, str]]) -> None:
        order = list(enumerate(specification))
        if self.rng is not None:
            self.rng.shuffle(order)
        async with anyio.create_task_group() as group:
            for number, (kind, parameter, act) in order:
                consumer: Callable[[int, Any, str], Awaitable[None]] = getattr(self, kind, self.stream)
                if consumer == self.stream:
                    parameter = (kind, parameter)
                group.start_soon(consumer, number, parameter, act)

    async def body(self, number: int, act: str, *what: Any) -> None:
        """Note what was seen, wait for real for a while, and act."""
        if self.rng is not None:
            for _ in range(self.rng.choice((0, 0, 1, 3))):
                await anyio.lowlevel.checkpoint()
        self.log.append((self.neurons.timestamp(), number, *what))
        if act != "nothing":
            await getattr(self, "_" + act.replace(" ", "_"))(number)
            self.log.append((self.neurons.timestamp(), number, act))

    # -- the consumers --------------------------------------------------------------------

    async def loop(self, number: int, rate: int, act: str) -> None:
        async for tick in self.neurons.aloop(rate, stop_after_seconds=END / 25_000, ignore_jitter=True):
            await self.body(
                number, act, tick.iteration, keys(tick.analysis.spikes), keys(tick.analysis.stims)
            )
            if self.neurons.timestamp() > END:
                return

    async def stream(self, number: int, what: tuple[str, int], act: str) -> None:
        kind, mask = what
        channels = [channel for channel in range(64) if mask >> channel & 1]
        async with getattr(self.neurons, kind)(channels) as stream, anyio.create_task_group() as group:
            group.start_soon(self._close_in_the_end, stream)
            async for event in stream:
                await self.body(number, act, repr(event))
                if self.neurons.timestamp() >= END:
                    break
            group.cancel_scope.cancel()

    async def _close_in_the_end(self, stream: Any) -> None:
        # When the last bodies are done: those of a stream that has been closed no longer hold time.
        await self.neurons.asleep_until(END + 2_000)
        stream.close()

    async def frames(self, number: int, count: int, act: str) -> None:
        async with self.neurons.frames(count) as stream:
            while stream.timestamp < END:
                await self.body(number, act, int((await anext(stream)).sum()))

    async def sleeper(self, number: int, seconds: float, act: str) -> None:
        if act == "nested loop":
            # At its end the task would have no participant left, and hold nothing.
            act = "sleep"
        while self.neurons.timestamp() < END:
            await self.neurons.asleep(seconds)
            await self.body(number, act)

    async def reader(self, number: int, count: int, act: str) -> None:
        if act == "nested loop":
            act = "sleep"
        while self.neurons.timestamp() < END:
            frames = await self.neurons.aread(count)
            await self.body(number, act, int(frames.sum()))

    # -- what bodies do -------------------------------------------------------------------

    async def _stim(self, number: int) -> None:
        self.neurons.stim(8 + number, 1.0)

    async def _burst(self, number: int) -> None:
        self.neurons.interrupt_then_stim(cl.ChannelSet(20, 21 + number), 1.0, cl.BurstDesign(3, 200))

    async def _sleep(self, number: int) -> None:
        await self.neurons.asleep(0.0007)

    async def _read(self, number: int) -> None:
        await self.neurons.aread(13)

    async def _child(self, number: int) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._sleep, number)

    async def _children(self, number: int) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self.neurons.asleep, 0.0002)
            group.start_soon(self.neurons.asleep, 0.0002)
            group.start_soon(self._child, number)

    async def _thread(self, number: int) -> None:
        await to_thread.run_sync(lambda: (self.neurons.read(5), self.neurons.read(5)))

    async def _nested_loop(self, number: int) -> None:
        async for _ in self.neurons.aloop(5_000, stop_after_ticks=3):
            pass

    async def _cancelled(self, number: int) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await self.neurons.aread(100)


def run(specification: list[tuple[str, Any, str]], chaos: int | None) -> list[tuple[Any, ...]]:
    async def main() -> list[tuple[Any, ...]]:
        async with Simulator(7) as neurons:
            program = Program(neurons, None if chaos is None else random.Random(chaos))
            with busy_keeper(neurons), anyio.fail_after(PATIENCE):
                await program.run(specification)
            check_at_rest(neurons)
            return program.log

    backend, options = BACKENDS[(chaos or 0) % 3]
    return anyio.run(main, backend=backend, backend_options=options)


@given(specification=SPECIFICATION, chaos=st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_every_run_of_a_program_is_the_same(specification: list[tuple[str, Any, str]], chaos: int) -> None:
    expected = run(specification, None)
    for seed in (chaos, chaos + 1, chaos + 2):
        assert run(specification, seed) == expected


@pytest.mark.parametrize("act", ["children", "thread", "nested loop", "cancelled"])
def test_a_crowd(act: str) -> None:
    everything = (1 << 64) - 1
    specification = [
        ("loop", 1_000, act), ("loop", 250, "stim"), ("spikes", everything, act),
        ("events", everything, "sleep"), ("frames", 60, "read"), ("sleeper", 0.0033, act),
        ("reader", 333, "burst"),
    ]  # fmt: skip
    expected = run(specification, None)
    assert {number for _, number, *_ in expected} == set(range(7))
    for seed in range(3):
        assert run(specification, seed) == expected
