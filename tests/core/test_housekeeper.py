"""The background thread's work in wall-clock time, on a clock that stands where the tests set it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

import cl
from cl._core.engine import Engine
from cl._core.host_time import HostTimebase
from cl._wait.housekeeper import WallChores
from cl.visualisation.server.source import LiveSource

pytestmark = pytest.mark.usefixtures("accelerated")


@dataclass
class Still:
    """A clock that does not go on by itself."""

    frame: int

    def now(self) -> int:
        return self.frame


@contextmanager
def clock_at(engine: Engine, frame: int) -> Iterator[Still]:
    """Let the device live in the host's time, by a clock that stands."""
    clock, before = Still(frame), engine.time
    engine.time = HostTimebase(engine, cast(Any, clock))
    try:
        yield clock
    finally:
        engine.time = before


def test_ctrl_c_while_it_starts_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Thread):
        def start(self) -> None:
            super().start()
            raise KeyboardInterrupt

    monkeypatch.delenv("CL_SDK_ACCELERATED_TIME")
    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr("cl._wait.housekeeper.threading.Thread", Interrupted)
        with pytest.raises(KeyboardInterrupt), cl.open():
            pass
    assert set(threading.enumerate()) == before


def moves_after(engine: Engine, frames: int) -> None:
    """See that the device stays where it is until it is so many frames behind."""
    before = engine.position
    chores, stop = WallChores(engine), threading.Event()
    with clock_at(engine, before + frames) as clock:
        chores.do(stop)
        assert engine.position == before
        clock.frame += 1
        chores.do(stop)
        assert before < engine.position <= clock.frame


def test_a_body_has_a_second_until_the_device_moves_on_without_it() -> None:
    """Stims of a body count from its tick as long as nobody has been given what comes after it."""
    with cl.open() as neurons:
        for _ in neurons.loop(100, stop_after_ticks=1):
            moves_after(neurons._engine, 25_000)


def test_with_a_page_that_looks_on_it_has_50_ms() -> None:
    with cl.open() as neurons:
        engine = neurons._engine
        page = LiveSource(engine, cast(Any, None))
        for _ in neurons.loop(100, stop_after_ticks=1):
            before = engine.position
            with clock_at(engine, before + 1_251):
                assert page.position() == before
                WallChores(engine).do(threading.Event())
                assert page.position() > before


def test_without_a_body_the_device_moves_on_after_50_ms() -> None:
    with cl.open() as neurons:
        moves_after(neurons._engine, 1_250)
        for _ in neurons.loop(100, stop_after_ticks=1):
            pass
        moves_after(neurons._engine, 1_250)
