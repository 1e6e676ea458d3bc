"""Emulators as forks of one process that has loaded what they need: most of starting one is imports.

    python emulator_forks.py DESCRIPTOR

serves `ForkedEmulator` at a socket. An emulator is told its arguments, environment and import path, and gets
the descriptors of its input and outputs; what it does from there on is what `python -m cl.hw.emulator` does.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from cl.hw.emulator import EmulatorProcess

_MOST_BYTES = 1 << 20
_STATUS = struct.Struct("<i")


class Forks:
    """The process that emulators are forks of."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )

    def start(self, *arguments: str) -> Forked:
        """Start an emulator, with this process's environment, folder and import path."""
        (stdin, into), (out, stdout), (err, stderr), (said, status) = (os.pipe() for _ in range(4))
        given = [stdin, stdout, stderr, status]
        told = {"arguments": arguments, "environ": dict(os.environ), "path": sys.path, "folder": os.getcwd()}
        socket.send_fds(self._socket, [json.dumps(told).encode()], given)
        for descriptor in given:
            os.close(descriptor)
        (pid,) = _STATUS.unpack(self._socket.recv(_STATUS.size))
        return Forked(pid, into, out, err, said)

    def end(self) -> None:
        """End it; it is not needed any more."""
        self._socket.close()
        self._process.wait(10)


class Forked:
    """An emulator, with what is used of a `Popen`."""

    def __init__(self, pid: int, into: int, out: int, err: int, said: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: IO[str] | None = open(into, "w", encoding="utf-8")  # noqa: SIM115
        self.stdout, self.stderr = (
            open(end, encoding="utf-8", errors="replace")  # noqa: SIM115
            for end in (out, err)
        )
        self._said = said

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once it has ended; TimeoutExpired after so many seconds."""
        if self.returncode is None:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._said, selectors.EVENT_READ)
                if not waiting.select(timeout):
                    raise subprocess.TimeoutExpired("emulator", timeout or 0.0)
            (self.returncode,) = _STATUS.unpack(os.read(self._said, _STATUS.size))
            os.close(self._said)
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Return what it has printed until it has ended."""
        assert self.stdin is not None
        with self.stdin, self.stdout, self.stderr:
            found = self.stdout.read(), self.stderr.read()
        self.wait()
        return found

    def terminate(self) -> None:
        """Have it end in good order."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        try:
            self.wait(0)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, number)


class ForkedEmulator(EmulatorProcess):
    """An `EmulatorProcess` that is a fork while there is a process to fork from."""

    forks: Forks | None = None

    def _start(self, path: Path) -> Any:
        if self.forks is None:
            return super()._start(path)
        return self.forks.start("--socket", str(path), "--stdin", *self._arguments)


@contextmanager
def forking() -> Iterator[None]:
    """Have emulators be forks within the block."""
    ForkedEmulator.forks = forks = Forks()
    try:
        yield
    finally:
        ForkedEmulator.forks = None
        forks.end()


def serve(number: int) -> None:
    """Fork emulators until the socket is closed, and tell how each has ended."""
    import numpy  # noqa: F401

    import cl.hw.emulator.__main__
    import cl.sim  # noqa: F401

    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with socket.socket(fileno=number) as asked, selectors.DefaultSelector() as waiting:
        waiting.register(asked, selectors.EVENT_READ)
        waiting.register(heard, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd == heard:
                    os.read(heard, 4096)
                    _tell(ended)
                    continue
                data, descriptors, *_ = socket.recv_fds(asked, _MOST_BYTES, 4)
                if not data:
                    return
                pid = os.fork()
                if not pid:
                    _be_emulator(json.loads(data), descriptors)
                ended[pid] = descriptors.pop()
                for descriptor in descriptors:
                    os.close(descriptor)
                asked.send(_STATUS.pack(pid))


def _tell(ended: dict[int, int]) -> None:
    for pid in list(ended):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.write(ended[pid], _STATUS.pack(status))
            os.close(ended.pop(pid))


def _be_emulator(told: dict[str, Any], descriptors: list[int]) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number, usual in ((signal.SIGCHLD, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            signal.signal(number, usual)
        os.setsid()
        for place, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, place)
        os.closerange(3, 1024)
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["environ"])
        sys.path[:] = told["path"]
        from cl.hw.emulator.__main__ import main
        from cl.hw.emulator.output import never_wait

        never_wait()
        status = main(told["arguments"])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
