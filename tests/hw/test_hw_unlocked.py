"""A log's handlers are code of the program's: the driver calls them without the engine's lock."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hw_tools import PATIENCE, PatientEmulator

import cl
from cl.error import LaggedError
from cl.hw.emulator import EmulatorProcess


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        monkeypatch.setenv("CL_DEVICE", process.address)
        yield process


class Handler(logging.Handler):
    """Does something with every loss that is logged."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.called = threading.Event()
        self.results: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "frames between the frames" in record.getMessage():
            try:
                self.results.append(self.work())
            finally:
                self.called.set()


@contextmanager
def handling(work: Callable[[], object]) -> Iterator[Handler]:
    handler, logger = Handler(work), logging.getLogger("cl")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def can_be_had_by_another(lock: threading.Lock) -> bool:
    """Return whether another thread gets a lock while this one waits for that."""
    had: list[bool] = []

    def take() -> None:
        if lock.acquire(timeout=PATIENCE):
            lock.release()
            had.append(True)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(had)


@pytest.mark.parametrize("looping", [False, True], ids=["the reader thread", "a loop's thread"])
def test_a_loss_is_logged_without_the_lock(emulator: EmulatorProcess, looping: bool) -> None:
    with cl.open() as neurons:
        lock = neurons._engine.lock
        with handling(lambda: can_be_had_by_another(lock)) as handler:
            if looping:
                with pytest.raises(LaggedError):
                    for tick in neurons.loop(1000, ignore_jitter=True):
                        if tick.iteration == 5:
                            emulator.inject("drop=300")
            else:
                emulator.inject("drop=300")
            assert handler.called.wait(PATIENCE)
        assert handler.results == [True]


def test_a_handler_may_ask_the_device_itself(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons, handling(lambda: len(neurons.read(25))) as handler:
        emulator.inject("drop=300")
        assert handler.called.wait(PATIENCE)
        assert handler.results == [25]


def test_a_handler_that_fails_is_no_failure_of_the_device(emulator: EmulatorProcess) -> None:
    def fail() -> None:
        raise OSError("the log's disk is full")

    with cl.open() as neurons, handling(fail) as handler:
        emulator.inject("drop=300")
        assert handler.called.wait(PATIENCE)
        assert len(neurons.read(25, neurons.timestamp() + 1000)) == 25


def test_a_recordings_end_is_taken_without_the_reader_thread(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        engine, link = neurons._engine, neurons._engine.device._link  # type: ignore[attr-defined]
        with engine.lock:
            # The reader thread waits for the lock: only this one takes what the device posts.
            at = link.waiter.wait(engine.position + 100, PATIENCE)
            assert engine.position < at
            engine.supply.bring_up(at)
            assert engine.position >= at
