"""Wall-clock time, with bounds that hold on a loaded machine with two cores."""

from __future__ import annotations

import contextvars
import itertools
import threading
import time
from typing import Any

import anyio
import pytest
from source_tools import Source

import cl

SECOND = 25_000


def test_frames_come_with_the_wall_clock() -> None:
    with cl.open() as neurons:
        t0, n0 = time.perf_counter(), neurons.timestamp()
        frames = neurons.read(5000)
        elapsed = time.perf_counter() - t0
        assert frames.shape == (5000, 64)
        assert elapsed >= 0.199
        assert neurons.timestamp() - n0 >= 5000
        assert neurons.timestamp() - n0 <= (time.perf_counter() - t0) * SECOND + 2


def test_the_past_can_be_read_after_time_spent_elsewhere() -> None:
    with cl.open() as neurons:
        time.sleep(0.5)  # the user's own code, not a way of waiting for the device
        now = neurons.timestamp()
        assert now >= 0.5 * SECOND
        assert neurons.read(10_000, now - 10_000).shape == (10_000, 64)
        assert neurons.read(10_000, now - 10_000, analysis=True).stop_timestamp == now


def test_a_loop_keeps_its_due_times() -> None:
    with cl.open() as neurons:
        loop = neurons.loop(500, stop_after_seconds=0.5)
        t0 = time.perf_counter()
        for tick in loop:
            assert neurons.timestamp() >= tick.iteration_timestamp
        elapsed = time.perf_counter() - t0
        assert tick.iteration == 250
        assert 0.499 <= elapsed < 5
        assert loop.statistics().count == 250


def test_a_late_body_is_caught_up_with_and_loses_nothing() -> None:
    with cl.open() as neurons:
        loop = neurons.loop(1000, stop_after_ticks=200)
        windows, stamps = [], []
        for tick in loop:
            windows.append((tick.analysis.start_timestamp, tick.analysis.stop_timestamp))
            stamps.append(neurons.timestamp())
            if tick.iteration == 20:
                time.sleep(0.05)  # a slow body is what is tested
        start = loop.start_timestamp
        assert windows == [(start + i * 25, start + (i + 1) * 25) for i in range(200)]
        assert all(a < b for a, b in itertools.pairwise(stamps))


def test_a_stim_counts_from_its_tick_however_long_the_body_took() -> None:
    asked, delivered = set(), set()
    with cl.open() as neurons:
        for tick in neurons.loop(100, stop_after_ticks=3000):
            delivered.update(stim.timestamp for stim in tick.analysis.stims)
            # A host that is held up for longer than the device waits for it gives some of them later.
            if len(asked & delivered) >= 3:
                break
            while neurons.timestamp() < tick.iteration_timestamp + 125:
                pass  # 5 ms of computing
            neurons.stim(8, 1.0)
            asked.add(tick.iteration_timestamp + 2)
    assert asked & delivered


def test_outside_of_bodies_a_stim_counts_from_now_wherever_its_context_is_from() -> None:
    """Tasks and threads that a body has started live in copies of its context, and may outlive the loop."""
    with cl.open() as neurons:
        for _ in neurons.loop(100, stop_after_ticks=1):
            context = contextvars.copy_context()
        while (now := neurons.timestamp()) < neurons._engine.position + 250:
            pass
        context.run(neurons.stim, 8, 1.0)
        (stim,) = neurons.read(neurons.timestamp() + 10 - now, now, analysis=True).stims
        assert stim.timestamp >= now + 2


def test_time_begins_when_the_source_is_ready() -> None:
    class Slow(Source):
        def open(self) -> None:
            time.sleep(0.1)  # a source that takes its time is what is tested
            self.ready = time.perf_counter()

    source = Slow()
    cl.sim.set_simulator_data_source(lambda: source)
    try:
        with cl.open() as neurons:
            assert neurons.timestamp() <= (time.perf_counter() - source.ready) * SECOND + 1
    finally:
        cl.sim.clear_simulator_data_source()


def test_a_loop_at_25_khz_ends_when_its_time_is_over() -> None:
    with cl.open() as neurons:
        t0 = time.process_time()  # a busy machine takes longer, and lets it compute no more
        count = sum(1 for _ in neurons.loop(25_000, stop_after_seconds=1))
        assert count == 25_000
        assert time.process_time() - t0 < 10


def test_jitter_is_detected_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_JITTER_DETECTION", "1")
    with (
        cl.open() as neurons,
        pytest.raises(TimeoutError, match="fell behind by .* jitter_tolerance_frames="),
    ):
        for _ in neurons.loop(100, stop_after_ticks=50):
            time.sleep(0.035)  # the body that the issue names


def test_the_seeds_recovery_runs_in_real_time() -> None:
    normal: list[int] = []
    recovered: list[int] = []
    with cl.open() as neurons:
        for tick in neurons.loop(20, stop_after_ticks=10):
            normal.append(tick.iteration)
            if tick.iteration == 1:
                time.sleep(0.225)
                tick.loop.recover_from_jitter(lambda t: recovered.append(t.iteration))
    assert recovered[:4] == [2, 3, 4, 5]
    assert sorted(normal + recovered) == list(range(10))


class LateOnce:
    """A clock by which the next loop is so many frames late when it asks for a tick, once."""

    def __init__(self, clock: Any, frames: int) -> None:
        self._clock = clock
        self._frames = frames

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def behind(self, due: int) -> int:
        frames, self._frames = self._frames, 0
        return frames or self._clock.behind(due)


def test_a_recovery_ends_with_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_JITTER_DETECTION", "1")
    with cl.open() as neurons:
        loop = neurons.loop(1000, stop_after_ticks=1, jitter_tolerance_frames=100_000)
        for _ in loop:
            loop.recover_from_jitter()
        neurons._engine.time.clock = LateOnce(neurons._engine.time.clock, 100_001)  # type: ignore[assignment]
        with pytest.raises(TimeoutError, match="by 100001 frames .* 1st iteration"):
            next(iter(loop))


def test_samples_of_a_fresh_spike_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99.9")
    with cl.open() as neurons:
        for tick in neurons.loop(25_000, stop_after_seconds=5):
            if tick.analysis.spikes:
                spike = tick.analysis.spikes[-1]
                assert spike.samples.shape == (75,)
                assert neurons.timestamp() >= spike.timestamp + 50
                break
        else:
            raise AssertionError("no spike in five seconds at 1500 a second")


def test_the_device_moves_on_while_nobody_asks() -> None:
    with cl.open() as neurons:
        engine = neurons._engine
        arrived = threading.Event()
        with engine.lock:
            engine.on_arrival(1, arrived.set)
        deadline = time.monotonic() + 20
        while engine.position == 0 and time.monotonic() < deadline:
            arrived.wait(0.01)
        assert engine.position > 0


@pytest.mark.anyio
async def test_async_loops_and_sleeps_keep_time_beside_each_other() -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            await anyio.sleep(0.005)
            beats += 1

    async with cl.aopen() as neurons, anyio.create_task_group() as group:
        group.start_soon(heart)
        t0 = time.perf_counter()
        async for tick in neurons.aloop(1000, stop_after_ticks=10_000):
            assert neurons.timestamp() >= tick.iteration_timestamp
            if tick.iteration >= 299 and beats >= 20:
                break
        assert beats >= 20, "the loop has let others run"
        await neurons.asleep(0.1)
        assert time.perf_counter() - t0 >= 0.399
        frames = await neurons.aread(SECOND // 10)
        assert frames.shape == (SECOND // 10, 64)
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_closing_wakes_those_who_sleep() -> None:
    async with cl.aopen() as neurons, anyio.create_task_group() as group:

        async def sleeper() -> None:
            with pytest.raises(cl.DeviceDisconnectedError):
                await neurons.asleep(60)

        group.start_soon(sleeper)
        await anyio.wait_all_tasks_blocked()
        neurons.close()
