"""Running an emulator as a child process, for tests, benchmarks and examples."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from cl._values.thread_start import start_thread
from cl.hw.wire.socket_path import fits

if TYPE_CHECKING:
    from types import TracebackType

_SOCKET: Final = "device.sock"


class EmulatorProcess:
    """An emulator that runs as long as the `with` block, on a socket in a directory of its own.

    `arguments` are those of `python -m cl.hw.emulator`, without the socket. Entering waits until the
    device can be connected to; RuntimeError with its own words where it does not start. What the emulator
    and its source print after that is dropped.
    """

    def __init__(self, *arguments: str, directory: str | None = None) -> None:
        self._arguments = arguments
        self._directory = directory
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._emptying: list[threading.Thread] = []
        self.address = ""

    def __enter__(self) -> EmulatorProcess:
        self._folder = folder = _folder(self._directory)
        path = Path(folder.name) / _SOCKET
        self._process = process = self._start(path)
        self.address = f"unix:{path}"
        try:
            self._await_ready(process)
        except BaseException:
            self._end(process, folder)
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()
            raise
        return self

    def _await_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        # A source may have printed something of its own before.
        if not any(line.rstrip().endswith(f"ready {self.address}") for line in process.stdout):
            _, words = process.communicate()
            raise RuntimeError(f"the emulator did not start: {words.strip()}")
        for pipe in (process.stdout, process.stderr):
            thread = threading.Thread(target=_empty, args=(pipe,), name="cl-emulator-output", daemon=True)
            self._emptying.append(thread)
            start_thread(thread)

    def _start(self, path: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cl.hw.emulator", "--socket", str(path), "--stdin", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Linux shares the processor out among sessions: a device is no part of the program's share.
            # (It ends all the same when the program does: its input closes.)
            start_new_session=True,
            # What this process can import the child can: this package, and sources named module:attr.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
        )

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        assert self._process is not None
        return self._process.pid

    def inject(self, fault: str) -> None:
        """Have the device misbehave from now on: see `--faults` for what there is."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(fault + "\n")
        self._process.stdin.flush()

    def wait(self, timeout: float = 10.0) -> int:
        """Wait until the process has ended by itself; return its exit status."""
        assert self._process is not None
        return self._process.wait(timeout)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, folder = self._process, self._folder
        assert process is not None and folder is not None
        self._end(process, folder)

    def _end(self, process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
        process.terminate()
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self._emptying:
            if thread.ident is not None:
                thread.join(2.0)  # a child of the source's may live on, and keep the pipe open
        if process.stdin is not None:
            with suppress(OSError):  # faults that the emulator did not come to take
                process.stdin.close()
        folder.cleanup()


def _folder(directory: str | None) -> tempfile.TemporaryDirectory[str]:
    """Make the folder of the socket: where temporary files are, or in /tmp where that is too long a path."""
    folder = tempfile.TemporaryDirectory(prefix="cl-emulator-", dir=directory)
    if directory is None and not fits(Path(folder.name) / _SOCKET):
        folder.cleanup()
        folder = tempfile.TemporaryDirectory(prefix="cl-emulator-", dir="/tmp")
    return folder


def _empty(pipe: IO[str]) -> None:
    """Take what comes out of a pipe until it ends, so that no print waits for room in it."""
    with pipe, suppress(OSError, ValueError):
        while pipe.read(4096):
            pass
