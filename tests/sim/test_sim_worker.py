"""The thread that calls a user's code, and the errors made of what goes wrong there."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from leak_tools import threads

from cl.sim.user.caller import Caller
from cl.sim.user.checks import DataSourceError
from cl.sim.user.worker import StuckError, Worker


def test_calls_are_made_in_one_thread() -> None:
    worker = Worker("one")
    first, second = (worker.call(30, threading.get_ident) for _ in range(2))
    assert first.result == second.result != threading.get_ident()
    assert first.error is None
    assert worker.call(30, divmod, 7, 2).result == (3, 1)
    assert worker.stop()
    assert worker.stop()


def test_what_is_raised_is_kept() -> None:
    worker = Worker("one")
    error = worker.call(30, lambda: 1 // 0).error
    assert isinstance(error, ZeroDivisionError)
    assert worker.call(30, int).result == 0
    worker.stop()


def test_no_thread_before_the_first_call() -> None:
    before = threads()
    assert Worker("one").stop()
    assert threads() <= before


def test_a_call_that_does_not_return() -> None:
    go_on = threading.Event()
    worker = Worker("one")
    with pytest.raises(StuckError, match=r"no answer within 0\.01 s"):
        worker.call(0.01, go_on.wait)
    assert worker.stuck
    with pytest.raises(StuckError, match="an earlier call"):
        worker.call(30, int)
    thread = worker._thread
    assert not worker.stop()
    go_on.set()
    assert thread is not None
    thread.join()


def test_calls_from_many_threads_do_not_mix() -> None:
    worker, wrong = Worker("one"), []

    def caller(number: int) -> None:
        for turn in range(50):
            if worker.call(30, lambda turn=turn: (number, turn)).result != (number, turn):
                wrong.append(turn)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worker.stop()
    assert wrong == []


def test_first_calls_from_two_threads_start_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[threading.Thread] = []
    both = threading.Barrier(2)

    class Slow(threading.Thread):
        def __init__(self, **arguments: Any) -> None:
            made.append(self)
            with suppress(threading.BrokenBarrierError):
                both.wait(0.2)  # time enough for the other caller to make one, too
            super().__init__(**arguments)

    worker = Worker("one")
    callers = [threading.Thread(target=worker.call, args=(30, int)) for _ in range(2)]
    monkeypatch.setattr("cl.sim.user.worker.threading.Thread", Slow)
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(made) == 1
    assert worker.stop()


def test_a_served_call_that_does_not_return_is_overdue() -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        go_on.wait()

    caller = Caller("x", 0.05)
    caller.serve(lambda: caller("read", hang))
    began = time.monotonic()
    hanging.wait()
    while (error := caller.overdue()) is None:
        time.sleep(0.001)  # the time that is measured
    assert time.monotonic() - began >= 0.05
    assert "read: no answer within 0.05 s" in str(error)
    thread = caller._worker._thread
    go_on.set()
    caller.stop()
    assert thread is not None
    thread.join()


def test_inline_an_interrupt_goes_through() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Caller("x", None)("read", interrupt)
    caller = Caller("x", 30)
    with pytest.raises(DataSourceError, match="it raised KeyboardInterrupt"):
        caller("read", interrupt)
    caller.stop()
