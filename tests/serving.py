"""`python -m cl serve` as a process of a test's own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO

START_S = 30.0
"""Seconds that a server may take to begin on a busy machine."""


class ServeProcess:
    """A server that runs as long as the `with` block, on a port of its own; `address` is where it is."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._env = env or {}
        self.address = ""
        self.said: list[str] = []
        """The lines that it has printed to stderr."""

    def __enter__(self) -> ServeProcess:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CL_DEVICE")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cl", "serve", "--port", "0", *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**ours, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path), **self._env},
        )
        lines: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, lines.put)),
            threading.Thread(target=self._read, args=(self._process.stderr, self.said.append)),
        ]
        for reader in self._readers:
            reader.start()
        line = lines.get(timeout=START_S)
        if not line:
            self.__exit__()
            raise RuntimeError(f"the server did not start: {''.join(self.said)}")
        self.address = line.split()[-1]
        return self

    def _read(self, pipe: IO[str], put: object) -> None:
        with pipe:
            for line in pipe:
                put(line)  # type: ignore[operator]
        put("")  # type: ignore[operator]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 10.0) -> int:
        """Return its exit status once it has ended."""
        return self._process.wait(timeout)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        for reader in self._readers:
            reader.join()
