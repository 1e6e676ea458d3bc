"""Applications that are run where the device is: each a process that drives it through the server."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import signal
import sys
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import utc_stamp
from cl._values.archives import checked_entries
from cl._values.offload import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_UNPACKED: Final = 1 << 28
"""Bytes that an application may have when it is unpacked."""
_MOST_LINES: Final = 100_000
_LONGEST_LINE: Final = 2_000
_ENDING_S: Final = 5.0
_APPLICATION, _CONFIGURATION, _OUTPUT = "application", "configuration.json", "output"


class Run:
    """A run of an application: its process, and what it has printed."""

    def __init__(self, id: str, folder: Path) -> None:
        self.id = id
        self.folder = folder
        self.token = secrets.token_urlsafe(32)
        """With which its process, and none other, drives the device."""
        self.lines: list[str] = []
        self.status: int | None = None
        """What it has ended with, None while it goes on."""
        self.changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None

    async def go(self, address: str) -> None:
        """Run it to its end."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("CL_DEVICE")}
        application = next(path for path in (self.folder / _APPLICATION).iterdir())
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cl", "app", "run", str(application)),
                *(str(self.folder / _CONFIGURATION), "--output", str(self.folder / _OUTPUT)),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env={**own, "CL_DEVICE": address, "CL_DEVICE_TOKEN": self.token, "PYTHONUNBUFFERED": "1"},
            )
            assert process.stdout is not None
            rest = b""
            while data := await process.stdout.read(1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                await self._say(lines)
                if len(rest) > _LONGEST_LINE:
                    await self._say([rest])
                    rest = b""
            await self._say([rest] if rest else [])
            await process.wait()
        finally:
            await self.end()
            code = -1 if self._process is None else self._process.returncode
            async with self.changed:
                # Ended by a signal: what shells say of that.
                self.status = 1 if code is None else code if code >= 0 else 128 - code
                self.changed.notify_all()

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
        """End its process, kindly at first."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _ENDING_S)
                return


class Runs:
    """The runs of a server, one at a time, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning = False
        self.address = ""
        """Where the processes find the server: on this machine, with the token of their run."""

    def allows(self, token: str) -> bool:
        """Return whether a token is that of a run that goes on. It takes as long for any other."""
        good = False
        for run in self._runs.values():
            good |= (
                hmac.compare_digest(run.token.encode(), token.encode(errors="replace")) and run.status is None
            )
        return good

    def find(self, id: object) -> Run:
        """Return a run; ValueError where it is not known."""
        run = self._runs.get(id) if isinstance(id, str) else None
        if run is None:
            raise ValueError(f"there is no run {id!r:.100}")
        return run

    async def begin(self, archive: bytes, configuration: Mapping[str, Any]) -> Run:
        """Begin to run an application; ValueError where that may not be."""
        if self._beginning or any(run.status is None for run in self._runs.values()):
            raise ValueError("an application is run already")
        self._beginning = True
        try:
            id = f"{utc_stamp()}_{secrets.token_hex(3)}"
            run = Run(id, self._folder / id)
            await in_thread(_unpack, archive, configuration, run.folder)
            self._runs[id] = run
        finally:
            self._beginning = False
        task = asyncio.create_task(run.go(self.address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def end(self) -> None:
        """End what is run."""
        for run in tuple(self._runs.values()):
            await run.end()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def recordings(self) -> dict[str, Path]:
        """Return the recordings of all runs by their names, RUN/FILE."""
        found = {}
        for path in sorted(self._folder.glob(f"*/{_OUTPUT}/**/*.h5")):
            if path.is_file() and path.resolve().is_relative_to(self._folder.resolve()):
                below = path.relative_to(self._folder)
                found["/".join((below.parts[0], *below.parts[2:]))] = path
        return found


def _unpack(archive: bytes, configuration: Mapping[str, Any], folder: Path) -> None:
    """Lay out a run's folder; ValueError for an archive that is no application's."""
    import io

    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = checked_entries(opened)
            if not entries:
                raise ValueError("it is empty")
            if sum(entry.file_size for entry in entries.values()) > MOST_UNPACKED:
                raise ValueError(f"it has more than {MOST_UNPACKED} bytes when it is unpacked")
            folder.mkdir(parents=True)
            left = MOST_UNPACKED
            for name, entry in entries.items():
                path = folder / _APPLICATION / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as file:
                    # What an entry says of its size may be wrong.
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise ValueError(f"it has more than {MOST_UNPACKED} bytes when it is unpacked")
                path.write_bytes(data)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise ValueError(f"no zip of an application: {error}") from None
    (folder / _OUTPUT).mkdir()
    (folder / _CONFIGURATION).write_text(json.dumps(configuration, indent=2))
