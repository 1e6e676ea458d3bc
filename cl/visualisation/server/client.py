"""One page's connection: what it has subscribed to, and the sending of it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from cl._values.saying import Log

from . import commands, messages
from .entries import PackedEntries
from .source import Annotated
from .streams import StreamEntries, StreamSummaries
from .topics import BinaryTopic, FellBehindError, Missed, Sections, binary_topic

if TYPE_CHECKING:
    from .source import Source

_STATUS_EVERY_S: Final = 0.5
_PAUSE_S: Final = 0.002
"""Between two pieces of work for one page; the program's threads run meanwhile."""
_MOST_COMMANDS: Final = 200
"""Commands that a page may send within a second."""
_MOST_ERRORS: Final = 20
_SLOW_S: Final = 0.25
"""A client that is behind and had to be waited for this long is too slow for all frames."""

POLICY_VIOLATION: Final = 1008
INTERNAL_ERROR: Final = 1011
FELL_BEHIND: Final = 4008

_log = Log()


class Link(Protocol):
    """What a client needs of its WebSocket."""

    async def send(self, message: str | bytes) -> None:
        """Send a message, waiting while the other side does not take it."""
        ...

    async def recv(self) -> str | bytes:
        """Return the next message."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection."""
        ...


class Client:
    """A connection: commands come in, and the topics' messages go out at the ticks of the server."""

    def __init__(self, link: Link, source: Source, sections: Sections, session: str, token: str = "") -> None:
        """`token` is what a page has to know that annotates; empty: none may."""
        self._link = link
        self._source = source
        self._sections = sections
        self._session = session
        self._token = token
        self._annotated = 0
        """How many annotations it was told of."""
        self._jumps = source.jumps
        self._binary: dict[str, BinaryTopic] = {}
        self._summaries: StreamSummaries | None = None
        self._entries: StreamEntries | None = None
        self._packed: PackedEntries | None = None
        self._status = False
        self._next_status = 0.0
        self._missed = Missed()
        self._waited = 0.0
        self._outbox: deque[dict[str, Any]] = deque(maxlen=64)
        self._awake = asyncio.Event()
        self._second = 0.0
        self._commands = 0
        self._errors = 0

    def wake(self) -> None:
        """Let what is there be sent."""
        self._awake.set()

    @property
    def quick(self) -> bool:
        """Whether it wants what there is as soon as a screen can show it."""
        return self._packed is not None and not getattr(self._link, "in_lumps", False)

    # -- commands -------------------------------------------------------------------------

    async def read(self) -> None:
        """Take commands until the connection ends, or the page misbehaves."""
        clock = asyncio.get_running_loop().time
        while True:
            text = await self._link.recv()
            if not self._may_command(clock()):
                await self._link.close(POLICY_VIOLATION, "too many commands")
                return
            try:
                self._apply(commands.parse(text))
            except ValueError as error:
                self._errors += 1
                if self._errors > _MOST_ERRORS:
                    await self._link.close(POLICY_VIOLATION, "too many bad commands")
                    return
                self._outbox.append({"type": "error", "text": str(error)})
            self.wake()

    def _may_command(self, now: float) -> bool:
        if now - self._second >= 1.0:
            self._second, self._commands = now, 0
        self._commands += 1
        return self._commands <= _MOST_COMMANDS

    def _apply(self, command: commands.Command) -> None:
        match command:
            case commands.Subscribe():
                self._subscribe(command)
            case commands.Unsubscribe():
                self._unsubscribe(command.topic)
            case commands.Annotate():
                self._annotate(command)
            case _:
                self._control(command)

    def _annotate(self, command: commands.Annotate) -> None:
        given = command.token.encode("utf-8", "replace")
        if not self._token or not secrets.compare_digest(given, self._token.encode()):
            raise ValueError("the token is not this page's: neurons.annotation_url has it")
        if not isinstance(self._source, Annotated):
            raise ValueError("nothing can be annotated here")
        try:
            self._source.annotate(command.text)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"the annotation was not made: {error}") from None
        self._next_status = 0.0

    def _control(self, command: commands.Play | commands.Seek | commands.Speed) -> None:
        self._next_status = 0.0
        if self._source.control(command):
            self._reset()

    def _reset(self) -> None:
        """Let the page subscribe anew, from the time that it wants to see."""
        self._jumps = self._source.jumps
        self._sections.clear()
        self._binary.clear()
        self._summaries = self._entries = self._packed = None
        self._outbox.append({"type": "reset", "position": self._source.position()})

    def _subscribe(self, command: commands.Subscribe) -> None:
        self._unsubscribe(command.topic)
        match command.topic:
            case "streams":
                self._summaries = StreamSummaries(self._source, command)
            case "entries" if command.packed:
                self._packed = PackedEntries(self._source, command)
            case "entries":
                self._entries = StreamEntries(self._source, command)
            case "status":
                self._status, self._next_status, self._annotated = True, 0.0, 0
            case _:
                topic = binary_topic(self._sections, command, self._missed)
                assert topic is not None
                self._binary[command.topic] = topic

    def _unsubscribe(self, name: str) -> None:
        self._binary.pop(name, None)
        match name:
            case "streams":
                self._summaries = None
            case "entries":
                self._entries = self._packed = None
            case "status":
                self._status = False

    # -- sending --------------------------------------------------------------------------

    async def pump(self) -> None:
        """Send what the topics hold, each time the client is woken. Ends with the connection."""
        await self._send({"type": "hello", "session": self._session, **self._source.describe()})
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                await self._serve()
        except FellBehindError:
            await self._link.close(FELL_BEHIND, "too slow: spikes or stims have left the history")

    async def _serve(self) -> None:
        while True:
            if self._source.jumps != self._jumps:  # others steer it as well
                self._reset()
            while self._outbox:
                await self._send(self._outbox.popleft())
            self._source.wait_for_tick_gap()
            position = self._source.position()
            slow = self._waited > _SLOW_S
            taken = [topic.take(position, slow) for topic in tuple(self._binary.values())]
            sections = [section for section in taken if section is not None]
            if sections:
                await self._send_bytes(messages.message(sections, position, self._missed.frames))
            if not any(topic.behind(position) for topic in self._binary.values()):
                self._waited = 0.0
                break
            await asyncio.sleep(_PAUSE_S)
        await self._serve_json()

    async def _send_bytes(self, message: bytes) -> None:
        clock = asyncio.get_running_loop().time
        before = clock()
        await self._link.send(message)
        self._waited += clock() - before

    async def _serve_packed(self, now: float) -> None:
        while (packed := self._packed) is not None:
            position = self._source.position()
            sections = packed.take(position, now)
            if sections:
                await self._link.send(messages.message(sections, position, self._missed.frames))
            if not packed.behind:
                break
            await asyncio.sleep(_PAUSE_S)
            self._source.wait_for_tick_gap()

    async def _serve_json(self) -> None:
        self._source.wait_for_tick_gap()
        now = asyncio.get_running_loop().time()
        await self._serve_packed(now)
        if self._entries is not None:
            for message in self._entries.take():
                await self._send(message)
        if self._summaries is not None:
            summary = self._summaries.take(now)
            if summary is not None:
                await self._send(summary)
        if self._status and now >= self._next_status:
            self._next_status = now + _STATUS_EVERY_S
            source = self._source
            times = {"position": source.position(), "oldest": source.oldest()}
            await self._send({"type": "status", **times, "dropped": self._missed.frames, **source.status()})
            if isinstance(source, Annotated):
                found, self._annotated = source.annotations(self._annotated)
                if found:
                    await self._send({"type": "annotations", "annotations": found})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._link.send(json.dumps(message, separators=(",", ":"), allow_nan=False))
