"""A connection that submits applications, follows them, and fetches what they have recorded."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed

from cl._values.offload import in_thread
from cl.net.applications import MOST_ARCHIVE, PIECE
from cl.net.wire.layout import JSON_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection

    from .runs import Runs

_PIECES_S: Final = 60.0
_PROGRESS_S: Final = 1.0
_MOST_FILES: Final = 200
_POLICY_CODE: Final = 1008


class ApplicationsPeer:
    """One client's requests, one after the other."""

    def __init__(self, connection: ServerConnection, runs: Runs, is_allowed: Callable[[], bool]) -> None:
        """`is_allowed` says whether the token that the client came with is still good."""
        self._is_allowed = is_allowed
        self._connection = connection
        self._runs = runs

    async def converse(self) -> None:
        """Answer until the connection ends."""
        try:
            while True:
                message = await self._connection.recv()
                if not self._is_allowed():
                    await self._connection.close(_POLICY_CODE, "the token is no longer good")
                    return
                try:
                    await self._answer(_object(message))
                except (ValueError, OSError) as error:
                    await self._say(type="refused", text=str(error))
        except ConnectionClosed:
            pass

    async def _say(self, **message: Any) -> None:
        if not self._is_allowed():
            await self._connection.close(_POLICY_CODE, "the token is no longer good")
        await self._connection.send(json.dumps(message))

    async def _answer(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "submit":
                await self._submit(message)
            case "follow":
                await self._follow(message)
            case "list":
                found = await in_thread(self._runs.recordings)
                await self._say(type="files", files=_listed(found))
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
        told_s = 0.0
        while True:
            async with run.changed:
                if run.status is None and len(run.lines) <= line:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(run.changed.wait(), _PROGRESS_S)
                lines, status = run.lines[line:], run.status
            for text in lines:
                await self._say(type="line", text=text)
            line += len(lines)
            if status is not None:
                summary = await in_thread(run.reported, "summary")
                await self._say(type="end", status=status, summary=summary)
                return
            if run.seconds - told_s >= _PROGRESS_S:
                told_s, of = run.seconds, await in_thread(run.reported, "estimate_s")
                await self._say(type="progress", seconds=round(told_s, 1), of=of)

    async def _get(self, message: dict[str, Any]) -> None:
        name, offset = message.get("name"), _whole(message, "offset")
        path = (await in_thread(self._runs.recordings)).get(name) if isinstance(name, str) else None
        if path is None:
            raise ValueError(f"there is no recording {name!r:.200}")
        size, digest = await in_thread(self._runs.hashed, path)
        await self._say(type="file", size=size, sha256=digest)
        with path.open("rb") as file:
            file.seek(offset)
            while offset < size and (piece := await in_thread(file.read, min(PIECE, size - offset))):
                await self._connection.send(piece)
                offset += len(piece)


def _listed(found: dict[str, Path]) -> list[dict[str, object]]:
    """Return the last of the files, as many as a message holds."""
    listed: list[dict[str, object]] = []
    room = JSON_LIMIT - 1024
    for name, path in reversed([*found.items()][-_MOST_FILES:]):
        listed.insert(0, {"name": name, "size": path.stat().st_size})
        room -= len(json.dumps(listed[0])) + 2
        if room < 0:
            return listed[1:]
    return listed


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
