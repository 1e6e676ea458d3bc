"""The system's calls of the package, each of which can be made to fail once: the shim between the two."""

from __future__ import annotations

import builtins
import errno
import fcntl
import gc
import genericpath
import io
import mmap
import os
import pathlib
import select
import shutil
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from leak_tools import open_files, threads

import cl
import cl._session.opening
import cl._wait.loop_timers as loop_timers
import cl._wait.timerfd as timerfd

NUMBERS = (
    errno.ENOSPC,
    errno.EIO,
    errno.EMFILE,
    errno.ENOMEM,
    errno.EINTR,
    errno.EPERM,
    errno.ECONNRESET,
)
EVERY_CALL = "CL_EVERY_CALL" in os.environ
"""Whether each call fails with each of them, and not the first and last of each place with one or another."""
TIMEOUT = 3600 if EVERY_CALL else 120
"""Seconds that a test may take."""
Program = Callable[[list[Path]], None]
"""Adds to its argument the files that it has begun to record."""
_PACKAGE = str(Path(cl.__file__).parent) + os.sep


def _parts(module: Any) -> list[str]:
    """Return the files of a module that is a package, as pathlib is in later versions."""
    return [str(file) for folder in getattr(module, "__path__", ()) for file in Path(folder).glob("*.py")]


_BETWEEN = (io, os, socket, threading, os.path, genericpath, pathlib, shutil, tempfile)
_BETWEEN_FILES = frozenset(
    file for module in _BETWEEN for file in (getattr(module, "__file__", ""), *_parts(module))
)
"""What the package calls the system through; other libraries' calls are theirs."""
_OS = (
    "access close dup dup2 eventfd eventfd_read eventfd_write fdatasync fstat fsync ftruncate link listdir",
    "lseek lstat memfd_create mkdir open pread preadv pwrite read readlink replace rmdir scandir",
    "set_blocking stat statvfs unlink write",
)
_SOCKET = (
    "accept bind close connect getsockname listen recv recvmsg send sendmsg setblocking setsockopt",
    "settimeout shutdown",
)
_AFTERWARDS = frozenset({"close"})
"""What has been done when it fails: the descriptor is gone all the same, as on Linux."""


class Call(NamedTuple):
    """What the package called and where, and how often it had been called there before.

    Of all calls together a number would say another one in each run: threads make them side by side.
    """

    name: str
    place: str
    before: int

    def __str__(self) -> str:
        return f"{self.name} at {self.place}, after {self.before}"


class FailingCalls:
    """Counts the package's calls of the system; `fails_at` is the one that fails, with `number`."""

    def __init__(self, fails_at: Call | None = None, number: int = 0) -> None:
        self.fails_at = fails_at
        self.number = number
        self.calls: list[Call] = []
        self.failed: Call | None = None
        self._counts: Counter[tuple[str, str]] = Counter()
        self.closed_twice: list[str] = []
        """Where a descriptor was closed that was closed: by then it may be another file's."""
        self._lock = threading.Lock()

    @contextmanager
    def between(self) -> Iterator[FailingCalls]:
        """Stand between the package and the system in the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in " ".join(_OS).split():
                if hasattr(os, name):
                    patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            for name in " ".join(_SOCKET).split():
                patch.setattr(socket.socket, name, self._method(name, getattr(socket.socket, name)))
            patch.setattr(socket, "getaddrinfo", self._wrapped("getaddrinfo", socket.getaddrinfo))
            patch.setattr(socket, "socketpair", self._wrapped("socketpair", socket.socketpair))
            patch.setattr(fcntl, "fcntl", self._wrapped("fcntl", fcntl.fcntl))
            patch.setattr(mmap, "mmap", self._wrapped("mmap", mmap.mmap))
            patch.setattr(select, "select", self._wrapped("select", select.select))
            patch.setattr(select, "poll", self._polls(select.poll))
            patch.setattr(threading.Thread, "start", self._method("start", threading.Thread.start))
            opened = self._wrapped("open", builtins.open)
            patch.setattr(builtins, "open", opened)
            patch.setattr(io, "open", opened)
            calls = timerfd.timerfd_calls()
            if calls is not None:
                wrapped = timerfd.TimerfdCalls(self._wrapped("timerfd_create", calls.create, 1), calls.set)
                patch.setattr(loop_timers, "timerfd_calls", lambda: wrapped)
            yield self

    def _wrapped(self, name: str, function: Callable[..., Any], depth: int = 1) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if not self._fails(name, depth + 1):
                return self._checked(name, function, *arguments, **named)
            if name in _AFTERWARDS:
                function(*arguments, **named)
            raise self._error(name)

        return call

    def _checked(self, name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except OSError as error:
            if name == "close" and error.errno == errno.EBADF and arguments[0] >= 0:
                self.closed_twice.append(str(self.calls[-1]))
            raise

    def _method(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        wrapped = self._wrapped(name, function, 2)
        return lambda *arguments, **named: wrapped(*arguments, **named)

    def _polls(self, poll: Callable[[], Any]) -> Callable[[], Any]:
        calls = self

        class Poll:
            def __init__(self) -> None:
                self._poll = poll()
                self.register = self._poll.register
                self.unregister = self._poll.unregister
                self.poll = calls._wrapped("poll", self._poll.poll)

        return Poll

    def _fails(self, name: str, depth: int) -> bool:
        frame: Any = sys._getframe(depth)
        while frame is not None and frame.f_code.co_filename in _BETWEEN_FILES:
            frame = frame.f_back
        if frame is None or not frame.f_code.co_filename.startswith(_PACKAGE):
            return False
        place = f"{frame.f_code.co_filename[len(_PACKAGE) :]}:{frame.f_lineno}"
        with self._lock:
            call = Call(name, place, self._counts[name, place])
            self._counts[name, place] += 1
            self.calls.append(call)
            if call == self.fails_at:
                self.failed = call
                return True
        return False

    def _error(self, name: str) -> Exception:
        if name == "start":
            return RuntimeError("can't start new thread")  # As Python has it, whatever the system said.
        if name == "getaddrinfo":
            return socket.gaierror(socket.EAI_AGAIN, "put in by a test")
        return OSError(self.number, f"{os.strerror(self.number)} (put in by a test)")


class Trial:
    """One run of a program in which one call fails."""

    def __init__(self, program: Program, fails_at: Call | None, number: int) -> None:
        self.paths: list[Path] = []
        self.error: Exception | None = None
        self.calls = FailingCalls(fails_at, number)
        with self.calls.between():
            try:
                program(self.paths)
            except Exception as error:
                self.error = error

    def __repr__(self) -> str:
        return f"{self.calls.failed} fails with {os.strerror(self.calls.number)}: {self.error!r}"


def check_error(trial: Trial) -> None:
    """An error is one that a program may expect, and says what the system said."""
    error = trial.error
    if error is None:
        return
    assert isinstance(error, (OSError, RuntimeError, ValueError)), trial
    said = [str(error), str(error.__cause__), str(error.__context__)]
    assert any("put in by a test" in text or "new thread" in text for text in said), trial


def turns(calls: FailingCalls) -> list[Call]:
    """Return the calls that are to fail."""
    if EVERY_CALL:
        return calls.calls
    last = {(call.name, call.place): call for call in calls.calls}
    return [call for call in calls.calls if not call.before or last[call.name, call.place] == call]


def fails_in_turn(program: Program, check: Callable[[Trial], None]) -> tuple[int, int]:
    """Let every call fail once; return how many trials there were, and how many of them raised."""
    program([])
    whole = Trial(program, None, 0)
    assert whole.error is None
    failed = raised = 0
    gc.collect()
    files, before = open_files(), threads()
    for at, call in enumerate(turns(whole.calls)):
        for number in NUMBERS if EVERY_CALL else (NUMBERS[at % len(NUMBERS)],):
            trial = Trial(program, call, number)
            print(trial, flush=True)
            failed += trial.calls.failed is not None
            raised += trial.error is not None
            check_error(trial)
            assert not trial.calls.closed_twice, (trial, trial.calls.closed_twice)
            check(trial)
            trial.error = None
            assert not cl._session.opening.is_open(), trial
            for thread in threads() - before:  # Some end by themselves, a moment later.
                thread.join(10)
                assert not thread.is_alive(), (trial, thread)
            if open_files() > files:
                gc.collect()
            assert open_files() <= files, (trial, open_files(), files)
            assert gc.isenabled(), trial
    print(f"{failed} calls have failed, {raised} of them were told to the program")
    return failed, raised
