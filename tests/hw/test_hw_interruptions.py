"""Interruptions in the midst of a conversation with the card: request and answer stay in step."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import anyio
import pytest
from hw_tools import PatientEmulator, linked, until_quiet
from interrupting import OPCODES, Interruption, alarms, moments

import cl
from cl._stim.operations import StimOperation, interrupt_operations, stim_operations
from cl.hw.driver.link import Link
from cl.hw.emulator import EmulatorProcess
from cl.hw.wire.layout import Control, Status

SOME = 40
"""Moments that are tried of each, unless all are."""
CONVERSATION = "hw/driver/"


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        yield process


def stim(link: Link) -> None:
    link.submit(stim_operations(9, 1.0), 0)


def stop_and_start(link: Link) -> None:
    link.control(Control.STOP)
    link.control(Control.START)


def reset(link: Link) -> None:
    link.control(Control.RESET)
    link.control(Control.START)


def give_and_take(link: Link) -> None:
    link.release()
    link.acquire()


@pytest.mark.parametrize("talk", [stim, stop_and_start, reset, give_and_take])
def test_what_follows_an_interruption_gets_its_own_answer(
    talk: Callable[[Link], None], emulator: EmulatorProcess
) -> None:
    with linked(emulator.address) as (link, _):
        watched = Interruption(below=CONVERSATION)
        with watched.watching():
            talk(link)
        tried = moments(watched.count, SOME * (8 if OPCODES else 1))
        for moment in tried:
            interruption = Interruption(moment, CONVERSATION)
            with interruption.watching():
                talk(link)
            link.acquire()
            link.control(Control.START)
            assert link.status == Status.RUNNING, interruption.place
            first = link.submit(interrupt_operations(9), 0)
            with pytest.raises(ValueError, match="period"):
                link.submit(too_short(), 0)
            assert link.submit(interrupt_operations(9), 0) >= first, interruption.place
            assert link.error is None
    assert len(tried) >= SOME or len(tried) == watched.count


def too_short() -> list[StimOperation]:
    """Return what the device refuses: a period shorter than its pulse."""
    return [StimOperation((9,), cl.StimDesign(160, -1.0, 160, 1.0), 2, period_steps=1, delay_steps=0)]


def test_a_wait_that_is_interrupted_leaves_the_interrupt_to_others(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        waiter = link.waiter

        def wait() -> None:
            waiter.is_busy()
            waiter.try_wait(link.posted + 30)
            waiter.wait(link.posted + 30)

        watched = Interruption(below="hw/driver/waiter.py")
        with watched.watching():
            wait()
        for moment in moments(watched.count, 200):
            interruption = Interruption(moment, "hw/driver/waiter.py")
            with interruption.watching():
                wait()
            busy: list[bool] = []
            thread = threading.Thread(target=lambda found=busy: found.append(waiter.is_busy()))
            thread.start()
            thread.join()
            assert busy == [False], interruption.place
            assert waiter.try_wait(link.posted + 1)


def test_a_wait_within_an_interrupted_wait_finds_another_way(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        found: list[tuple[bool, bool, bool]] = []

        def look() -> None:
            frame = link.posted + 30
            waiter = link.waiter
            found.append((waiter.is_busy(), waiter.try_wait(frame), waiter.wait(frame) >= frame))

        link.waiter._is_used = True
        with link.waiter._lock:
            look()
        assert not link.waiter.is_busy()
    assert found == [(True, False, True)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_commands_in_a_row_may_be_interrupted_and_closing_stops_stimulation(
    error: type[BaseException], emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_DEVICE", emulator.address)
    chance, interrupted = random.Random(3), 0
    with alarms(error) as after, cl.open() as neurons:
        for _ in range(40):
            try:
                after(chance.uniform(0.0001, 0.004))
                while True:
                    neurons.interrupt(8)
                    neurons.stim(8, 1.0)
            except error:
                interrupted += 1
        assert neurons.read(100).shape == (100, 64)
        try:
            after(0.002)
            while True:
                neurons.stim(9, 1.0, cl.BurstDesign(1_000_000, 200))
                neurons.interrupt(9)
        except error:
            interrupted += 1
        neurons.stim(9, 1.0, cl.BurstDesign(1_000_000, 200))
    assert interrupted == 41
    with cl.open(take_control=False) as neurons:
        until_quiet(neurons)


@pytest.mark.anyio
async def test_a_cancelled_task_whose_command_goes_on_in_its_thread_disturbs_no_other(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_DEVICE", emulator.address)
    async with cl.aopen() as neurons:
        for number in range(20):
            with anyio.move_on_after(0.0005 * (number % 4)):
                await anyio.to_thread.run_sync(neurons.stim, 8, 1.0, abandon_on_cancel=True)
            neurons.interrupt(8)
        assert (await neurons.aread(100)).shape == (100, 64)
