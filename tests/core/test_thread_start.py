"""An exception in the midst of a thread's start belongs to the caller."""

from __future__ import annotations

import threading

import pytest

from cl._values.thread_start import start_thread


class _Interrupted(threading.Thread):
    """What `Thread.start` does where a handler raises just after the thread has begun."""

    def start(self) -> None:
        super().start()
        self.join()
        try:
            raise TimeoutError("an alarm")
        except TimeoutError:
            threading._limbo.pop("gone")  # type: ignore[attr-defined]


def test_the_handlers_exception_is_raised_and_not_that_of_the_look_at_a_thread_that_began() -> None:
    ran = threading.Event()
    with pytest.raises(TimeoutError, match="an alarm"):
        start_thread(_Interrupted(target=ran.set))
    assert ran.is_set()


def test_other_errors_stay() -> None:
    thread = threading.Thread(target=lambda: None)
    start_thread(thread)
    thread.join()
    with pytest.raises(RuntimeError, match="once"):
        start_thread(thread)
