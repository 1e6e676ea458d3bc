"""Applications that are run where the device is: each a process that drives it through the server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cl._core.host_clock import utc_stamp
from cl._values.archives import checked_entries
from cl._values.numbers import whole
from cl._values.offload import in_thread

from .run import APPLICATION, CONFIGURATION, OUTPUT, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_UNPACKED: Final = 1 << 28
"""Bytes that an application may have when it is unpacked."""
_LONGEST_S: Final = 7 * 86_400
_REMEMBERED: Final = 16
"""Runs that can be followed."""


class Runs:
    """The runs of a server, one at a time, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning = False
        self._hashes: dict[tuple[Path, int, int, int], str] = {}
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
        limit_s = _limit(configuration)
        self._beginning = True
        try:
            id = f"{utc_stamp()}_{secrets.token_hex(3)}"
            run = Run(id, self._folder / id, limit_s)
            await in_thread(_unpack, archive, configuration, run.folder)
            self._runs[id] = run
            if len(self._runs) > _REMEMBERED:
                del self._runs[next(iter(self._runs))]
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
        """Return the recordings of all runs that have ended by their names, RUN/FILE."""
        found = {}
        going = {run.id for run in tuple(self._runs.values()) if run.status is None}
        for path in sorted(self._folder.glob(f"*/{OUTPUT}/**/*.h5")):
            if path.relative_to(self._folder).parts[0] in going:
                continue
            if path.is_file() and path.resolve().is_relative_to(self._folder.resolve()):
                below = path.relative_to(self._folder)
                found["/".join((below.parts[0], *below.parts[2:]))] = path
        return found

    def hashed(self, path: Path) -> tuple[int, str]:
        """Return a file's size and its SHA-256, which is worked out once."""
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            key = path, state.st_ino, state.st_size, state.st_mtime_ns
            known = self._hashes.get(key)
            if known is None:
                self._hashes[key] = known = hashlib.file_digest(file, "sha256").hexdigest()
            return state.st_size, known


def _limit(configuration: Mapping[str, Any]) -> int:
    """Return a configuration's limit in seconds; ValueError where it is none: a run here has an end."""
    try:
        return whole(configuration.get("timeout_s"), "timeout_s of the configuration", 1, _LONGEST_S)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _unpack(archive: bytes, configuration: Mapping[str, Any], folder: Path) -> None:
    """Lay out a run's folder; ValueError for an archive that is no application's, of which nothing stays."""
    try:
        _lay_out(archive, configuration, folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise ValueError(f"it has two files in one place: {error.filename}") from None
        raise


def _lay_out(archive: bytes, configuration: Mapping[str, Any], folder: Path) -> None:
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
                path = folder / APPLICATION / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as file:
                    # What an entry says of its size may be wrong.
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise ValueError(f"it has more than {MOST_UNPACKED} bytes when it is unpacked")
                with path.open("xb") as target:
                    target.write(data)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise ValueError(f"no zip of an application: {error}") from None
    (folder / OUTPUT).mkdir()
    (folder / CONFIGURATION).write_text(json.dumps(configuration, indent=2))
