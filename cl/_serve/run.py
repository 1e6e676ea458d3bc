"""One run of an application: its process, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import host_ns
from cl._values.offload import in_thread
from cl._values.saying import Log

if TYPE_CHECKING:
    from asyncio.subprocess import Process

APPLICATION: Final = "application"
CONFIGURATION: Final = "configuration.json"
OUTPUT: Final = "output"
GRACE_S: Final = 30.0
"""What a run may take beyond its limit, which it keeps by itself: to close its devices it has 20 s."""
_MOST_LINES: Final = 100_000
_LONGEST_LINE: Final = 2_000
_MOST_LOG: Final = 1 << 24
_MOST_REPORT: Final = 60_000
_ENDING_S: Final = 5.0
_LOOK_S: Final = 0.05

_log = Log()


class Run:
    """A run of an application: its process, and what it has printed."""

    def __init__(self, id: str, folder: Path, limit_s: int) -> None:
        self.id = id
        self.folder = folder
        self.token = secrets.token_urlsafe(32)
        """With which its process, and none other, drives the device."""
        self.lines: list[str] = []
        self.status: int | None = None
        """What it has ended with, None while it goes on."""
        self.changed = asyncio.Condition()
        self._limit_s = limit_s
        self._began_ns = host_ns()
        self._process: Process | None = None

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return (host_ns() - self._began_ns) * 1e-9

    def reported(self, key: str) -> Any:
        """Return what the process has reported: `estimate_s`, `summary`; None where it has not."""
        try:
            with self._report.open("rb") as file:
                lines = file.read(_MOST_REPORT).splitlines()
        except OSError:
            return None
        for line in lines:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and key in found:
                return found[key]
        return None

    @property
    def _report(self) -> Path:
        return self.folder / "report.jsonl"

    async def go(self, address: str) -> None:
        """Run it to its end."""
        try:
            self._process = process = await self._started(address)
            said = asyncio.create_task(self._read(process))
            try:
                if not await _has_ended(process, self._limit_s + GRACE_S):
                    _log.warning("the run %s has not kept its limit of %d s", self.id, self._limit_s)
            finally:
                await self.end()
                # Only what has left its session may still hold the pipe.
                await asyncio.wait([said], timeout=_ENDING_S)
                said.cancel()
        except Exception:
            _log.exception("the run %s has failed", self.id)
        finally:
            code = -1 if self._process is None else self._process.returncode
            async with self.changed:
                # Ended by a signal: what shells say of that.
                self.status = 1 if code is None else code if code >= 0 else 128 - code
                self.changed.notify_all()

    async def _started(self, address: str) -> Process:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CL_DEVICE")}
        # From another folder the package is to be found again.
        paths = str(Path(__file__).parents[2]), *map(os.path.abspath, filter(None, sys.path))
        (application,) = (self.folder / APPLICATION).iterdir()
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "cl", "app", "run", str(application)),
            *(str(self.folder / CONFIGURATION), "--output", str(self.folder / OUTPUT)),
            *("--report", str(self._report)),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={
                **own,
                "CL_DEVICE": address,
                "CL_DEVICE_TOKEN": self.token,
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONUNBUFFERED": "1",
            },
        )

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        rest, room = b"", _MOST_LOG
        with (self.folder / "log.txt").open("ab", buffering=0) as log:
            while data := await process.stdout.read(1 << 16):
                if room > 0:
                    await in_thread(log.write, data[:room])
                    room -= len(data)
                *lines, rest = (rest + data).split(b"\n")
                await self._say(lines)
                if len(rest) > _LONGEST_LINE:
                    await self._say([rest])
                    rest = b""
        await self._say([rest] if rest else [])

    async def _say(self, lines: list[bytes]) -> None:
        if not lines:
            return
        async with self.changed:
            room = _MOST_LINES - len(self.lines)
            self.lines += [
                line.decode(errors="replace").rstrip("\r")[:_LONGEST_LINE] for line in lines[:room]
            ]
            self.changed.notify_all()

    async def end(self) -> None:
        """End its process, kindly at first, and all that this has started."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await _has_ended(process, _ENDING_S)
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            elif process.returncode is None:
                process.kill()
        await _has_ended(process, _ENDING_S)


async def _has_ended(process: Process, seconds: float) -> bool:
    """Wait for a process itself, where `wait` may wait for all who have its output as well."""
    until = host_ns() + int(seconds * 1e9)
    while process.returncode is None and host_ns() < until:  # noqa: ASYNC110  # there is no event for it
        await asyncio.sleep(_LOOK_S)
    return process.returncode is not None
