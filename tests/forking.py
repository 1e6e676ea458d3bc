"""What a fork of the test's own process does, and says."""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any

_PATIENCE_S = 30.0


class Fork:
    """A child process that runs a function and ends, or lives on until it is released."""

    def __init__(self, function: Callable[[], Any], lives_on: bool = False) -> None:
        self._result, given = os.pipe()
        released, self._release = os.pipe()
        with warnings.catch_warnings():
            # Python warns of forks in a process with threads, which is what is tested here.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            os.close(self._release)
            _run(function, given)
            os.close(given)
            if lives_on:
                os.read(released, 1)
            os._exit(0)
        os.close(given)
        os.close(released)

    def result(self) -> Any:
        """Return what the function has returned; AssertionError where it raised, or did not end."""
        data = b""
        while select.select([self._result], [], [], _PATIENCE_S)[0]:
            piece = os.read(self._result, 65_536)
            if not piece:
                break
            data += piece
        else:
            os.kill(self.pid, signal.SIGKILL)
        assert data, "the fork has not come to an end"
        went_well, value = pickle.loads(data)  # noqa: S301  # Its own fork has said it.
        assert went_well, value
        return value

    def end(self) -> None:
        """Let it end, and wait for that."""
        os.close(self._release)
        os.close(self._result)
        os.waitpid(self.pid, 0)


def in_fork(function: Callable[[], Any]) -> Any:
    """Return what a function returns in a fork."""
    fork = Fork(function)
    try:
        return fork.result()
    finally:
        fork.end()


def _run(function: Callable[[], Any], given: int) -> None:
    try:
        said = pickle.dumps((True, function()))
    except BaseException:
        said = pickle.dumps((False, traceback.format_exc()))
    os.write(given, said)
