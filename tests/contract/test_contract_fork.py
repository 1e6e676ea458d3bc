"""Forks: a device belongs to the process that opened it, and its forks neither use nor disturb it."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forking import Fork, in_fork

import cl
from cl.sim import Simulator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")


class Program:
    """A device and what a program has of it."""

    def __init__(self, neurons: cl.Neurons) -> None:
        self.neurons = neurons
        self.recording = neurons.record(stop_after_frames=100_000)
        self.stream = neurons.create_data_stream("notes")
        self.plan = neurons.create_stim_plan()
        self.plan.stim(30, 1.0)
        self.loop = neurons.loop(100)
        self.ticks = iter(self.loop)
        next(self.ticks)

    def calls(self) -> dict[str, Callable[[], object]]:
        n = self.neurons
        return {
            "timestamp": n.timestamp,
            "read": lambda: n.read(10),
            "read what there was": lambda: n.read(10, self.recording.start_timestamp),
            "a read of events": lambda: n.read(10, analysis=True),
            "aread": lambda: asyncio.run(n.aread(10)),
            "asleep": lambda: asyncio.run(n.asleep(0.1)),
            "spikes": lambda: asyncio.run(first_of(n.spikes())),
            "frames": lambda: asyncio.run(first_of(n.frames(10))),
            "loop": lambda: n.loop(100),
            "the loop that runs": lambda: next(self.ticks),
            "that loop anew": lambda: next(iter(self.loop)),
            "aloop": lambda: n.aloop(100),
            "hold": lambda: n.hold().__enter__(),
            "stim": lambda: n.stim(8, 1.0),
            "interrupt": lambda: n.interrupt(8),
            "sync": lambda: n.sync(8),
            "create_stim_plan": n.create_stim_plan,
            "run": self.plan.run,
            "record": n.record,
            "create_data_stream": lambda: n.create_data_stream("others"),
            "append": lambda: self.stream.append(10**9, 1),
            "an attribute of a stream": lambda: self.stream.set_attribute("a", 1),
            "an attribute of a recording": lambda: self.recording.set_attribute("a", 1),
            "stop of a recording": self.recording.stop,
            "wait_until_stopped": self.recording.wait_until_stopped,
            "open of a recording": self.recording.open,
            "take_control": n.take_control,
            "start": n.start,
            "stop": n.stop,
            "restart": n.restart,
            "wait_until_readable": n.wait_until_readable,
            "wait_until_recordable": n.wait_until_recordable,
        }

    def outcomes(self) -> dict[str, str]:
        """Return what comes of every call."""
        found = {}
        for name, call in self.calls().items():
            try:
                found[name] = repr(call())
            except cl.DeviceDisconnectedError as error:
                found[name] = str(error)
        return found


async def first_of(stream: Any) -> Any:
    async with stream:
        return await anext(stream)


def lives_alone() -> tuple[int, ...]:
    """Open, use and close a device of the fork's own, in every way."""
    with cl.open(device=Simulator(seed=3, accelerated=True)) as neurons:
        recording = neurons.record(file_suffix="fork")
        neurons.stim(9, 1.0)
        for _ in neurons.loop(100, stop_after_ticks=3):
            pass
        recording.stop()
        with recording.open() as view:
            assert view.samples is not None and view.stims is not None
            return len(view.samples), len(view.stims)


@contextmanager
def opened(accelerated: bool) -> Iterator[Program]:
    with cl.open(device=Simulator(seed=7, accelerated=accelerated)) as neurons:
        yield Program(neurons)


def check_goes_on(program: Program) -> None:
    """Check that nothing has come of the fork."""
    neurons = program.neurons
    neurons.stim(20, 1.0)
    next(program.ticks)
    program.ticks.close()  # type: ignore[attr-defined]
    neurons.read(500)
    program.stream.append(neurons.timestamp(), "an entry")
    begin, end = program.recording.start_timestamp, neurons.timestamp()
    told = neurons.read(end - begin, begin, analysis=True)
    frames = neurons.read(end - begin, begin)
    program.recording.stop()
    with program.recording.open() as view:
        assert view.samples is not None and np.array_equal(view.samples[: end - begin], frames)
        assert view.stims is not None and [int(row["channel"]) for row in view.stims][: len(told.stims)] == [
            20
        ]
    assert [stim.channel for stim in told.stims] == [20]


@pytest.mark.parametrize("accelerated", [True, False], ids=["accelerated", "wall clock"])
def test_in_a_fork_every_call_of_an_inherited_device_raises_at_once(accelerated: bool) -> None:
    with opened(accelerated) as program:

        def child() -> tuple[dict[str, str], tuple[int, ...]]:
            assert not program.neurons.has_control() and not program.neurons.is_readable()
            assert program.recording.has_stopped()
            outcomes = program.outcomes()
            assert gc.isenabled()
            return outcomes, lives_alone()

        outcomes, own = in_fork(child)
        check_goes_on(program)
    said = f"this device belongs to process {os.getpid()}, which opened it"
    assert {name: text for name, text in outcomes.items() if said not in text} == {}
    assert own == (750, 1)


def test_a_fork_may_leave_the_block_and_open_again() -> None:
    def child() -> tuple[int, ...]:
        context.__exit__(None, None, None)
        with pytest.raises(cl.DeviceDisconnectedError, match="belongs to process"):
            neurons.timestamp()
        return lives_alone()

    context = cl.open(device=Simulator(seed=7, accelerated=True))
    with context as neurons:
        assert in_fork(child) == (750, 1)
        assert neurons.read(10).shape == (10, 64)


def test_a_plain_open_in_a_fork_is_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")

    def child() -> int:
        with cl.open() as own:
            assert own is not neurons
            own.stim(9, 1.0)
            return int(own.read(1_000).sum())

    with cl.open() as neurons:
        neurons.read(700)
        of_child = in_fork(child)
        assert neurons.read(300, analysis=True).stims == []
        assert int(neurons.read(1_000, neurons.timestamp() - 1_000).sum()) == of_child


@pytest.mark.parametrize("lock", ["engine", "place", "devices", "control", "collector"])
def test_a_fork_is_not_kept_waiting_by_what_another_thread_does_at_that_moment(lock: str) -> None:
    from cl._current import devices
    from cl._values.process_switches import garbage_collector

    taken, forked = threading.Event(), threading.Event()

    def hold(held: Any) -> None:
        with held:
            taken.set()
            assert forked.wait(30)

    simulator = Simulator(seed=7, accelerated=True)
    with cl.open(device=simulator) as neurons:
        session: Any = devices.find(simulator)
        held = {
            "engine": neurons._engine.lock,
            "place": devices._places[simulator].lock,
            "devices": devices._lock,
            "control": session.control.lock,
            "collector": garbage_collector._lock,
        }[lock]
        thread = threading.Thread(target=hold, args=(held,))
        thread.start()
        assert taken.wait(30)
        program = neurons

        def child() -> tuple[int, ...]:
            with pytest.raises(cl.DeviceDisconnectedError, match="belongs to process"):
                program.read(10)
            with cl.open(device=simulator) as own:
                own.read(10)
            return lives_alone()

        try:
            assert in_fork(child) == (750, 1)
        finally:
            forked.set()
            thread.join()
        neurons.read(10)


def test_a_fork_while_another_thread_opens_or_closes_a_device_begins_anew() -> None:
    class Slow(cl.sim.SimulatorDataSource):
        metadata = cl.sim.SimulatorDataSourceMetadata(read_timeout_seconds=None)  # type: ignore[assignment]

        def open(self) -> None:
            reached.release()
            assert goes_on.acquire(timeout=30)

        close = open

        def read(self, from_timestamp: int, frame_count: int) -> cl.sim.DataSourceBatch:
            return cl.sim.DataSourceBatch(np.zeros((frame_count, 64), np.int16))

    reached, goes_on = threading.Semaphore(0), threading.Semaphore(0)
    simulator = Simulator(source=Slow, accelerated=True)

    def use() -> None:
        with cl.open(device=simulator) as neurons:
            neurons.read(10)

    thread = threading.Thread(target=use)
    thread.start()
    for _ in range(2):
        assert reached.acquire(timeout=30)
        assert in_fork(lives_alone) == (750, 1)
        goes_on.release()
    thread.join()


def test_virtual_time_that_several_share_begins_anew_in_a_fork() -> None:
    time = cl.VirtualTime()
    ours, others = (Simulator(seed=seed, accelerated=True, time=time) for seed in (1, 2))

    def child() -> int:
        with time.hold(), cl.open(device=ours) as own:
            pass
        with cl.open(device=ours) as own:
            return sum(1 for _ in own.loop(100, stop_after_ticks=5))

    with cl.open(device=ours) as a, cl.open(device=others) as b, time.hold():
        assert in_fork(child) == 5
        assert a.timestamp() == b.timestamp() == 0


def test_finished_recordings_can_be_opened_in_forks() -> None:
    with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        recording = neurons.record()
        neurons.read(500)
        recording.stop()

        def child() -> int:
            with recording.open() as view:
                return len(view.samples)

        assert in_fork(child) == 500
    assert in_fork(child) == 500


def square(number: int) -> tuple[int, bool]:
    return number * number, cl._session.opening.is_open()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pools_and_children_of_every_kind_may_be_used_within_the_block() -> None:
    with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        recording = neurons.record()
        for tick in neurons.loop(100, stop_after_ticks=3):
            neurons.stim(9 + tick.iteration, 1.0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                assert pool.map(square, range(4)) == [(0, False), (1, False), (4, False), (9, False)]
            said = subprocess.run(["echo", "hello"], preexec_fn=os.setpgrp, capture_output=True, check=True)
            assert said.stdout == b"hello\n"
        neurons.read(100)
        recording.stop()
        with recording.open() as view:
            assert view.stims is not None and len(view.stims) == 3


@pytest.fixture
def page_on_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve pages, on ports that no other program takes the moment they are free."""
    from cl.visualisation.server import server

    listen = server._listen
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    monkeypatch.setattr(server, "_listen", lambda host, port_from: listen(host, 0))


@pytest.mark.usefixtures("page_on_a_port_of_its_own")
def test_a_fork_that_lives_on_keeps_neither_page_nor_file_open() -> None:

    def open_file_of(recording: Path) -> bool:
        return any(
            os.path.realpath(f"/proc/self/fd/{fd}") == str(recording) for fd in os.listdir("/proc/self/fd")
        )

    with cl.open() as neurons:
        page = cl._current.devices.sessions()[0].visualiser
        assert page is not None
        address = ("127.0.0.1", page.port)  # type: ignore[attr-defined]
        recording = neurons.record()
        path = Path(recording.file["path"]).resolve()
        assert sys.platform != "linux" or open_file_of(path)
        with socket.create_connection(address) as visitor:
            visitor.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % address[1])
            assert visitor.recv(1)
            fork = Fork(lambda: sys.platform == "linux" and open_file_of(path), lives_on=True)
            try:
                assert fork.result() is False
                neurons.close()
                while visitor.recv(65_536):
                    pass
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(address)
                with socket.socket() as again:
                    again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    again.bind(address)
            finally:
                fork.end()


@pytest.mark.usefixtures("page_on_a_port_of_its_own")
def test_what_a_library_forks_without_a_word_keeps_no_page_either() -> None:
    """A child that Python knows nothing of has the socket: it is closed for all who share it."""
    with cl.open():
        page: Any = cl._current.devices.sessions()[0].visualiser
        address, copy = ("127.0.0.1", page.port), page.socket.dup()
    with copy, pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_fork_in_a_loops_body_ends_the_loop_of_the_fork_only() -> None:
    with warnings.catch_warnings(), cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        warnings.simplefilter("ignore", DeprecationWarning)
        ran, child, error = 0, -1, ""
        try:
            for tick in neurons.loop(100, stop_after_ticks=4):
                ran += 1
                if tick.iteration == 1:
                    child = os.fork()
        except cl.DeviceDisconnectedError as raised:
            error = str(raised)
        if child == 0:
            os._exit(ran if "belongs to process" in error else 99)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert (ran, error) == (4, "")
