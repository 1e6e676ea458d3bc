"""Several devices in one process, each a value of its own (contract, section 11)."""

from __future__ import annotations

import dataclasses
import gc
import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from recording_tools import spike_rows, stim_rows
from source_tools import Source

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import (
    DataSourceBatch,
    DataSourceError,
    Simulator,
    clear_simulator_data_source,
    set_simulator_data_source,
)

FIVE = {
    "one": Simulator(seed=1, accelerated=True, name="one"),
    "same as one": Simulator(seed=1, accelerated=True, name="same as one"),
    "loud": Simulator(seed=3, accelerated=True, spike_percentile=99.9, spike_visibility=True),
    "culture": Simulator("cl.sim.culture:create", accelerated=True, config={"size": 100}, seed=4),
    "own": Simulator(Source, accelerated=True, detect_spikes=True),
}
RATE, TICKS = 200, 30
FRAMES = TICKS * 25_000 // RATE


@pytest.fixture
def _no_source() -> Iterator[None]:
    yield
    clear_simulator_data_source()


# -- a program, sync and async ----------------------------------------------------------------


class Seen:
    """What a program sees of a device, and what it does there."""

    def __init__(self, neurons: cl.Neurons, folder: Path) -> None:
        self._neurons = neurons
        self._digest = blake2b()
        self._stream = neurons.create_data_stream("spikes")
        self.recording = neurons.record(file_location=str(folder), stop_after_frames=FRAMES)
        self.events: list[Any] = []

    def body(self, tick: cl.LoopTick) -> None:
        self._digest.update(tick.frames.tobytes())
        spikes = [(s.timestamp, s.channel) for s in tick.analysis.spikes]
        self.events += spikes, [(s.timestamp, s.channel) for s in tick.analysis.stims]
        self._stream.append(self._neurons.timestamp(), len(spikes))
        if tick.iteration % 10 == 3:
            self._neurons.stim(cl.ChannelSet(8, 9 + len(spikes) % 5), 1.0)

    def result(self) -> Any:
        with self.recording.open() as view:
            entries = list(view.data_streams["spikes"].items())
            recorded = blake2b(view.samples[:].tobytes()).digest(), spike_rows(view), stim_rows(view), entries
        return self._digest.digest(), self.events, recorded


def work(neurons: cl.Neurons, folder: Path) -> Any:
    seen = Seen(neurons, folder)
    for tick in neurons.loop(RATE, stop_after_ticks=TICKS):
        seen.body(tick)
    seen.recording.wait_until_stopped()
    return seen.result()


async def awork(neurons: cl.Neurons, folder: Path) -> Any:
    seen = Seen(neurons, folder)
    async for tick in neurons.aloop(RATE, stop_after_ticks=TICKS):
        seen.body(tick)
    await seen.recording.await_until_stopped()
    return seen.result()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each of the five gives where no other one is open."""
    folder, results = tmp_path_factory.mktemp("alone"), {}
    for name, device in FIVE.items():
        with cl.open(device=device, wait_until_recordable=False) as neurons:
            results[name] = work(neurons, folder)
    return results


# -- several at once --------------------------------------------------------------------------


def in_thread(folder: Path, all_open: threading.Barrier, device: Simulator) -> Any:
    with cl.open(device=device) as neurons:
        all_open.wait(60)
        result = work(neurons, folder)
        all_open.wait(60)
    return result


async def in_task(
    folder: Path, all_open: threading.Barrier, device: Simulator, name: str, results: dict[str, Any]
) -> None:
    async with cl.aopen(device=device) as neurons:
        await anyio.to_thread.run_sync(all_open.wait, 60)
        results[name] = await awork(neurons, folder)
        await anyio.to_thread.run_sync(all_open.wait, 60)


def test_five_in_threads_give_what_each_gives_alone(alone: dict[str, Any], tmp_path: Path) -> None:
    run = partial(in_thread, tmp_path, threading.Barrier(5))
    with ThreadPoolExecutor(5) as pool:
        results = dict(zip(FIVE, pool.map(run, FIVE.values()), strict=True))
    assert results == alone
    assert results["one"] == results["same as one"] != results["loud"]


@pytest.mark.anyio
async def test_five_in_tasks_give_what_each_gives_alone(alone: dict[str, Any], tmp_path: Path) -> None:
    results: dict[str, Any] = {}
    barrier = threading.Barrier(5)
    async with anyio.create_task_group() as group:
        for name, device in FIVE.items():
            group.start_soon(in_task, tmp_path, barrier, device, name, results)
    assert results == alone


@pytest.mark.anyio
async def test_threads_and_tasks_give_what_each_gives_alone(alone: dict[str, Any], tmp_path: Path) -> None:
    results: dict[str, Any] = {}
    barrier = threading.Barrier(5)

    async def in_worker(name: str, device: Simulator) -> None:
        results[name] = await anyio.to_thread.run_sync(in_thread, tmp_path, barrier, device)

    async with anyio.create_task_group() as group:
        for number, (name, device) in enumerate(FIVE.items()):
            if number % 2:
                group.start_soon(in_worker, name, device)
            else:
                group.start_soon(in_task, tmp_path, barrier, device, name, results)
    assert results == alone


def test_two_in_one_thread_have_times_of_their_own(alone: dict[str, Any], tmp_path: Path) -> None:
    with cl.open(device=FIVE["one"]) as one, cl.open(device=FIVE["loud"]) as loud:
        loud.read(5_000)
        assert (one.timestamp(), loud.timestamp()) == (0, 5_000)
        assert work(one, tmp_path) == alone["one"]
        assert loud.timestamp() == 5_000


def test_wall_clock_and_accelerated_time_side_by_side() -> None:
    with cl.open(device=Simulator(accelerated=False, seed=1)) as wall, cl.open(device=FIVE["one"]) as virtual:
        before = wall.read(250, 0, analysis=True)
        assert virtual.read(250, analysis=True).spikes == before.spikes
        assert virtual.timestamp() == 250
        assert sum(1 for _ in wall.loop(1000, stop_after_ticks=10)) == 10
        assert virtual.timestamp() == 250


def test_one_device_that_fails_leaves_the_others_alone(alone: dict[str, Any], tmp_path: Path) -> None:
    class Failing(Source):
        def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
            if from_timestamp >= 1_000:
                raise KeyError("the cable is out")
            return super().read(from_timestamp, frame_count)

    failing = Simulator(Failing, accelerated=True, name="failing")
    with cl.open(device=FIVE["one"]) as one:
        with cl.open(device=failing) as other:
            with pytest.raises(DeviceDisconnectedError, match="the cable is out"):
                other.read(5_000)
            assert work(one, tmp_path) == alone["one"]
        with pytest.raises(DeviceDisconnectedError):
            other.timestamp()
        one.read(1)


# -- who joins whom ---------------------------------------------------------------------------


@pytest.mark.usefixtures("accelerated")
def test_the_same_value_joins_its_own_device_and_nothing_else_does() -> None:
    simulator = Simulator(seed=5)
    with cl.open(device=simulator) as first:
        with cl.open(device=simulator) as again:
            assert again is first
        first.read(10)
        with cl.open(device=dataclasses.replace(simulator)) as alike, cl.open() as plain:
            assert len({id(first), id(alike), id(plain)}) == 3
            with cl.open() as plain_again:
                assert plain_again is plain
            assert (first.timestamp(), alike.timestamp(), plain.timestamp()) == (10, 0, 0)
        assert first.timestamp() == 10
    with pytest.raises(DeviceDisconnectedError):
        first.timestamp()
    with cl.open(device=simulator) as later:
        assert later is not first and later.timestamp() == 0, "a value can be opened again and again"


def test_a_value_that_was_closed_opens_anew() -> None:
    with cl.open(device=FIVE["one"]) as closed:
        closed.close()
        with cl.open(device=FIVE["one"]) as another:
            assert another is not closed
            another.read(1)


def test_devices_are_left_in_any_order() -> None:
    blocks = {name: cl.open(device=device) for name, device in FIVE.items()}
    neurons = {name: block.__enter__() for name, block in blocks.items()}
    for name in ("loud", "one", "own", "culture", "same as one"):
        for other in neurons.values():
            other.read(1)
        blocks.pop(name).__exit__(None, None, None)
        with pytest.raises(DeviceDisconnectedError):
            neurons.pop(name).read(1)


def test_one_that_takes_long_to_open_keeps_no_other_one_waiting() -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow(Source):
        def open(self) -> None:
            entered.set()
            assert go.wait(60)

    opened: list[int] = []

    def work() -> None:
        with cl.open(device=Simulator(Slow, accelerated=True)) as neurons:
            opened.append(neurons.timestamp())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert entered.wait(60)
        with cl.open(device=FIVE["one"]) as neurons:
            neurons.read(1)
        assert not opened
    finally:
        go.set()
        thread.join()
    assert opened == [0]


def test_a_factory_that_opens_its_own_device_is_told_and_waits_for_nobody() -> None:
    def factory() -> Source:
        with cl.open(device=FIVE["one"]) as other:
            other.read(1)
        with cl.open(device=device):
            raise AssertionError("it is not open yet")

    device = Simulator(factory, accelerated=True)
    with pytest.raises(DataSourceError, match="is being opened by this very thread"):
        cl.open(device=device).__enter__()


@pytest.mark.usefixtures("accelerated")
def test_only_the_outermost_open_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = Simulator()
    with cl.open(device=simulator) as outer:
        monkeypatch.setenv("CL_SDK_RANDOM_SEED", "nonsense, and not read")
        with cl.open(device=simulator) as inner:
            assert inner is outer


@pytest.mark.parametrize(
    ("device", "error", "text"),
    [
        (
            5,
            TypeError,
            r"device must be None \(the environment's\), an address or a cl\.sim\.Simulator, not 5",
        ),
        (Simulator, TypeError, "device must be None"),
        ("", ValueError, "device='': it takes unix:/path"),
        ("nonsense", ValueError, "device='nonsense': it takes unix:/path"),
        ("tcp:somewhere", ValueError, "device='tcp:somewhere': it takes unix:/path"),
    ],
)
def test_what_is_no_device_is_refused_at_once(device: Any, error: type[Exception], text: str) -> None:
    for call in (cl.open, cl.aopen):
        with pytest.raises(error, match=text):
            call(device=device)


# -- what each says of itself -----------------------------------------------------------------


@pytest.mark.usefixtures("accelerated")
def test_functions_speak_of_the_environments_device_and_properties_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CL_DEVICE", "unix:/nowhere.sock")
    assert not cl.is_simulator()
    with cl.open(device=Simulator(seed=5)) as neurons:
        assert not cl.is_simulator()
        assert neurons.is_simulator is True
        assert neurons.system_attributes["system_id"] == "cl1-sdk-000"
        assert neurons.system_attributes["plugin"] == {}
        neurons.system_attributes["system_id"] = "changed"
        neurons.system_attributes["plugin"]["name"] = "changed"
        assert neurons.system_attributes["system_id"] == "cl1-sdk-000"
        assert neurons.system_attributes["plugin"] == {}
        with pytest.raises(DeviceDisconnectedError):
            cl.get_system_attributes()
    monkeypatch.delenv("CL_DEVICE")
    with cl.open() as neurons:
        assert cl.is_simulator() and cl.get_system_attributes() == neurons.system_attributes


def test_a_name_is_in_what_is_told() -> None:
    device = Simulator(lambda: Source(duration_frames=100, seekable=False), accelerated=True, name="left")
    with (
        cl.open(device=device) as neurons,
        pytest.raises(DeviceDisconnectedError, match=r"simulator 'left' \(.*\) has ended at frame 100"),
    ):
        neurons.read(200)


@pytest.mark.usefixtures("accelerated", "_no_source")
def test_a_source_is_set_for_later_opens_only() -> None:
    """Where nothing else is said it is what the environment says, for values as well."""
    with cl.open(device=FIVE["one"]), pytest.raises(RuntimeError, match="while a device is open"):
        set_simulator_data_source(Source)
    set_simulator_data_source(Source)
    for device in (None, Simulator()):
        with cl.open(device=device) as neurons:
            assert neurons.simulation is not None
            assert neurons.simulation["source"] == "source_tools:Source"
    with cl.open(device=Simulator("random")) as neurons:
        assert neurons.simulation is not None and neurons.simulation["source"] == "random"


# -- a seed that was drawn --------------------------------------------------------------------


@pytest.mark.parametrize("device", [None, Simulator(accelerated=True)], ids=["environment", "value"])
def test_a_drawn_seed_is_printed_and_repeats_the_run(
    device: Simulator | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with cl.open(device=device) as neurons:
        first = neurons.read(5_000)
        assert neurons.simulation is not None
        seed = neurons.simulation["seed"]
    found = re.fullmatch(r"cl: CL_SDK_RANDOM_SEED=(\d+) repeats this run\n", capsys.readouterr().err)
    assert found is not None and int(found[1]) == seed
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", found[1])
    with cl.open(device=device) as neurons:
        assert (neurons.read(5_000) == first).all()
    assert capsys.readouterr().err == "", "a seed that was given is not told"


class Broken(io.TextIOBase):
    """A stderr whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stderr", [lambda: None, closed, Broken], ids=["none", "closed", "broken"])
def test_a_seed_that_cannot_be_printed_is_drawn_all_the_same(
    stderr: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr())
    with cl.open(device=Simulator(accelerated=True)) as neurons:
        neurons.read(1)
    assert capfd.readouterr().out == "", "nor is it printed where results are"


# -- the garbage collector --------------------------------------------------------------------


def test_the_collector_rests_until_the_last_controlled_block_of_any_device_is_left() -> None:
    devices = list(FIVE.values())[:3]
    for first_left in range(3):
        blocks = [cl.open(device=device) for device in devices]
        for block in blocks:
            block.__enter__()
        blocks.append(blocks.pop(first_left))
        while blocks:
            assert not gc.isenabled()
            blocks.pop().__exit__(None, None, None)
        assert gc.isenabled()
    with cl.open(device=devices[0], take_control=False):
        assert gc.isenabled()


def test_a_collector_that_was_disabled_before_stays_so() -> None:
    gc.disable()
    try:
        with cl.open(device=FIVE["one"]), cl.open(device=FIVE["loud"]):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.anyio
@pytest.mark.parametrize("take_control", [True, False])
async def test_async_programs_keep_their_collector_unless_they_say_so(take_control: bool) -> None:
    async with cl.aopen(take_control, device=FIVE["one"]) as neurons:
        assert gc.isenabled() and neurons.has_control() is take_control
        async with cl.aopen(take_control, device=FIVE["one"], disable_gc=True) as again:
            assert again is neurons and not gc.isenabled()
            with cl.open(device=FIVE["loud"]):
                pass
            assert not gc.isenabled()
        assert gc.isenabled()
        with cl.open(device=FIVE["one"]):
            assert not gc.isenabled(), "a synchronous block in it"
        assert gc.isenabled()
