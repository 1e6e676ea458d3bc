"""A page's connection, over a link of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from visualisation_tools import Script, Section, decode

from cl._core.entries import StreamEntry
from cl.visualisation.server import client as client_module
from cl.visualisation.server.client import FELL_BEHIND, POLICY_VIOLATION, Client
from cl.visualisation.server.topics import Sections


class Closed(Exception):
    """The link was closed."""


class FakeLink:
    """A WebSocket whose other side is the test; `gate` holds up what is sent."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.sent: list[str | bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.news = asyncio.Event()
        self.closed: tuple[int, str] | None = None

    async def send(self, message: str | bytes) -> None:
        await self.gate.wait()
        self.sent.append(message)
        self.news.set()

    async def recv(self) -> str | bytes:
        return await self.inbox.get()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = code, reason
        self.news.set()

    async def until(self, done: Callable[[], bool], wake: Callable[[], None] = lambda: None) -> None:
        """Wait until something is so, which what is sent decides."""
        async with asyncio.timeout(30):
            while not done():
                wake()
                self.news.clear()
                try:
                    await asyncio.wait_for(self.news.wait(), 0.02)
                except TimeoutError:
                    pass

    def texts(self, kind: str) -> list[dict[str, Any]]:
        found = [json.loads(message) for message in self.sent if isinstance(message, str)]
        return [message for message in found if message["type"] == kind]

    def sections(self, kind: int) -> list[Section]:
        parts = [decode(message)[2] for message in self.sent if isinstance(message, bytes)]
        return [section for part in parts for section in part if section.kind == kind]


def with_client(script: Script, body: Callable[[FakeLink, Client], Awaitable[None]]) -> FakeLink:
    """Run a client on a script while the body runs."""

    async def run() -> FakeLink:
        link = FakeLink()
        client = Client(link, script, Sections(script), "abc")
        tasks = [asyncio.create_task(client.read()), asyncio.create_task(client.pump())]
        try:
            await body(link, client)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and task.exception():
                raise task.exception()  # type: ignore[misc]
        return link

    return asyncio.run(run())


def command(**found: Any) -> str:
    return json.dumps(found)


def test_hello_comes_first() -> None:
    async def body(link: FakeLink, client: Client) -> None:
        await link.until(lambda: bool(link.sent))

    link = with_client(Script(), body)
    hello = json.loads(link.sent[0])
    assert (hello["type"], hello["protocol"], hello["session"], hello["mode"]) == ("hello", 1, "abc", "live")
    assert (hello["grounded"], hello["reference"], hello["grid"]) == ([0, 7, 56, 63], 4, 125)


def test_what_is_subscribed_to_comes_and_nothing_else() -> None:
    script = Script(spikes=[(10, 1), (4000, 2)], stims=[(20, 3)])

    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait(command(type="subscribe", topic="spikes"))
        await link.until(lambda: "spikes" in client._binary)
        script.now = 5000
        await link.until(lambda: len(link.sections(1)) > 0, client.wake)
        link.inbox.put_nowait(command(type="unsubscribe", topic="spikes"))
        await link.until(lambda: not client._binary)
        script.now = 10_000
        count = len(link.sent)
        client.wake()
        await asyncio.sleep(0)
        assert len(link.sent) == count

    link = with_client(script, body)
    (section,) = link.sections(1)
    assert section.events() == [(10, 1), (4000, 2)]
    assert not link.sections(2) and not link.sections(3)


def test_status_and_streams_come_as_json() -> None:
    script = Script(log=[StreamEntry("score", 1, 2.5)])

    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait(command(type="subscribe", topic="status"))
        link.inbox.put_nowait(command(type="subscribe", topic="streams", since=0))
        link.inbox.put_nowait(command(type="subscribe", topic="entries", since=0, names=["score"]))
        await link.until(lambda: bool(link.texts("streams") and link.texts("entries")), client.wake)

    link = with_client(script, body)
    assert link.texts("status")[0]["state"] == "running"
    assert link.texts("streams")[0]["streams"][0]["text"] == "2.5"
    assert link.texts("entries")[0]["entries"] == [["score", 1, 2.5]]


def test_a_slow_client_loses_frames_but_no_spike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_SLOW_S", 0.0)
    events = [(k * 100, k % 64) for k in range(1000)]
    script = Script(spikes=events)

    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait(command(type="subscribe", topic="spikes"))
        link.inbox.put_nowait(command(type="subscribe", topic="overview"))
        await link.until(lambda: len(client._binary) == 2)
        link.gate.clear()
        script.now = 1250
        client.wake()
        await asyncio.sleep(0.02)
        script.now = 100_000  # four seconds in which nothing is taken
        link.gate.set()
        await link.until(lambda: bool(link.sections(1)) and link.sections(1)[-1].stop == 100_000, client.wake)

    link = with_client(script, body)
    spikes = [event for section in link.sections(1) for event in section.events()]
    assert spikes == events
    starts = link.sections(3)
    assert starts[-1].stop == 100_000
    dropped = [decode(message)[1] for message in link.sent if isinstance(message, bytes)][-1]
    assert dropped == 100_000 - sum(section.stop - section.start for section in starts) > 90_000


def test_a_client_that_is_too_slow_for_the_history_is_let_go() -> None:
    script = Script()

    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait(command(type="subscribe", topic="stims"))
        await link.until(lambda: bool(client._binary))
        script.now = 1_000_000
        await link.until(lambda: link.closed is not None, client.wake)

    link = with_client(script, body)
    assert link.closed is not None and link.closed[0] == FELL_BEHIND


def test_bad_commands_are_answered_and_at_last_end_it() -> None:
    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait("{")
        await link.until(lambda: bool(link.texts("error")), client.wake)
        for _ in range(20):
            link.inbox.put_nowait(command(type="stim"))
        await link.until(lambda: link.closed is not None, client.wake)

    link = with_client(Script(), body)
    assert link.texts("error")[0]["text"] == "not JSON"
    assert link.closed == (POLICY_VIOLATION, "too many bad commands")


def test_too_many_commands_end_it() -> None:
    async def body(link: FakeLink, client: Client) -> None:
        for _ in range(500):
            link.inbox.put_nowait(command(type="unsubscribe", topic="spikes"))
        await link.until(lambda: link.closed is not None, client.wake)

    assert with_client(Script(), body).closed == (POLICY_VIOLATION, "too many commands")


def test_a_live_device_cannot_be_played() -> None:
    async def body(link: FakeLink, client: Client) -> None:
        link.inbox.put_nowait(command(type="seek", position=0))
        await link.until(lambda: bool(link.texts("error")), client.wake)

    assert "cannot be played" in with_client(Script(), body).texts("error")[0]["text"]
