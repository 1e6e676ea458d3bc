"""A connection that submits applications, follows them, and fetches what they have recorded."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed

from cl._values.offload import in_thread
from cl.net.applications import MOST_ARCHIVE, PIECE
from cl.net.wire.layout import JSON_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection

    from .runs import Runs

_PIECES_S: Final = 60.0


class ApplicationsPeer:
    """One client's requests, one after the other."""

    def __init__(self, connection: ServerConnection, runs: Runs) -> None:
        self._connection = connection
        self._runs = runs

    async def converse(self) -> None:
        """Answer until the connection ends."""
        try:
            while True:
                try:
                    await self._answer(_object(await self._connection.recv()))
                except (ValueError, OSError) as error:
                    await self._say(type="refused", text=str(error))
        except ConnectionClosed:
            pass

    async def _say(self, **message: Any) -> None:
        await self._connection.send(json.dumps(message))

    async def _answer(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "submit":
                await self._submit(message)
            case "follow":
                await self._follow(message)
            case "list":
                found = await in_thread(self._runs.recordings)
                files = [{"name": name, "size": path.stat().st_size} for name, path in found.items()]
                await self._say(type="files", files=files[-200:])
            case "get":
                await self._get(message)
            case other:
                raise ValueError(f"a message of the type {other!r:.100}")

    async def _submit(self, message: dict[str, Any]) -> None:
        size, configuration = _whole(message, "size"), message.get("configuration")
        if size > MOST_ARCHIVE or not isinstance(configuration, dict):
            raise ValueError(f"an archive of {size} bytes ({MOST_ARCHIVE} at most), or no configuration")
        archive = bytearray()
        while len(archive) < size:
            piece = await asyncio.wait_for(self._connection.recv(), _PIECES_S)
            if not isinstance(piece, bytes) or not 0 < len(piece) <= size - len(archive):
                raise ValueError("a piece of an archive that is none")
            archive += piece
        if hashlib.sha256(archive).hexdigest() != message.get("sha256"):
            raise ValueError("the archive is not what its hash says")
        run = await self._runs.begin(bytes(archive), configuration)
        await self._say(type="run", run=run.id)

    async def _follow(self, message: dict[str, Any]) -> None:
        run, line = self._runs.find(message.get("run")), _whole(message, "line")
        while True:
            async with run.changed:
                while run.status is None and len(run.lines) <= line:
                    await run.changed.wait()
                lines, status = run.lines[line:], run.status
            for text in lines:
                await self._say(type="line", text=text)
            line += len(lines)
            if status is not None:
                await self._say(type="end", status=status)
                return

    async def _get(self, message: dict[str, Any]) -> None:
        name, offset = message.get("name"), _whole(message, "offset")
        path = (await in_thread(self._runs.recordings)).get(name) if isinstance(name, str) else None
        if path is None:
            raise ValueError(f"there is no recording {name!r:.200}")
        size, digest = await in_thread(_hashed, path)
        if offset > size:
            raise ValueError(f"{name} has {size} bytes, not {offset}")
        await self._say(type="file", size=size, sha256=digest)
        with path.open("rb") as file:
            file.seek(offset)
            while offset < size and (piece := await in_thread(file.read, min(PIECE, size - offset))):
                await self._connection.send(piece)
                offset += len(piece)


def _hashed(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _object(message: str | bytes) -> dict[str, Any]:
    if not isinstance(message, str) or len(message) > JSON_LIMIT:
        raise ValueError("what is no message of text")
    try:
        found = json.loads(message)
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("what is no object of JSON")
    return found


def _whole(message: dict[str, Any], name: str) -> int:
    found = message.get(name)
    if type(found) is not int or found < 0:
        raise ValueError(f"{name!r} is {found!r:.100}")
    return found
