"""Running an emulator as a child process, for tests, benchmarks and examples."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class EmulatorProcess:
    """An emulator that runs as long as the `with` block, on a socket in a directory of its own.

    `arguments` are those of `python -m cl.hw.emulator`, without the socket. Entering waits until the
    device can be connected to; RuntimeError with its own words where it does not start.
    """

    def __init__(self, *arguments: str, directory: str | None = None) -> None:
        self._arguments = arguments
        self._directory = directory
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    def __enter__(self) -> EmulatorProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="cl-emulator-", dir=self._directory)
        path = Path(self._folder.name) / "device.sock"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cl.hw.emulator", "--socket", str(path), "--stdin", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Linux shares the processor out among sessions: a device is no part of the program's share.
            # (It ends all the same when the program does: its input closes.)
            start_new_session=True,
            # What this process can import the child can: this package, and sources named module:attr.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        if not ready.startswith("ready "):
            _, words = self._process.communicate()
            self._folder.cleanup()
            raise RuntimeError(f"the emulator did not start: {words.strip()}")
        self.address = ready.removeprefix("ready ").strip()
        return self

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
        process.terminate()
        try:
            process.communicate(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        folder.cleanup()
