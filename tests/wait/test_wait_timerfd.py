"""The system's timer, by Python's calls and by the C library's."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alarm_tools import CALLS, FAR_NS

from cl._wait.timerfd import Timerfd, TimerfdCalls, libc_calls, python_calls, timerfd_calls


@pytest.fixture(params=CALLS)
def calls(request: pytest.FixtureRequest) -> TimerfdCalls:
    return CALLS[request.param]


@pytest.fixture
def timer(calls: TimerfdCalls) -> Iterator[Timerfd]:
    timer = Timerfd(calls)
    yield timer
    timer.close()


def is_readable(timer: Timerfd, wait_ms: int = 0) -> bool:
    poll = select.poll()
    poll.register(timer.number, select.POLLIN)
    return bool(poll.poll(wait_ms))


def test_it_is_readable_from_its_end_on_until_it_is_set_again(timer: Timerfd) -> None:
    assert not is_readable(timer)
    for again in (0, FAR_NS, 10**15):
        timer.set(1)
        assert is_readable(timer, 30_000)
        assert is_readable(timer)
        timer.set(again)
        assert not is_readable(timer)


def test_a_time_of_more_than_a_second_is_set_whole(timer: Timerfd) -> None:
    timer.set(2**33 + 5)
    # The system tells what is left, for any process that asks.
    told = Path(f"/proc/self/fdinfo/{timer.number}").read_text()
    seconds = int(told.partition("it_value: (")[2].partition(",")[0])
    assert seconds == 2**33 // 10**9


def test_it_neither_blocks_nor_is_inherited(timer: Timerfd) -> None:
    assert not os.get_inheritable(timer.number)
    with pytest.raises(BlockingIOError):
        os.read(timer.number, 8)


def test_it_is_closed_once(calls: TimerfdCalls) -> None:
    timer = Timerfd(calls)
    number = timer.number
    timer.close()
    with pytest.raises(OSError):
        os.fstat(number)
    reused = os.open(os.devnull, os.O_RDONLY)
    assert reused == number
    timer.close()
    os.close(reused)


def test_a_dropped_one_is_closed(calls: TimerfdCalls) -> None:
    timer = Timerfd(calls)
    number = timer.number
    del timer
    with pytest.raises(OSError):
        os.fstat(number)


def test_an_error_of_the_system_is_raised(calls: TimerfdCalls) -> None:
    closed = calls.create()
    os.close(closed)
    with pytest.raises(OSError) as caught:
        calls.set(closed, 5)
    assert caught.value.errno == errno.EBADF


def test_there_are_no_calls_where_the_platform_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(os, "timerfd_create", raising=False)
    assert python_calls() is None
    assert libc_calls() is None
    assert timerfd_calls.__wrapped__() is None
