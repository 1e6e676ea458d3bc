"""Telling a person something in passing: whether it can be told changes nothing for the program.

stderr may be gone, closed, full, strict about characters, or a pipe that nobody empties; a program may turn
warnings into errors and have log handlers that fail. None of that may end an experiment.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import warnings
from contextlib import suppress
from typing import Any, Final

_PIPE_BYTES: Final = 4096
"""What a pipe that is ready takes without waiting, at least (POSIX's PIPE_BUF on Linux)."""


def say(text: str) -> None:
    """Print a line to stderr, if there is one that takes it at once."""
    stream = sys.stderr
    if stream is None:
        return
    genuine = stream is sys.__stderr__ and os.name == "posix"
    with suppress(Exception):  # a broken pipe, a full disk, a closed file, a stand-in of the program's own
        if genuine:
            # Past its buffer: what could not be written would stay in there, and spoil the exit status.
            stream.flush()
            write_at_once(stream.fileno(), f"{text}\n".encode(stream.encoding, "backslashreplace"))
        else:
            _print(text, stream)


def write_at_once(fd: int, data: bytes) -> int:
    """Write some of the data, and return how much: all of them, dropped, where the descriptor would wait.

    Raises `OSError` where it cannot be written to.
    """
    if not select.select([], [fd], [], 0)[1]:
        return len(data)
    return os.write(fd, data[:_PIPE_BYTES])


def _print(text: str, stream: Any) -> None:
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def warn(text: str, category: type[Warning] = UserWarning, stacklevel: int = 1) -> None:
    """Warn of something that is no fault of the calling line.

    Where the program turns warnings into errors it is printed instead: it is no reason for a device not to
    open, or for an experiment to end. `stacklevel` as in `warnings.warn`, from the caller of this.
    """
    try:
        warnings.warn(text, category, stacklevel=stacklevel + 1)
    except Exception:  # also a closed stderr
        say(f"{category.__name__}: {text}")


def deprecated(text: str, stacklevel: int = 1) -> None:
    """Warn of a deprecated name in a line of the program; an error where the program wants it to be one."""
    try:
        warnings.warn(text, DeprecationWarning, stacklevel=stacklevel + 1)
    except Warning:
        raise
    except Exception:
        pass  # a closed stderr


class Log:
    """The package's logger. A handler of the program's that fails does not end what was told of.

    The standard library has handlers deal with their own failures, but not all of them do: with a closed
    stderr, for one, its last resort raises `ValueError`.
    """

    __slots__ = ("_logger",)

    def __init__(self, name: str = "cl") -> None:
        self._logger = logging.getLogger(name)

    def debug(self, text: str, *values: object, exc_info: bool = False) -> None:
        self._log(logging.DEBUG, text, values, exc_info)

    def info(self, text: str, *values: object) -> None:
        self._log(logging.INFO, text, values)

    def warning(self, text: str, *values: object) -> None:
        self._log(logging.WARNING, text, values)

    def error(self, text: str, *values: object) -> None:
        self._log(logging.ERROR, text, values)

    def exception(self, text: str, *values: object) -> None:
        self._log(logging.ERROR, text, values, exc_info=True)

    def _log(self, level: int, text: str, values: tuple[object, ...], exc_info: bool = False) -> None:
        with suppress(Exception):
            self._logger.log(level, text, *values, exc_info=exc_info, stacklevel=3)
