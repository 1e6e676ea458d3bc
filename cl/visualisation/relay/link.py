"""A frame's connection to the server by way of the kernel."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosedOK

if TYPE_CHECKING:
    from cl.visualisation.server.throttle import Throttle

    from .lease import Lease

Tell = Callable[[dict[str, Any], bytes | None], None]
"""Sends a message to the frame: its content, and bytes beside it."""
OUTSTANDING: Final = 2_000_000
"""Bytes that may be on their way to a frame that says what it has received."""
_PATIENCE_S: Final = 0.5
_LOOK_S: Final = 0.05


class KernelLink:
    """What a client of the server has in place of its WebSocket.

    `wants` are the commands with which the page begins. It says them itself as soon as it is told `hello`;
    where it cannot be heard, since the kernel runs a cell, they are taken as said.
    """

    in_lumps = True
    """A kernel is not to be told something for every picture of a screen."""

    def __init__(
        self, serial: int, tell: Tell, wants: Sequence[str], lease: Lease, throttle: Throttle
    ) -> None:
        self.serial = serial
        self.closed = False
        self._tell = tell
        self._wants = deque(wants)
        self._taken: dict[str, dict[str, Any]] = {}
        """What was asked for in the page's place, by topics, of which it has not yet spoken itself."""
        self._lease = lease
        self._throttle = throttle
        self._inbox: deque[str] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._sent = self._received = 0

    # -- from the kernel's threads ----------------------------------------------------------

    def put(self, command: str) -> None:
        """Take a command of the page."""
        self._inbox.append(command)
        self._wake()

    def received(self, count: int) -> None:
        """Take note of how many bytes of this connection the frame has received."""
        self._received = count

    def drop(self) -> None:
        """End the connection: the frame has gone, or begins anew."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._arrived.set)
            except RuntimeError:
                self.closed = True  # the server has ended

    # -- in the server's thread -------------------------------------------------------------

    async def recv(self) -> str | bytes:
        """Return the page's next command."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._check()
            while self._inbox:
                command = self._inbox.popleft()
                self._wants.clear()
                if not self._is_said_again(command):
                    return command
            if self._taken and self._wants:
                return self._wants.popleft()
            self._arrived.clear()
            if not self._inbox and not self.closed:
                await self._rest()

    async def _rest(self) -> None:
        """Wait for a command; where none comes, begin without."""
        try:
            await asyncio.wait_for(self._arrived.wait(), _PATIENCE_S if self._wants else None)
        except TimeoutError:
            self._taken = {str(found.get("topic")): found for found in map(_parsed, self._wants)}

    def _is_said_again(self, command: str) -> bool:
        """Return whether a command is one that was taken as said."""
        found = _parsed(command)
        taken = self._taken.pop(str(found.get("topic")), None)
        return taken is not None and {**found, "since": None} == {**taken, "since": None}

    async def send(self, message: str | bytes) -> None:
        """Send a message to the frame, waiting while it does not take it."""
        size = len(message)
        while not self.closed and self._is_behind():
            self._give_up_where_nobody_looks()
            await asyncio.sleep(_LOOK_S)
        self._give_up_where_nobody_looks()
        self._check()
        await self._throttle.take(size)
        self._sent += size
        if isinstance(message, str):
            self._tell({"serial": self.serial, "text": message}, None)
        else:
            self._tell({"serial": self.serial}, message)

    def _is_behind(self) -> bool:
        return not self._lease.deaf and self._sent - self._received > OUTSTANDING

    def _give_up_where_nobody_looks(self) -> None:
        if not self._lease.holds():
            self.closed = True

    def _check(self) -> None:
        if self.closed:
            raise ConnectionClosedOK(None, None)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and tell the frame why."""
        if not self.closed:
            self.drop()
            self._tell({"serial": self.serial, "closed": [code, reason]}, None)


def _parsed(command: str) -> dict[str, Any]:
    try:
        found = json.loads(command)
    except (ValueError, RecursionError):
        return {}  # the client refuses it
    return found if isinstance(found, dict) else {}
