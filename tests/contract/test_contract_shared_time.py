"""Several simulators on one virtual time (contract, section 11; docs/virtual-time.md)."""

from __future__ import annotations

import dataclasses
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from source_tools import Answering, Faulty, Source, numbered
from test_contract_devices import FIVE, awork, work

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import DataSourceBatch, LiveSimulatorDataSource, Simulator

RUNS = int(os.environ.get("CL_SHARED_TIME_RUNS", "7"))
"""Runs of each program that is made again and again, on each event loop."""
PATIENCE = 60
Log = list[tuple[Any, ...]]


def shared(count: int = 2, time: cl.VirtualTime | None = None, **arguments: Any) -> list[Simulator]:
    """Return simulators of one time, in the order of their construction."""
    time = cl.VirtualTime() if time is None else time
    return [Simulator(**{"seed": number, "time": time, **arguments}) for number in range(count)]


@contextmanager
def all_open(*devices: Simulator) -> Iterator[list[cl.Neurons]]:
    with ExitStack() as stack:
        yield [stack.enter_context(cl.open(device=device)) for device in devices]


class Worker(threading.Thread):
    """A thread that hands on what it ended by."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.error = error

    def end(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


def ticks(neurons: cl.Neurons, rate: float, count: int, log: Log, name: str) -> None:
    for tick in neurons.loop(rate, stop_after_ticks=count):
        log.append((name, tick.iteration_timestamp))


async def aticks(neurons: cl.Neurons, rate: float, count: int, log: Log, name: str) -> None:
    async for tick in neurons.aloop(rate, stop_after_ticks=count):
        log.append((name, tick.iteration_timestamp))


async def until_waiting(neurons: cl.Neurons, count: int) -> None:
    """Let the tasks that were started come to their first waits."""
    while len(neurons._engine.time.waiting()) < count:
        await anyio.lowlevel.checkpoint()


def block_until_waiting(neurons: cl.Neurons, count: int) -> None:
    deadline = threading.Event()
    while len(neurons._engine.time.waiting()) < count:
        deadline.wait(0.001)


# -- one clock --------------------------------------------------------------------------------


def test_one_clock_moves_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    with all_open(*shared(3)) as devices:
        devices[1].read(250)
        assert [neurons.timestamp() for neurons in devices] == [250] * 3
        assert sum(1 for _ in devices[0].loop(100, stop_after_ticks=3)) == 3
        assert [neurons.timestamp() for neurons in devices] == [1_000] * 3


def test_those_that_are_given_no_time_or_another_have_their_own() -> None:
    devices = [*shared(2), *shared(1), Simulator(seed=0, accelerated=True)]
    with all_open(*devices) as opened:
        opened[0].read(250)
        assert [neurons.timestamp() for neurons in opened] == [250, 250, 0, 0]


def test_each_has_its_own_timestamps() -> None:
    time = cl.VirtualTime()
    later = Simulator(partial(Source, start_timestamp=10_000), time=time)
    with all_open(later, *shared(1, time)) as (first, second):
        assert (first.timestamp(), second.timestamp()) == (10_000, 0)
        second.read(500)
        assert (first.timestamp(), second.timestamp()) == (10_500, 500)
        first.read(500)
        assert (first.timestamp(), second.timestamp()) == (11_000, 1_000)


@pytest.mark.parametrize("opened", [(0, 1), (1, 0)])
@pytest.mark.parametrize("started", [(0, 1), (1, 0)])
def test_ties_go_by_the_order_of_construction(opened: tuple[int, int], started: tuple[int, int]) -> None:
    """Whatever was opened or started first, and before kinds and periods."""
    time, log = cl.VirtualTime(), []
    devices, rates = shared(2, time), (100, 1_000)
    with all_open(*(devices[number] for number in opened)) as found:
        neurons = dict(zip(opened, found, strict=True))
        with time.hold("starting"):
            workers = []
            for number in started:
                run = partial(ticks, neurons[number], rates[number], rates[number] // 50, log, str(number))
                workers.append(Worker(run))
                block_until_waiting(found[0], len(workers))
        for worker in workers:
            worker.end()
    at_250 = [name for name, timestamp in log if timestamp == 250]
    at_500 = [name for name, timestamp in log if timestamp == 500]
    assert (at_250, at_500) == (["0", "1"], ["0", "1"])
    assert [timestamp for _, timestamp in log] == sorted(timestamp for _, timestamp in log)


def test_a_hold_of_the_time_holds_every_device() -> None:
    time, log = cl.VirtualTime(), []
    with time.hold("nothing is open yet"), all_open(*shared(2, time)) as devices:
        workers = [Worker(partial(ticks, neurons, 100, 2, log, "")) for neurons in devices]
        block_until_waiting(devices[0], 2)
        for neurons in devices:
            with neurons._engine.lock:
                neurons._engine.time.go_on(True)
        assert [neurons.timestamp() for neurons in devices] == [0, 0] and not log
        assert devices[1]._engine.time.holders() == ["nothing is open yet"]
        for neurons in devices:
            neurons.close()
        for worker in workers:
            with pytest.raises(DeviceDisconnectedError):
                worker.end()
    with all_open(*shared(1, time)) as (again,):
        again.read(10)


# -- what each gives, it gives alone ----------------------------------------------------------


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each of five kinds of sources gives where no other one is open."""
    folder, results = tmp_path_factory.mktemp("alone"), {}
    for name, device in FIVE.items():
        with cl.open(device=device) as neurons:
            results[name] = work(neurons, folder)
    return results


@pytest.mark.anyio
async def test_threads_and_tasks_on_one_time_give_what_each_gives_alone(
    alone: dict[str, Any], tmp_path: Path
) -> None:
    time, results = cl.VirtualTime(), {}
    devices = {name: dataclasses.replace(device, time=time) for name, device in FIVE.items()}

    async def in_task(name: str) -> None:
        results[name] = await awork(neurons[name], tmp_path)

    async def in_thread(name: str) -> None:
        results[name] = await anyio.to_thread.run_sync(work, neurons[name], tmp_path)

    with ExitStack() as stack:
        neurons = {name: stack.enter_context(cl.open(device=device)) for name, device in devices.items()}
        async with anyio.create_task_group() as group:
            with time.hold("starting"):
                for number, name in enumerate(neurons):
                    group.start_soon(in_thread if number % 2 else in_task, name)
                await until_waiting(neurons["one"], 5)
    assert results == alone


def test_five_threads_on_one_time_give_what_each_gives_alone(alone: dict[str, Any], tmp_path: Path) -> None:
    time = cl.VirtualTime()
    devices = [dataclasses.replace(device, time=time) for device in FIVE.values()]
    with all_open(*devices) as opened:
        with time.hold("starting"):
            workers = [Worker(partial(work, neurons, tmp_path)) for neurons in opened]
            block_until_waiting(opened[0], 5)
        results = [worker.end() for worker in workers]
    assert dict(zip(FIVE, results, strict=True)) == alone


# -- one interleaving -------------------------------------------------------------------------


class Live(LiveSimulatorDataSource):
    """Gives its frames from a thread of its own, and a spike every 200 frames."""

    def __init__(self) -> None:
        super().__init__(supports_accelerated=True)
        self._thread: threading.Thread | None = None

    def start(self, sink: Any) -> None:
        def give() -> None:
            try:
                for at in range(0, 1_000_000, 200):
                    spike = cl.sim.DataSourceSpike(at + 100, 5)
                    sink.emit_batch(DataSourceBatch(numbered(at, 200), [spike]))
            except RuntimeError:
                return  # The device has closed.

        self._thread = threading.Thread(target=give)
        self._thread.start()

    def stop(self) -> None:
        assert self._thread is not None
        self._thread.join()


@contextmanager
def load() -> Iterator[None]:
    """Let another thread take the interpreter again and again, for moments of any length."""
    stop, interval = threading.Event(), sys.getswitchinterval()

    def burn() -> None:
        rng = random.Random(1)
        while not stop.wait(0.001):
            sum(range(rng.randrange(4_000)))

    thread = threading.Thread(target=burn)
    thread.start()
    sys.setswitchinterval(0.0002)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()


def every_kind(time: cl.VirtualTime) -> list[Simulator]:
    """A fixed source, an inline one that reacts, one with a thread of its own that does, a live one."""
    return [
        Simulator(seed=1, time=time),
        Simulator("cl.sim.culture:create", config={"size": 60}, seed=2, time=time),
        Simulator(partial(Answering, reactive=True, start_timestamp=500), time=time),
        Simulator(Live, time=time),
    ]


class Experiment:
    """On each device a loop that stimulates its neighbour, a stream and a sleeper; one recording a device."""

    LENGTH = 400

    def __init__(self, devices: list[cl.Neurons], rng: random.Random, folder: Path) -> None:
        self.devices = devices
        self.rng = rng
        self.log: Log = []
        self.recordings = [
            neurons.record(file_location=str(folder), stop_after_frames=self.LENGTH) for neurons in devices
        ]

    def jobs(self) -> list[Callable[[], Any]]:
        found: list[Callable[[], Any]] = []
        for number in range(len(self.devices)):
            found += partial(self.loop, number), partial(self.stream, number), partial(self.sleep, number)
        return self.rng.sample(found, len(found))

    async def delay(self) -> None:
        for _ in range(self.rng.choice([0, 0, 0, 1, 4])):
            await anyio.lowlevel.checkpoint()

    async def loop(self, number: int) -> None:
        neighbour = self.devices[(number + 1) % len(self.devices)]
        async for tick in self.devices[number].aloop(500, stop_after_seconds=self.LENGTH / 25_000):
            await self.delay()
            stims = [(stim.timestamp, stim.channel) for stim in tick.analysis.stims]
            self.log.append((number, "tick", tick.iteration, stims, neighbour.timestamp()))
            neighbour.stim(10 + tick.iteration + len(tick.analysis.spikes) % 3, 1.0)

    async def stream(self, number: int) -> None:
        neurons = self.devices[number]
        end = neurons.timestamp() + self.LENGTH - 150
        async with neurons.spikes() as spikes:
            async for spike in spikes:
                await self.delay()
                self.log.append((number, "spike", spike.timestamp, spike.channel, neurons.timestamp()))
                if spike.timestamp >= end:
                    return

    async def sleep(self, number: int) -> None:
        for _ in range(4):
            await self.devices[number].asleep(0.003)
            await self.delay()
            self.log.append((number, "slept", *(neurons.timestamp() for neurons in self.devices)))

    def results(self) -> Log:
        for number, recording in enumerate(self.recordings):
            recording.wait_until_stopped()
            with recording.open() as view:
                stims = [(int(row["timestamp"]), int(row["channel"])) for row in view.stims]
                self.log.append((number, view.samples[:].tobytes(), stims))
        return self.log


async def run_experiment(seed: int, folder: Path) -> Log:
    time = cl.VirtualTime()
    rng = random.Random(seed)
    with all_open(*every_kind(time)) as devices:
        experiment = Experiment(devices, rng, folder)
        async with anyio.create_task_group() as group:
            with time.hold("starting"):
                jobs = experiment.jobs()
                for job in jobs:
                    group.start_soon(job)
                    await experiment.delay()
                await until_waiting(devices[0], len(jobs))
        return experiment.results()


_interleaving: list[Log] = []
"""What the first run gave, on whichever event loop."""


@pytest.mark.anyio
async def test_shuffled_starts_under_load_give_one_interleaving(tmp_path: Path) -> None:
    with load():
        for seed in range(RUNS):
            log = await run_experiment(seed, tmp_path)
            if not _interleaving:
                _interleaving.append(log)
            assert log == _interleaving[0]
    assert {entry[0] for entry in log} == {0, 1, 2, 3}
    assert any(entry[1] == "tick" and entry[3] for entry in log), "no stim of a neighbour came"


def test_shuffled_threads_under_load_give_one_interleaving() -> None:
    logs = []
    with load():
        for seed in range(RUNS):
            time, log = cl.VirtualTime(), []
            with all_open(*every_kind(time)) as devices:
                jobs = [
                    partial(ticks, neurons, rate, rate // 50, log, f"{number} at {rate}")
                    for number, neurons in enumerate(devices)
                    for rate in (200, 250, 500)
                ]
                with time.hold("starting"):
                    workers = [Worker(job) for job in random.Random(seed).sample(jobs, len(jobs))]
                    block_until_waiting(devices[0], len(jobs))
                for worker in workers:
                    worker.end()
            logs.append(log)
    assert all(log == logs[0] for log in logs)
    assert len(logs[0]) == 4 * (4 + 5 + 10)


# -- coming and going -------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_device_joins_where_time_stands() -> None:
    """It may be opened in the midst of others' experiment, in a body; it begins at its own beginning."""
    time, log = cl.VirtualTime(), []
    first, second = shared(2, time)
    async with cl.aopen(device=first) as neurons, anyio.create_task_group() as group:
        async for tick in neurons.aloop(100, stop_after_ticks=6):
            log.append(("first", tick.iteration_timestamp))
            if tick.iteration == 2:
                late = await group.start(_join, second, log)
                assert late.timestamp() == 0 and neurons.timestamp() == 750
            elif tick.iteration > 2:
                assert late.timestamp() == neurons.timestamp() - 750
    assert log == [
        *(("first", 250 * n) for n in (1, 2, 3)),
        *((name, at) for n in (1, 2, 3) for name, at in (("first", 750 + 250 * n), ("second", 250 * n))),
    ]


async def _join(device: Simulator, log: Log, *, task_status: Any) -> None:
    async with cl.aopen(device=device) as neurons:
        task_status.started(neurons)
        await aticks(neurons, 100, 3, log, "second")


def test_one_that_joins_while_data_are_awaited_finds_nobody_ahead() -> None:
    asked, go, time = threading.Event(), threading.Event(), cl.VirtualTime()

    class Slow(Source):
        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            asked.set()
            assert go.wait(PATIENCE)
            return super().read(from_timestamp, frame_count)

    slow, fixed, late = Simulator(Slow, time=time), *shared(2, time)
    with all_open(slow, fixed) as (waits, there):
        worker = Worker(lambda: waits.read(100))
        assert asked.wait(PATIENCE)
        with cl.open(device=late) as joined:
            go.set()
            worker.end()
            assert (waits.timestamp(), there.timestamp(), joined.timestamp()) == (100, 100, 0)
            joined.read(50)
            assert (waits.timestamp(), there.timestamp(), joined.timestamp()) == (150, 150, 50)


def test_a_value_is_opened_again_on_the_same_time() -> None:
    first, second = shared(2)
    with cl.open(device=first) as stays:
        for times in range(3):
            with cl.open(device=second) as again:
                assert again.timestamp() == 0
                again.read(100)
            assert stays.timestamp() == 100 * (times + 1)
    with cl.open(device=first) as again, cl.open(device=second) as other:
        again.read(10)
        assert (again.timestamp(), other.timestamp()) == (10, 10)


@pytest.mark.anyio
async def test_closing_one_lets_the_others_go_on() -> None:
    """Those that wait for it are told; its body, its unread stream and its sleeper hold no time any more."""
    log: Log = []
    told: list[str] = []

    async def wait_in_vain(neurons: cl.Neurons) -> None:
        with pytest.raises(DeviceDisconnectedError):
            await neurons.aread(100_000)
        told.append("read")

    async def hold_on(neurons: cl.Neurons, closed: anyio.Event) -> None:
        async with neurons.frames(100):
            async for _ in neurons.aloop(1_000):
                told.append("body")
                await closed.wait()
                return

    with all_open(*shared(2)) as (goes, stays):
        closed = anyio.Event()
        async with anyio.create_task_group() as group:
            with stays.hold("starting"):
                group.start_soon(wait_in_vain, goes)
                group.start_soon(hold_on, goes, closed)
                group.start_soon(aticks, stays, 1, 6, log, "stays")
                await until_waiting(stays, 3)
            while not told:
                await anyio.lowlevel.checkpoint()
            assert (
                stays._engine.time.holders() == ["a loop at 1000/s of simulator (random, seed 0)"] and not log
            )
            goes.close()
            while not log or log[-1][1] < 6 * 25_000:
                await anyio.lowlevel.checkpoint()
            closed.set()
    assert told == ["body", "read"] and len(log) == 6


@pytest.mark.anyio
async def test_a_body_of_one_closes_another() -> None:
    log: Log = []
    with all_open(*shared(2)) as (one, other):
        async with anyio.create_task_group() as group:

            async def ends() -> None:
                with pytest.raises(DeviceDisconnectedError):
                    await aticks(one, 100, 100, log, "one")

            group.start_soon(ends)
            async for tick in other.aloop(100, stop_after_ticks=6):
                log.append(("other", tick.iteration_timestamp))
                if tick.iteration == 2:
                    one.close()
        assert other.timestamp() == 1_500
    assert [at for name, at in log if name == "other"] == [250 * n for n in range(1, 7)]
    assert [at for name, at in log if name == "one"] == [250, 500, 750]


def test_what_a_read_left_ends_when_its_device_closes() -> None:
    """The thread that has read a device and closed it may wait for another's, by means that nobody sees."""
    log: Log = []
    was_read, others_ended = threading.Event(), threading.Event()

    def read() -> None:
        goes.read(10)
        was_read.set()
        assert others_ended.wait(PATIENCE)

    with all_open(*shared(2)) as (goes, stays):
        with stays.hold("starting"):
            worker, reader = Worker(partial(ticks, stays, 100, 3, log, "")), Worker(read)
            block_until_waiting(stays, 2)
        assert was_read.wait(PATIENCE)
        assert not log and len(stays._engine.time.holders()) == 1
        goes.close()
        worker.end()
        others_ended.set()
        reader.end()
    assert len(log) == 3


def test_a_recording_of_one_that_closes_ends_where_its_pulses_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time does not go on while a device closes, though others wait."""
    with all_open(*shared(2)) as (one, other):
        one.read(100)
        recording = one.record(file_location=str(tmp_path))
        log: Log = []
        finalise, hold = one._recordings.finalise, other.hold("starting")

        def let_the_others_go_on_first() -> None:
            hold.__exit__(None, None, None)
            finalise()

        monkeypatch.setattr(one._recordings, "finalise", let_the_others_go_on_first)
        hold.__enter__()
        worker = Worker(partial(ticks, other, 100, 20, log, "other"))
        block_until_waiting(other, 1)
        one.close()
        worker.end()
    with recording.open() as view:
        assert len(view.samples) == view.attributes["duration_frames"] < 10
    assert len(log) == 20


@pytest.mark.parametrize("timeout", [None, 30.0], ids=["inline", "in its thread"])
def test_one_that_fails_leaves_the_others_alone(timeout: float | None) -> None:
    def wrong(*_: Any) -> Any:
        raise KeyError("the cable is out")

    time, log = cl.VirtualTime(), []
    failing = Simulator(partial(Faulty, wrong, read_timeout_seconds=timeout), time=time)
    with all_open(failing, *shared(2, time)) as (fails, *others):
        with time.hold("starting"):
            vain = Worker(lambda: fails.read(50_000))
            workers = [Worker(partial(ticks, neurons, 100, 30, log, "")) for neurons in others]
            block_until_waiting(fails, 3)
        for worker in workers:
            worker.end()
        with pytest.raises(DeviceDisconnectedError, match="the cable is out"):
            vain.end()
        with pytest.raises(DeviceDisconnectedError, match="the cable is out"):
            fails.timestamp() and fails.read(1)
    assert [timestamp for _, timestamp in log] == [250 * (n // 2 + 1) for n in range(60)]


@pytest.mark.anyio
@pytest.mark.parametrize("timeout", [None, 30.0], ids=["inline", "in its thread"])
async def test_one_that_nobody_waits_for_may_fail_in_anothers_wait(timeout: float | None) -> None:
    def wrong(*_: Any) -> Any:
        raise KeyError("the cable is out")

    time, log = cl.VirtualTime(), []
    failing = Simulator(partial(Faulty, wrong, read_timeout_seconds=timeout), time=time)
    with all_open(failing, *shared(1, time)) as (fails, other):
        await aticks(other, 100, 10, log, "")
        with pytest.raises(DeviceDisconnectedError, match="the cable is out"):
            await fails.aread(1)
        other.read(1)
    assert len(log) == 10


def test_a_finite_source_ends_where_time_goes_beyond_it() -> None:
    time = cl.VirtualTime()
    finite = Simulator(partial(Source, duration_frames=300, seekable=False), time=time)
    with all_open(finite, *shared(1, time)) as (ends, goes_on):
        goes_on.read(300)
        assert len(ends.read(300, 0)) == 300
        goes_on.read(300)
        with pytest.raises(DeviceDisconnectedError, match="has ended at frame 300"):
            ends.read(1)
        assert goes_on.timestamp() == 600


# -- bodies, holds, tasks ---------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_body_of_one_device_waits_for_others() -> None:
    """Itself, by child tasks and by threads; it holds all devices before and after."""
    with all_open(*shared(2)) as (one, other):
        seen = []
        async for tick in one.aloop(100, stop_after_ticks=2):
            await other.aread(10)
            async with anyio.create_task_group() as group:
                group.start_soon(other.asleep, 0.001)
            await anyio.to_thread.run_sync(other.read, 5)
            seen.append((tick.iteration_timestamp, one.timestamp(), other.timestamp()))
        assert seen == [(250, 290, 290), (500, 540, 540)]


@pytest.mark.anyio
async def test_a_blocking_wait_that_another_device_has_to_run_before_is_refused() -> None:
    log: Log = []
    time = cl.VirtualTime()
    left, right = (Simulator(seed=1, time=time, name=name) for name in ("left", "right"))
    with all_open(left, right) as (one, other):
        async with anyio.create_task_group() as group:
            with one.hold("starting"):
                group.start_soon(aticks, one, 100, 2, log, "one")
                await until_waiting(one, 1)
            text = r"read of .*'right'.* would block the event loop.*a loop at 100/s of .*'left'"
            with pytest.raises(RuntimeError, match=text):
                other.read(1_000)
        assert len(log) == 2
        assert len(other.read(1_000)) == 1_000, "nobody else is there any more"


@pytest.mark.anyio
async def test_a_task_of_a_body_on_another_time_leaves_the_bodys_hold_alone() -> None:
    """Two devices with times of their own: what waits on one of them works for no body of the other."""
    one, other = Simulator(seed=1, accelerated=True), Simulator(seed=2, accelerated=True)
    log: Log = []
    with all_open(one, other) as (mine, others):
        async with anyio.create_task_group() as group:
            group.start_soon(aticks, mine, 50, 5, log, "rival")
            async for tick in mine.aloop(100, stop_after_ticks=3):
                log.append(("body", tick.iteration_timestamp))
                if tick.iteration:
                    continue
                await until_waiting(mine, 1)
                async with anyio.create_task_group() as children:
                    children.start_soon(others.asleep, 1)
                    children.start_soon(anyio.to_thread.run_sync, others.read, 30_000)
                    await anyio.wait_all_tasks_blocked()
                assert "a loop at 100/s" in mine._engine.time.holders(), "the body holds its own time on"
                assert mine.timestamp() == 250 and others.timestamp() >= 30_000 and len(log) == 1
    assert log[0] == ("body", 250) and len(log) == 8


@pytest.mark.anyio
async def test_a_task_of_a_body_works_for_it_also_after_waits_on_another_time() -> None:
    one, other = Simulator(seed=1, accelerated=True), Simulator(seed=2, accelerated=True)

    async def work_on_both(mine: cl.Neurons, others: cl.Neurons) -> None:
        for _ in range(2):
            await others.asleep(0.004)
            await mine.asleep(0.002)

    with all_open(one, other) as (mine, others), anyio.fail_after(PATIENCE):
        async for _ in mine.aloop(100, stop_after_ticks=2):
            async with anyio.create_task_group() as children:
                children.start_soon(work_on_both, mine, others)
        assert (mine.timestamp(), others.timestamp()) == (600, 400)


def test_a_hold_of_a_device_ends_when_the_device_closes() -> None:
    log: Log = []
    with all_open(*shared(2)) as (goes, stays), goes.hold("for a while"):
        worker = Worker(partial(ticks, stays, 100, 3, log, ""))
        block_until_waiting(stays, 1)
        assert stays.timestamp() == 0 and stays._engine.time.holders() == ["for a while"]
        goes.close()
        worker.end()
    assert len(log) == 3


def test_iterators_that_are_let_go_release_the_time_of_others() -> None:
    with all_open(*shared(2)) as (one, other):
        iterator = iter(one.loop(100))
        next(iterator)
        with one._engine.lock:
            del iterator
        assert Worker(lambda: other.read(1_000)).end().shape == (1_000, 64)


def test_a_time_without_devices_keeps_nobody() -> None:
    time = cl.VirtualTime()
    with all_open(*shared(2, time)) as devices:
        for neurons in devices:
            neurons.read(10)
            next(iter(neurons.loop(100)))
        with time.hold("on purpose"):
            assert time._scheduler._holds.present
    scheduler = time._scheduler
    holds = scheduler._holds
    assert not (holds.present or holds.active or holds._lasting)
    assert not (scheduler._open or scheduler.waiting() or scheduler._keen or scheduler.moving)
