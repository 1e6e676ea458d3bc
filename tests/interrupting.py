"""Interruptions at chosen lines of the package: what Ctrl-C may do at any moment, made to happen again."""

from __future__ import annotations

import ast
import dis
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import cl

_PACKAGE = str(Path(cl.__file__).parent) + os.sep
EXPLORES = "CL_EXPLORE" in os.environ
"""Whether every moment is tried, and not only some that lie evenly among them."""
OPCODES = "CL_OPCODES" in os.environ
"""Whether moments are opcodes, and not lines."""
_NOP = dis.opmap["NOP"]


class Interruption:
    """Raises KeyboardInterrupt when the thread comes to the `moment`-th line of the package; 0: never.

    The lines of a `with` that end its block do not count: a signal is handled after the call that leaves the
    block and not before it, which only tracing can do; it would keep a lock that no signal can keep.
    So with the release, or the assignment of a constant, that a `finally` begins with: a signal is handled
    within the `try`, or after it. Nor does the line of a `try:` count, which does nothing: no signal is
    handled there, and a `with` around it does not catch what tracing raises there.
    """

    def __init__(self, moment: int = 0, below: str = "") -> None:
        self._moment = moment
        self._below = _PACKAGE + below
        self.count = 0
        self.place = ""
        """Where it was raised."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Interrupt what runs in the block, and go on behind it."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        except KeyboardInterrupt:
            if not self.place:
                raise
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(self._below):
            return None
        frame.f_trace_opcodes = OPCODES
        return self._step

    def _step(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        if event == ("opcode" if OPCODES else "line") and not (_leaves_block(frame) or _does_nothing(frame)):
            self.count += 1
            if self.count == self._moment:
                self.place = f"{frame.f_code.co_filename[len(_PACKAGE) :]}:{frame.f_lineno}"
                sys.settrace(None)
                self._interrupt()
                return None
        return self._step

    def _interrupt(self) -> None:
        raise KeyboardInterrupt


class Calling(Interruption):
    """Calls a function at such a moment, as a signal's handler is called: what was interrupted goes on."""

    def __init__(self, moment: int, function: Callable[[], object], below: str = "") -> None:
        super().__init__(moment, below)
        self._function = function
        self.result: object = None

    def _interrupt(self) -> None:
        self.result = self._function()


def moments(count: int, some: int) -> list[int]:
    """Return `some` of the moments from 1 to `count`, evenly; all of them where that is asked for."""
    if EXPLORES or count <= some:
        return list(range(1, count + 1))
    return [1 + i * count // some for i in range(some)]


def _does_nothing(frame: FrameType) -> bool:
    """Return whether no signal is handled at the next opcode, which may lie outside of a `try`."""
    return OPCODES and frame.f_code.co_code[frame.f_lasti] == _NOP


def _leaves_block(frame: FrameType) -> bool:
    code, line = frame.f_code, frame.f_lineno
    if line in _releases(code.co_filename):
        return True
    return line in _with_lines(code.co_filename) and frame.f_lasti >= _first_end(code, line)


@cache
def _with_lines(path: str) -> frozenset[int]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return frozenset(node.lineno for node in ast.walk(tree) if isinstance(node, (ast.With, ast.AsyncWith)))


@cache
def _releases(path: str) -> frozenset[int]:
    """Return the lines of `try:`, and of releases and assignments that begin a `finally`, up to them."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Try):
            found.add(node.lineno)
        first = node.finalbody[0] if isinstance(node, ast.Try) and node.finalbody else None
        if isinstance(first, ast.Assign) and isinstance(first.value, ast.Constant):
            found.add(first.lineno)
        if isinstance(node, ast.Try) and node.finalbody and isinstance(inner := node.finalbody[0], ast.Try):
            call = inner.body[0]
            if isinstance(call, ast.Expr) and ast.unparse(call).endswith("release()"):
                found.update(range(inner.lineno - 1, call.lineno + 1))
    return frozenset(found)


@cache
def _first_end(code: CodeType, line: int) -> int:
    """Return where the first run of a line's instructions ends."""
    end = None
    for start, stop, at in code.co_lines():
        if at == line and (end is None or start == end):
            end = stop
        elif end is not None:
            break
    return sys.maxsize if end is None else end


@contextmanager
def alarms(error: type[BaseException]) -> Iterator[Callable[[float], None]]:
    """Give a function that has `error` raised after so many seconds; 0: never."""

    def ring(*_: object) -> None:
        raise error("an alarm")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
