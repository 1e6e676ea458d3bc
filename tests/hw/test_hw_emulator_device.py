"""The emulated device by itself, in this process and in a time that the test lets pass."""

from __future__ import annotations

import itertools
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hw_tools import PATIENCE, PatientEmulator, linked

from cl._stim.operations import stim_operations
from cl.hw.driver.session import Session
from cl.hw.emulator import device_clock
from cl.hw.emulator.device import Emulator, Setup
from cl.hw.emulator.server import Client
from cl.hw.emulator.sources import CounterSource
from cl.hw.wire.commands import encode_transaction
from cl.hw.wire.eventfd import raise_eventfd
from cl.hw.wire.layout import PAGE, RegionKind, Register, RingWord
from cl.sim.dish import Dish

FRAME_NS = 40_000


class Time:
    """The host's clock, as the emulator sees it."""

    def __init__(self) -> None:
        self.ns = 10**9

    def pass_frames(self, frames: int) -> None:
        self.ns += frames * FRAME_NS


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    it = Time()
    monkeypatch.setattr(device_clock, "host_ns", lambda: it.ns)
    return it


@contextmanager
def emulator(folder: Path, **setup: int | bool) -> Iterator[Emulator]:
    path = str(folder / "device.sock")
    it = Emulator(Setup(path, **setup), CounterSource(), Dish())  # type: ignore[arg-type]
    try:
        yield it
    finally:
        it.close()


def test_a_device_leaves_the_socket_of_another_that_has_taken_its_place(tmp_path: Path) -> None:
    path = tmp_path / "device.sock"
    with ExitStack() as first:
        first.enter_context(emulator(tmp_path))
        path.unlink()
        with emulator(tmp_path):
            first.close()
            assert path.is_socket()
        assert not path.exists()


def test_the_end_of_a_former_controller_is_not_taken_for_that_of_the_next(tmp_path: Path) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with emulator(tmp_path) as device, far:
        server, client = device.server, Client(near)
        server.clients[near.fileno()] = client
        server._give_control(client)
        # What epoll has found ready may be closed, and its number be taken again, before its turn comes.
        assert server.serve(server._holder_fd)
        assert server.controller is client


def test_time_stands_still_while_the_device_has_failed(time: Time, tmp_path: Path) -> None:
    with emulator(tmp_path) as device:
        time.pass_frames(200)
        device._live()
        device.fail("on request")
        time.pass_frames(1_000_000)
        device._interrupt_all()  # A controller leaves.
        device._reset()
        device._start()
        assert device.memory.posted == 200 == device.clock.frame
        # Commands take effect now, not when the device would have been had it gone on.
        step = device._stimulator.submit(stim_operations(9, 1.0), 0, None, device.clock.step)
        assert step == 400


@pytest.mark.parametrize("moderation", [1, 12, 25, 100, 249, 250, 2500])
def test_a_device_that_was_held_up_posts_whole_blocks(time: Time, tmp_path: Path, moderation: int) -> None:
    posted = [0]
    with emulator(tmp_path, moderation=moderation) as device:
        time.pass_frames(5_000)
        while device.memory.posted + moderation <= 5_000:
            device._live()
            posted.append(device.memory.posted)
    assert all(0 < b - a <= max(moderation, 250) for a, b in itertools.pairwise(posted))
    assert all(stop % moderation == 0 for stop in posted)


@pytest.mark.parametrize(("liveness_ms", "longest"), [(1, 0.0005), (8, 0.004), (25, 0.01), (10_000, 0.01)])
def test_a_device_that_stands_still_wakes_in_time_for_the_sign_of_life_it_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liveness_ms: int, longest: float
) -> None:
    naps: list[float] = []
    nap: Callable[..., None] = lambda read, write, error, seconds: naps.append(seconds)  # noqa: E731
    with emulator(tmp_path, liveness_ms=liveness_ms, stopped=True) as device:
        monkeypatch.setattr(select, "select", nap)
        device._sleep()
    assert naps == [longest]


def test_a_ring_full_of_commands_keeps_no_sign_of_life_back() -> None:
    count = 500
    with PatientEmulator("--source", "counter") as process, linked(process.address, False) as (_, sink):
        session = Session(process.address)
        session.acquire()
        words = session.regions[RegionKind.REGISTERS].words
        commands, completions = (session.regions[k] for k in (RegionKind.COMMANDS, RegionKind.COMPLETIONS))
        slots = encode_transaction(1, stim_operations(9, 1.0), 0, None) * count
        commands.view(PAGE, len(slots))[:] = slots
        for word in (RingWord.RESERVED, RingWord.PRODUCED):
            commands.words[word] = len(slots) // 128
        before = words[Register.LIVENESS]
        raise_eventfd(session.doorbell_fd)
        poller = select.poll()
        poller.register(session.completion_fd, select.POLLIN)
        while completions.words[RingWord.PRODUCED] < count:
            assert poller.poll(PATIENCE * 1e3)
        # One turn takes them all; the device shows that it lives between any two of them.
        assert words[Register.LIVENESS] - before >= count - 1
        session.close()
        assert not sink.errors
