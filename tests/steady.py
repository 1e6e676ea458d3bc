"""Tests of promises in the host's time: only a host that lets the test run says whether they are kept."""

from __future__ import annotations

import functools
import inspect
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])

_ATTEMPTS = 20
_LOOK_S = 0.01


class Unsteady(Exception):
    """Raised by a test that has found out itself that it was not let run, though other threads were."""


class _Attempt:
    """Lets a test fail in the `with` block where the process has stood still for so long in it."""

    def __init__(self, forgiven_s: float) -> None:
        self.is_over = False
        self._forgiven_s = forgiven_s
        self._longest_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="standstill")

    def _watch(self) -> None:
        last, goes_on = time.monotonic(), True
        while goes_on:
            goes_on = not self._ended.wait(_LOOK_S)
            now = time.monotonic()
            self._longest_s, last = max(self._longest_s, now - last), now

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._ended.set()
        self._thread.join()
        failed = kind is not None and issubclass(kind, Exception | pytest.fail.Exception)
        stood_still = kind is not None and issubclass(kind, Unsteady) and self._forgiven_s < math.inf
        self.is_over = not (failed and (stood_still or self._longest_s >= self._forgiven_s))
        return not self.is_over


def _attempts(forgiven_s: float) -> Iterator[_Attempt]:
    for left in reversed(range(_ATTEMPTS)):
        attempt = _Attempt(forgiven_s if left else math.inf)
        yield attempt
        if attempt.is_over:
            return


def steady(forgiven_s: float) -> Callable[[Test], Test]:
    """Have a test made again where it failed and the process has stood still for so long meanwhile.

    For what is promised by the host's clock, as that a watchdog does not fire before its time: a program that
    stands still for longer than that is right to be stopped by it. Less than some 30 ms cannot be told. The
    test's fixtures stay as they are.
    """

    def decorated(test: Test) -> Test:
        @functools.wraps(test)
        def run(*arguments: Any, **named: Any) -> None:
            for attempt in _attempts(forgiven_s):
                with attempt:
                    test(*arguments, **named)

        @functools.wraps(test)
        async def arun(*arguments: Any, **named: Any) -> None:
            for attempt in _attempts(forgiven_s):
                with attempt:
                    await test(*arguments, **named)

        return arun if inspect.iscoroutinefunction(test) else run  # type: ignore[return-value]

    return decorated
