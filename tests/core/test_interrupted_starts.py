"""What begins a thread is undone where Ctrl-C comes in the midst of it, whether it has begun or not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from leak_tools import open_files, threads

import cl
from cl._values import offload
from cl._wait import goal_watch
from cl.app import progress, time_limit
from cl.hw.emulator import spawn
from cl.interop import bridge
from cl.interop.osc import Sender
from cl.sim import LiveDataSink, LiveSimulatorDataSource, Simulator
from cl.sim.user import live_source, worker
from cl.visualisation.server import server


class _Interrupted:
    """`start_thread`, interrupted once, before the thread begins or after it has."""

    def __init__(self, begins: bool) -> None:
        self.begins = begins
        self.calls = 0

    def __call__(self, thread: threading.Thread) -> None:
        self.calls += 1
        if self.calls > 1 or self.begins:
            thread.start()
        if self.calls == 1:
            raise KeyboardInterrupt


@pytest.fixture(params=[False, True], ids=["before", "after"])
def begins(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def _a_run_with_a_limit() -> None:
    with time_limit.TimeLimit(3_600):
        pytest.fail("entered")


def _the_progress_of_a_run() -> None:
    shown = progress.RunProgress("a run", 60)
    shown._progress = MagicMock(is_shown=True)
    with shown:
        pytest.fail("entered")


def _a_page() -> None:
    server.VisualiserServer(None, port_from=0)


def _the_watch_for_goals() -> None:
    goal_watch.GoalWatch(MagicMock(position=0), tuple).start()


def _an_emulator() -> None:
    with spawn.EmulatorProcess():
        pytest.fail("entered")


CASES: dict[str, tuple[Any, Callable[[], None]]] = {
    "time limit": (time_limit, _a_run_with_a_limit),
    "progress": (progress, _the_progress_of_a_run),
    "page": (server, _a_page),
    "goals": (goal_watch, _the_watch_for_goals),
    "emulator": (spawn, _an_emulator),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left(name: str, begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module, begin = CASES[name]
    handlers = [signal.getsignal(number) for number in signal.Signals]
    before, files = threads(), open_files()
    monkeypatch.setattr(module, "start_thread", _Interrupted(begins))
    with pytest.raises(KeyboardInterrupt):
        begin()
    for thread in threads() - before:
        thread.join(10)
        assert not thread.is_alive()
    assert open_files() <= files
    assert [signal.getsignal(number) for number in signal.Signals] == handlers


def test_a_bridge(begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with cl.open() as neurons:
        before, files = threads(), open_files()
        with monkeypatch.context() as patch:
            patch.setattr(bridge, "start_thread", _Interrupted(begins))
            with pytest.raises(KeyboardInterrupt), Sender(neurons, "127.0.0.1:9"):
                pytest.fail("entered")
        assert (threads(), open_files()) == (before, files)


def test_a_thread_for_a_sources_calls(begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = worker.Worker("a source")
    monkeypatch.setattr(worker, "start_thread", _Interrupted(begins))
    with pytest.raises(KeyboardInterrupt):
        caller.post(int)
    assert caller.call(30, lambda: 7).result == 7
    assert caller.stop()


class _Silent(LiveSimulatorDataSource):
    def start(self, sink: LiveDataSink) -> None:
        sink.emit_frames(np.zeros((100, 64), np.int16))

    def stop(self) -> None:
        pass


def test_a_live_source(begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Simulator(source=_Silent, accelerated=False)
    with monkeypatch.context() as patch:
        patch.setattr(live_source, "start_thread", _Interrupted(begins))
        with pytest.raises(KeyboardInterrupt), cl.open(device=device):
            pytest.fail("opened")
    with cl.open(device=device) as neurons:
        assert neurons.read(10, 0).shape == (10, 64)


async def _to_the_end(done: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        await offload.to_the_end(lambda: done.append("closed"))


def test_what_is_to_be_done_to_the_end(begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    done: list[str] = []
    monkeypatch.setattr(offload, "start_thread", _Interrupted(begins))
    asyncio.run(_to_the_end(done))
    assert done == ["closed"]
