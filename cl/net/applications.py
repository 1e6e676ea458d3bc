"""Programs where the device is, from afar: submitting, following, and fetching what they have recorded.

Messages of text are JSON objects with a `type`; messages of bytes are pieces of the file that was announced.
See docs/network-protocol.md, section 11.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from cl._core.host_clock import host_ns, host_sleep
from cl._core.settings import load_settings
from cl.error import DeviceDisconnectedError

from .address import parse_address, token_for
from .wire.layout import JSON_LIMIT, PATH, ProtocolError

if TYPE_CHECKING:
    from hashlib import _Hash

    from websockets.sync.client import ClientConnection

APPLICATIONS_PATH: Final = "/applications"
APPLICATIONS_SUBPROTOCOL: Final = "cl-applications.1"
PIECE: Final = 1 << 18
"""Bytes of a piece of a file."""
MOST_ARCHIVE: Final = 1 << 26
"""Bytes that an application's zip may have."""
_ANSWER_S: Final = 60.0
_AGAIN_S: Final = 10.0
_PAUSE_S: Final = 0.5
_PING_S: Final = 20.0
_HASH_S: Final = 900.0
"""How long a server may take to work out the hash of a recording: one of a day has 276 GB."""
_MOST_NAME: Final = 200
_MOST_BYTES: Final = 1 << 62


class Recorded(NamedTuple):
    """A file that a run has left at the server."""

    name: str
    size: int


@contextmanager
def _connected(address: str, ping_s: float | None = None) -> Iterator[ClientConnection]:
    """Connect to a server; DeviceDisconnectedError where it is not there, or wants no applications.

    ConnectionResetError where the connection is lost, or nothing comes on it. With `ping_s` a server that is
    silent is asked for a sign of life so often.
    """
    from websockets.exceptions import ConnectionClosed

    try:
        with _connection(address, ping_s) as connection:
            yield connection
    except (ConnectionClosed, TimeoutError) as error:
        raise ConnectionResetError(f"{address}: the connection was lost ({error})") from error


def _connection(address: str, ping_s: float | None) -> ClientConnection:
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    settings = load_settings()
    where = parse_address(address, "ADDRESS")
    token = token_for(where, settings)
    options: dict[str, Any] = {"ping_interval": ping_s}
    if where.secure:
        import ssl

        options["ssl"] = ssl.create_default_context(cafile=settings.device_ca)
    if token is not None:
        options["additional_headers"] = {"Authorization": f"Bearer {token}"}
    uri = where.uri.removesuffix(PATH) + APPLICATIONS_PATH
    try:
        connection: ClientConnection = connect(
            uri,
            subprotocols=[Subprotocol(APPLICATIONS_SUBPROTOCOL)],
            compression=None,
            max_size=1 << 22,
            **options,
        )
    except InvalidStatus as error:
        why = {401: "it wants a token that is good", 403: "it takes no applications"}
        status = error.response.status_code
        raise DeviceDisconnectedError(f"{address}: {why.get(status, f'it answers {status}')}") from None
    except (InvalidHandshake, OSError) as error:
        raise DeviceDisconnectedError(f"{address}: {error}") from error
    return connection


def _said(connection: ClientConnection, *kinds: str, timeout: float | None = _ANSWER_S) -> dict[str, Any]:
    """Return the next message, of one of these kinds; ValueError for what the server refuses."""
    message = connection.recv(timeout)
    found = _object(message)
    if found.get("type") == "refused":
        raise ValueError(str(found.get("text"))[:4096])
    if found.get("type") not in kinds:
        raise ProtocolError(f"a message {str(found.get('type'))[:100]!r} where one of {kinds} was expected")
    return found


def _object(message: str | bytes) -> dict[str, Any]:
    if not isinstance(message, str) or len(message) > JSON_LIMIT:
        raise ProtocolError("what is no message of text")
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProtocolError("what is no object of JSON")
    return found


def submit(address: str, archive: Path, configuration: Mapping[str, Any]) -> str:
    """Have a server run an application; return the run's id. ValueError where it refuses."""
    data = archive.read_bytes()
    if len(data) > MOST_ARCHIVE:
        raise ValueError(f"{archive} has {len(data)} bytes; {MOST_ARCHIVE} may be submitted")
    with _connected(address) as connection:
        head = {"type": "submit", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        connection.send(json.dumps({**head, "configuration": dict(configuration)}))
        for at in range(0, len(data), PIECE):
            connection.send(data[at : at + PIECE])
        return _text(_said(connection, "run"), "run")


def _text(message: Mapping[str, Any], name: str) -> str:
    found = message.get(name)
    if not isinstance(found, str) or len(found) > 4096:
        raise ProtocolError(f"{name!r} is {found!r:.100}")
    return found


def _number(message: Mapping[str, Any], name: str) -> float | None:
    found = message.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < _MOST_BYTES:
        return None
    return float(found)


def _whole(message: Mapping[str, Any], name: str) -> int:
    found = message.get(name)
    if type(found) is not int or not 0 <= found <= _MOST_BYTES:
        raise ProtocolError(f"{name!r} is {found!r:.100}")
    return found


class Ended(NamedTuple):
    """How a run has ended."""

    status: int
    summary: Any
    """What it says of itself, None where that is nothing."""


def follow(
    address: str,
    run: str,
    tell: Callable[[str], object],
    progress: Callable[[float, float | None], object] = lambda seconds, of: None,
) -> Ended:
    """Tell every line that a run prints, until it ends, and how it has ended.

    `progress` is told every second how many seconds it has been going on, and how many it is estimated to
    take, None where it does not say. A link that is lost is tried again for 10 s.
    """
    lines, lost_ns = 0, 0
    while True:
        try:
            with _connected(address, _PING_S) as connection:
                connection.send(json.dumps({"type": "follow", "run": run, "line": lines}))
                while True:
                    message = _said(connection, "line", "progress", "end", timeout=None)
                    lost_ns = 0
                    if message["type"] == "end":
                        return Ended(_whole(message, "status"), message.get("summary"))
                    if message["type"] == "progress":
                        progress(_number(message, "seconds") or 0.0, _number(message, "of"))
                        continue
                    tell(_text(message, "text"))
                    lines += 1
        except (ConnectionResetError, DeviceDisconnectedError):
            lost_ns = lost_ns or host_ns()
            if host_ns() - lost_ns > _AGAIN_S * 1e9:
                raise
            host_sleep(_PAUSE_S)


def recordings(address: str) -> list[Recorded]:
    """Return what runs have recorded at a server."""
    with _connected(address) as connection:
        connection.send(json.dumps({"type": "list"}))
        found = _said(connection, "files").get("files")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ProtocolError("a list of files that is none")
    return [Recorded(_text(each, "name"), _whole(each, "size")) for each in found]


def _own_name(name: str) -> str:
    """Return the last part of a recording's name; ValueError where that is no name of a file everywhere."""
    own = name.rpartition("/")[2]
    is_bad = (
        own.strip(". ") != own
        or not 0 < len(own.encode(errors="replace")) <= _MOST_NAME
        or not own.isprintable()
        or bool(set(own) & set('\\:*?"<>|'))
    )
    if is_bad:
        raise ValueError(f"{name[:_MOST_NAME]!a} has no name for a file at its end")
    return own


def fetch(address: str, name: str, folder: Path) -> Path:
    """Fetch a recording into a folder, and return its path once it is whole and as its hash says.

    What was fetched before a connection was lost is not fetched again. Nothing but `folder` is written to,
    whatever the server says: the file's name is the last part of `name`, and no link is followed.
    FileExistsError where it is there.
    """
    own = _own_name(name)
    target, part = folder / own, folder / f".{own}.part"
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there")
    with _connected(address) as connection, _opened(part) as file:
        is_whole = _completed(connection, name, file)
    if not is_whole:
        part.unlink()
        raise ValueError(f"{name} is not what its hash says: it is to be fetched anew")
    if os.path.lexists(target):
        raise FileExistsError(f"{target} has come meanwhile; what was fetched is {part}")
    part.rename(target)
    return target


def _opened(part: Path) -> BinaryIO:
    """Open what there is of a file, or nothing; FileExistsError for a link or what else is no file."""
    if os.path.lexists(part) and not stat.S_ISREG(part.lstat().st_mode):
        raise FileExistsError(f"{part} is in the way, and is no file")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "r+b")


def _completed(connection: ClientConnection, name: str, file: BinaryIO) -> bool:
    """Take what is missing of a file, and return whether it is as its hash says."""
    digest, offset = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        digest.update(piece)
        offset += len(piece)
    connection.send(json.dumps({"type": "get", "name": name, "offset": offset}))
    head = _said(connection, "file", timeout=_HASH_S)
    size, wanted = _whole(head, "size"), _text(head, "sha256")
    while offset < size:
        offset += _take(connection, file, digest, size - offset)
    return offset == size and digest.hexdigest() == wanted


def _take(connection: ClientConnection, file: BinaryIO, digest: _Hash, most: int) -> int:
    received = connection.recv(_ANSWER_S)
    if not isinstance(received, bytes) or not 0 < len(received) <= most:
        raise ProtocolError("a piece of a file that is none")
    file.write(received)
    digest.update(received)
    return len(received)
