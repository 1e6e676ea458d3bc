"""An exception in the midst of a thread's start is the caller's; the thread has begun then, or never will."""

from __future__ import annotations

import signal
import threading

import pytest
from interrupting import Interruption, alarms

from cl._values.thread_start import start_thread


class _Alarmed(threading.Thread):
    """One in whose start a signal comes."""

    def start(self) -> None:
        signal.raise_signal(signal.SIGALRM)
        super().start()


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, KeyError, RuntimeError])
def test_a_signal_in_the_midst_of_it(error: type[BaseException]) -> None:
    """`Thread.start` may take what the handler raises for a failure, and the thread ends before it runs."""
    ran = threading.Event()
    thread = _Alarmed(target=ran.set)
    with alarms(error), pytest.raises(error):
        start_thread(thread)
    assert thread.ident is not None
    thread.join()
    assert ran.is_set() and not threading._limbo  # type: ignore[attr-defined]


def test_an_interruption_at_any_moment() -> None:
    called_off, moment = [], 0
    while True:
        moment += 1
        ran = threading.Event()
        thread = threading.Thread(target=ran.set)
        interruption = Interruption(moment, "_values/thread_start")
        with interruption.watching():
            start_thread(thread)
        if thread.ident is None:
            called_off.append(thread)
        else:
            thread.join()
            assert ran.is_set()
        if not interruption.place:
            break
    assert moment > 10 and called_off
    assert all(thread.ident is None for thread in called_off)
    assert not threading._limbo  # type: ignore[attr-defined]


def test_other_errors_stay() -> None:
    thread = threading.Thread(target=lambda: None)
    start_thread(thread)
    thread.join()
    with pytest.raises(RuntimeError, match="once"):
        start_thread(thread)


def test_in_another_thread_there_is_no_hop() -> None:
    started: list[int] = []

    class Noting(threading.Thread):
        def start(self) -> None:
            started.append(threading.get_ident())
            super().start()

    inner = Noting(target=lambda: None)
    outer = threading.Thread(target=start_thread, args=(inner,))
    outer.start()
    outer.join()
    inner.join()
    assert started == [outer.ident]
