"""Pages that come through a notebook's kernel: who is sent to, and that they load nothing from elsewhere."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import queue
import re
import types
from collections.abc import Iterator
from typing import Any

import pytest
from visualisation_tools import PATIENCE_S, Script, decode, http

from cl.visualisation.relay.bundle import custom_page, live_page
from cl.visualisation.relay.frame import Frame
from cl.visualisation.relay.lease import LEASE_S, Lease
from cl.visualisation.relay.link import KernelLink
from cl.visualisation.relay.widget import Frames
from cl.visualisation.server.custom_visualiser import CustomVisualiser
from cl.visualisation.server.server import VisualiserServer
from cl.visualisation.server.throttle import BURST, RATE, Throttle

SPIKES = json.dumps({"type": "subscribe", "topic": "spikes", "since": 0})


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Shown:
    """A frame in a notebook, as the tests play it."""

    def __init__(self, server: VisualiserServer) -> None:
        self.told: queue.Queue[tuple[dict[str, Any], bytes | None]] = queue.Queue()
        self.frame = Frame(
            server, Throttle(), lambda: "<html>", lambda content, data: self.told.put((content, data))
        )

    def say(self, deaf: bool = False, **message: Any) -> None:
        self.frame.hear(message, deaf)

    def next(self, *keys: str) -> dict[str, Any]:
        """Return the next message with all of the keys."""
        while True:
            content, _ = self.told.get(timeout=PATIENCE_S)
            if {*keys} <= content.keys():
                return content

    def hello(self) -> int:
        """Wait for the beginning of a connection, and return its number."""
        content = self.next("text", "serial")
        assert json.loads(content["text"])["type"] == "hello"
        return int(content["serial"])

    def spikes(self) -> list[tuple[int, int]]:
        """Return the next spikes."""
        while True:
            _, data = self.told.get(timeout=PATIENCE_S)
            for section in decode(data)[2] if data else ():
                if section.kind == 1 and section.count:
                    return section.events()


@pytest.fixture
def script() -> Script:
    return Script(now=5_000, spikes=[(100, 8), (200, 9)])


@pytest.fixture
def server(script: Script) -> Iterator[VisualiserServer]:
    server = VisualiserServer(None, port_from=0)
    server.keep()
    server.attach(lambda: script, "127.0.0.1")
    yield server
    server.stop()


def test_a_page_is_served_without_the_socket(server: VisualiserServer) -> None:
    shown = Shown(server)
    shown.say(page=True)
    assert shown.next("page")["page"] == "<html>"
    shown.say(open=[])
    serial = shown.hello()
    shown.say(serial=serial, command=SPIKES)
    assert shown.spikes() == [(100, 8), (200, 9)]
    assert server.connections == set()
    shown.say(gone=True)


def test_what_a_page_begins_with_is_sent_also_where_it_cannot_be_heard(server: VisualiserServer) -> None:
    shown = Shown(server)
    shown.say(deaf=True, open=[SPIKES])
    shown.frame.lease.cell_begins()
    assert shown.spikes() == [(100, 8), (200, 9)]
    shown.say(gone=True)


def test_a_frame_lives_through_devices(server: VisualiserServer, script: Script) -> None:
    shown = Shown(server)
    shown.say(open=[SPIKES])
    first = shown.hello()
    server.leave()
    assert shown.next("closed")["closed"] == [1001, "the device was closed"]
    server.attach(lambda: script, "127.0.0.1")
    assert shown.hello() == first + 1
    assert shown.spikes() == [(100, 8), (200, 9)]
    # What was meant for the connection before is not taken for this one's.
    shown.say(serial=first, command='{"type": "unsubscribe", "topic": "spikes"}')
    script.spikes.append((6_000, 10))
    script.now = 7_000
    assert shown.spikes() == [(6_000, 10)]
    shown.say(gone=True)


def test_a_frame_may_be_there_before_the_device(script: Script) -> None:
    server = VisualiserServer(None, port_from=0)
    server.keep()
    try:
        shown = Shown(server)
        shown.say(open=[SPIKES])
        assert shown.next("closed")["closed"][0] == 1001
        server.attach(lambda: script, "127.0.0.1")
        assert shown.spikes() == [(100, 8), (200, 9)]
        shown.say(gone=True)
    finally:
        server.stop()


def test_a_closed_tab_is_sent_nothing(server: VisualiserServer, script: Script) -> None:
    shown, other = Shown(server), Shown(server)
    clock = Clock()
    shown.frame.lease = Lease(clock)
    for each in (shown, other):
        each.say(open=[SPIKES])
        each.spikes()
    clock.now += LEASE_S + 1
    shown.told.queue.clear()
    script.spikes.append((6_000, 10))
    script.now = 7_000
    assert other.spikes() == [(6_000, 10)]
    server.leave()
    server.attach(lambda: script, "127.0.0.1")  # those that are looked at come again
    assert other.spikes() == [(100, 8), (200, 9), (6_000, 10)]
    assert not [content for content, data in tuple(shown.told.queue) if data or "text" in content]
    shown.say()  # it was asleep, and is looked at again
    assert shown.spikes() == [(100, 8), (200, 9), (6_000, 10)]
    for each in (shown, other):
        each.say(gone=True)


def test_frames_that_went_are_forgotten_and_may_come_again(server: VisualiserServer) -> None:
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    events = types.SimpleNamespace(register=lambda name, call: None)
    frames = Frames(server, lambda: "", lambda content, buffers: told.put(content), events)
    frames.hear({"view": "one", "open": [SPIKES]})
    frames.hear("what is no message")
    assert told.get(timeout=PATIENCE_S)["view"] == "one"
    (frame,) = frames._frames.values()
    frame.lease.end()
    frames.hear({"view": "two", "open": []})
    assert [*frames._frames] == ["two"]
    while told.get(timeout=PATIENCE_S)["view"] != "two":
        pass
    frames.hear({"view": "one", "serial": 1, "received": 7})
    while not (content := told.get(timeout=PATIENCE_S)).get("again"):
        pass
    assert content == {"view": "one", "again": True}
    for view in ("one", "two"):
        frames.hear({"view": view, "gone": True})
    assert frames._frames == {}
    assert server.when_attached == set()


@pytest.mark.parametrize("deaf", [False, True])
def test_a_lease_ends_where_a_frame_could_be_heard_and_is_not(deaf: bool) -> None:
    clock = Clock()
    lease = Lease(clock)
    assert not lease.holds()
    lease.renew(deaf)
    clock.now += LEASE_S / 2
    lease.cell_begins()
    clock.now += 10 * LEASE_S
    assert lease.holds() is deaf is lease.deaf
    lease.cell_ends()
    assert lease.holds() is deaf
    clock.now += LEASE_S
    assert not lease.holds()
    lease.cell_begins()  # it had gone before
    assert not lease.holds()


def test_what_was_taken_as_said_is_not_done_twice() -> None:
    async def commands() -> list[str | bytes]:
        lease = Lease()
        lease.renew(True)
        link = KernelLink(1, lambda *_: None, [SPIKES, '{"type": "pause"}'], lease, Throttle())
        found = [await link.recv(), await link.recv()]
        link.put(SPIKES.replace("0", "77"))  # said at last, with what it has by now
        link.put(SPIKES)
        found.append(await link.recv())
        link.drop()
        return found

    assert asyncio.run(commands()) == [SPIKES, '{"type": "pause"}', SPIKES]


def test_a_kernel_is_not_told_more_than_its_server_passes_on() -> None:
    clock = Clock()

    async def pour() -> float:
        throttle = Throttle(clock, clock.sleep)
        began = clock.now
        for _ in range(200):
            await throttle.take(50_000)
        return clock.now - began

    seconds = asyncio.run(pour())
    assert 10_000_000 <= BURST + RATE * seconds + 50_000 <= 11_000_000


def test_a_page_that_reaches_the_server_is_told_that_it_is_this_one(server: VisualiserServer) -> None:
    status, _, body = http(server, f"/here/{server.mark}")
    assert status == 200
    assert b"/js/here.js" in body
    # The token, by which remarks are made, is another: the mark stands in the notebook.
    for other in ("another", "", server.token):
        assert http(server, f"/here/{other}")[0] == 404


def inside(enclosure: str) -> str:
    """Return the page that another one keeps from leading itself elsewhere."""
    assert "content=\"frame-src 'none'\"" in enclosure
    (page,) = re.findall(r'srcdoc="([^"]*)"', enclosure)
    return html.unescape(page)


HOSTILE = '</script><script>alert(1)</script>"{script}{fragment}'


@pytest.mark.parametrize(
    "page",
    [
        live_page("?focus_on_channels=8&x=" + HOSTILE),
        custom_page(CustomVisualiser(f"// {HOSTILE}", "<p>fragment</p>", ("a",), HOSTILE)),
    ],
    ids=["live", "custom"],
)
def test_a_page_loads_nothing(page: str) -> None:
    page = inside(page)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert policy[1].startswith("default-src 'none'")
    assert "http" not in policy[1]
    scripts = policy[1].partition("script-src-elem ")[2].partition(";")[0].split()
    inline = page.count("<script")
    assert len(scripts) == 2 + inline >= 4  # data:, blob:, and the hash of each that stands in the page
    assert "<script>alert" not in page
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', page) == []
    (modules,) = re.findall(r'<script type="importmap">(.*?)</script>', page)
    known = json.loads(modules)["imports"]
    texts = [base64.b64decode(url.partition(",")[2]).decode() for url in known.values()]
    wanted = {name for text in [page, *texts] for name in re.findall(r'(?:from|import) "(cl/[^"]+)"', text)}
    assert {"cl/connection.js", "cl/port.js"} <= wanted <= known.keys()
    assert not any(re.search(r'^(?:import|export) .*from "\.', text, re.MULTILINE) for text in texts)


def test_a_custom_page_may_not_download() -> None:
    assert 'sandbox="allow-scripts allow-modals allow-pointer-lock"' in custom_page(CustomVisualiser(""))
    assert 'sandbox="allow-scripts allow-modals allow-pointer-lock allow-downloads allow-forms"' in live_page(
        ""
    )


def test_a_fragments_rules_for_loading_in_advance_are_not_allowed() -> None:
    rules = '<script type="speculationrules">{"prefetch": [{"urls": ["https://example.com/"]}]}</script>'
    plain, ruled = (inside(custom_page(CustomVisualiser("", fragment))) for fragment in ("", rules))
    assert rules in ruled
    assert ruled.count("'sha256-") == plain.count("'sha256-")


def test_a_custom_page_has_its_script_and_its_fragment() -> None:
    visualiser = CustomVisualiser("const dataStreams = [];", "<p>{title} </p>", ("a",), "Mine")
    page = inside(custom_page(visualiser))
    assert ">" + visualiser.fragment + "</div>" in page
    (script,) = re.findall(r'data-script="data:text/javascript;base64,([^"]*)"', page)
    assert base64.b64decode(script) == visualiser.code()
