"""The thread that calls a user's code, and the errors made of what goes wrong there."""

from __future__ import annotations

import threading

import pytest
from leak_tools import threads

from cl.sim.caller import Caller
from cl.sim.checks import DataSourceError
from cl.sim.worker import StuckError, Worker


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


def test_inline_an_interrupt_goes_through() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Caller("x", None)("read", interrupt)
    caller = Caller("x", 30)
    with pytest.raises(DataSourceError, match="it raised KeyboardInterrupt"):
        caller("read", interrupt)
    caller.stop()
