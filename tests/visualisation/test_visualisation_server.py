"""The server over real sockets: what can be had, what is refused, and who can harm whom."""

from __future__ import annotations

import random
import selectors
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from visualisation_tools import PATIENCE_S, Script, http, page, plain_socket, raw, text_frame
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cl.visualisation.server import app
from cl.visualisation.server.app import MOST_CONNECTIONS
from cl.visualisation.server.custom_visualiser import CustomVisualiser
from cl.visualisation.server.server import VisualiserServer, announce

WEB = Path(__file__).resolve().parents[2] / "cl" / "visualisation" / "web"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def server(script: Script) -> Iterator[VisualiserServer]:
    found = VisualiserServer(lambda: script, port_from=0)
    yield found
    found.stop()


def test_the_page_and_its_files_can_be_had(server: VisualiserServer) -> None:
    status, headers, body = http(server, "/")
    assert (status, body) == (200, (WEB / "index.html").read_bytes())
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert f"ws://127.0.0.1:{server.port}" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers
    status, headers, body = http(server, "/js/main.js?x=1")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert body == (WEB / "js" / "main.js").read_bytes()


def test_all_that_the_page_loads_is_there() -> None:
    named = {"/style.css", "/icon.svg", "/js/main.js"}
    text = (WEB / "index.html").read_text("utf-8")
    assert all(f'"{name}"' in text for name in named)
    for script_file in (WEB / "js").glob("*.js"):
        for line in script_file.read_text("utf-8").splitlines():
            if line.startswith("import "):
                assert (WEB / "js" / line.split('"')[1].removeprefix("./")).is_file(), line
    assert "http:" not in text.replace("http://www.w3.org", "") and "https:" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/js/../../server.py",
        "/js/",
        "//etc/passwd",
        "/etc/passwd",
        "/js\\..\\..\\server.py",
        "/index.html%00.js",
        "/custom/",
        "/custom/x/",
        "/custom/../index.html",
        "/./index.html",
        "http://evil.example/",
        "*",
    ],
)
def test_no_path_leads_anywhere_else(server: VisualiserServer, path: str) -> None:
    status, _, body = http(server, path)
    assert status == 404
    assert b"import" not in body and b"root:" not in body


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:{port}", None),  # DNS rebinding
        ("evil.example", None),
        ("127.0.0.1:{port}", "http://evil.example"),  # a page of another site
        ("127.0.0.1:{port}", "http://127.0.0.1:8888"),
        ("127.0.0.1:{port}", "null"),
        ("evil.example:{port}", "http://evil.example:{port}"),  # both together
    ],
)
def test_strangers_get_nothing(server: VisualiserServer, host: str, origin: str | None) -> None:
    host = host.format(port=server.port)
    origins = {} if origin is None else {"Origin": origin.format(port=server.port)}
    for path in ("/", "/ws", "/js/main.js"):
        status, headers, body = http(server, path, host=host, **origins)
        assert status == 403
        assert len(body) < 100
        assert not any(name.startswith("access-control") for name in headers)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert http(server, "/ws", host=host, **origins, **upgrade)[0] == 403


def test_the_own_origin_and_programs_may_connect(server: VisualiserServer) -> None:
    with page(server, origin=server.url) as own:
        assert own.hello["mode"] == "live"
    with page(server) as program:
        assert program.hello["protocol"] == 1
    with pytest.raises(InvalidStatus), page(server, origin="http://evil.example"):
        pass


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_get_is_understood(server: VisualiserServer, method: str) -> None:
    status, headers, _ = http(server, "/", method)
    assert status in (0, 400, 405)  # some versions of the library close without a word
    assert not any(name.startswith("access-control") for name in headers)


def test_a_long_message_ends_the_connection_of_its_sender(server: VisualiserServer) -> None:
    with page(server) as other, page(server) as hostile:
        hostile.connection.send("x" * 5000)
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                hostile.receive()
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009
        other.subscribe("status")
        assert other.message("status")["state"] == "running"


def test_fuzzed_messages_harm_nobody(server: VisualiserServer, script: Script) -> None:
    rng = random.Random(3)
    with page(server) as other:
        other.subscribe("spikes")
        for _ in range(6):
            with page(server) as hostile:
                try:
                    for _ in range(30):
                        size = rng.randrange(200)
                        data: str | bytes = rng.randbytes(size)
                        if rng.random() < 0.5:
                            data = data.decode("latin-1")  # type: ignore[union-attr]
                        hostile.connection.send(data)
                except ConnectionClosed:
                    pass
        script.spikes.append((script.now + 5, 9))
        script.now += 2000
        assert any(section.count for section in other.sections(1))


def test_garbage_on_the_socket_harms_nobody(server: VisualiserServer) -> None:
    rng = random.Random(5)
    for _ in range(20):
        assert raw(server, rng.randbytes(300) + b"\r\n\r\n")[0] in (0, 400)
    assert raw(server, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n")[0] in (0, 400, 431)
    assert http(server)[0] == 200


def test_frames_of_websocket_that_break_the_rules_end_only_that_connection(server: VisualiserServer) -> None:
    for frame in (b"\xff" * 50, b"\x81\x05hello", b"\x81\xff" + b"\xff" * 8, bytes(40)):
        with plain_socket(server) as sock:
            sock.sendall(frame)
            with pytest.raises((ConnectionResetError, EOFError)):
                while True:
                    if not sock.recv(4096):
                        raise EOFError
    with page(server) as fine:
        assert fine.hello["protocol"] == 1


def test_a_vanishing_client_harms_nobody(server: VisualiserServer, script: Script) -> None:
    script.now = 5000
    with page(server) as other, plain_socket(server) as gone:
        other.subscribe("overview", since=0)
        seen = other.sections(3)
        while next(seen).stop < 5000:
            pass
        gone.sendall(text_frame(type="subscribe", topic="overview"))
        assert gone.recv(10)
        # Without a word: what the server sends is answered by a reset.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        script.now = 10_000
        while next(seen).stop < 10_000:
            pass


def test_a_silent_client_does_not_keep_the_server_from_closing(script: Script) -> None:
    server = VisualiserServer(lambda: script, port_from=0)
    with (
        socket.create_connection((server.host, server.port)) as silent,
        socket.create_connection((server.host, server.port)) as half,
        page(server),
    ):
        half.sendall(b"GET / HTT")
        server.stop()
        assert not server._thread.is_alive()
        silent.settimeout(PATIENCE_S)
        with pytest.raises((ConnectionResetError, EOFError)):
            if not silent.recv(1):
                raise EOFError


def test_a_client_that_takes_nothing_holds_up_nobody(server: VisualiserServer, script: Script) -> None:
    with plain_socket(server, 4096) as stuck, page(server) as other:
        for topic in ("overview", "spikes", "stims"):
            stuck.sendall(text_frame(type="subscribe", topic=topic))
        other.subscribe("overview", since=0)
        found = other.sections(3)
        until = 0
        for _ in range(40):
            script.now += 5000
            while until < script.now:
                until = next(found).stop
        assert until == 200_000


def test_closing_ends_the_pages_with_going_away(script: Script) -> None:
    server = VisualiserServer(lambda: script, port_from=0)
    with page(server) as one:
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                one.receive()
        stopping.join()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "the device was closed")
    server.stop()  # again: nothing
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


def test_the_same_port_can_be_had_again_at_once(script: Script) -> None:
    first = VisualiserServer(lambda: script, port_from=0)
    with page(first):
        first.stop()
    again = VisualiserServer(lambda: script, port_from=first.port)
    try:
        assert again.port == first.port
        with page(again) as one:
            assert one.hello["session"]
    finally:
        again.stop()


def test_the_first_free_port_is_taken(server: VisualiserServer, script: Script) -> None:
    second = VisualiserServer(lambda: script, port_from=server.port)
    try:
        assert second.port > server.port
        assert second.url == f"http://127.0.0.1:{second.port}"
    finally:
        second.stop()


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1", "256.0.0.1"])
def test_a_host_that_is_not_this_machine_is_refused(script: Script, host: str) -> None:
    with pytest.raises(ValueError, match=host):
        VisualiserServer(lambda: script, host)


def test_too_many_pages_are_refused(server: VisualiserServer) -> None:
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(page(server))
        with pytest.raises(InvalidStatus) as caught, page(server):
            pass
        assert caught.value.response.status_code == 503
        assert http(server)[0] == 200


def test_too_many_connections_are_cut_off(server: VisualiserServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Those that say nothing would be cut off sooner or later.
    monkeypatch.setattr("cl.visualisation.server.app._OPEN_TIMEOUT_S", 600.0)
    assert http(server)[0] == 200
    with ExitStack() as stack:
        address = (server.host, server.port)
        connections = [socket.create_connection(address, PATIENCE_S) for _ in range(80)]
        selector = stack.enter_context(selectors.DefaultSelector())
        for connection in connections:
            stack.enter_context(connection)
            selector.register(connection, selectors.EVENT_READ)
        # A server that is held up takes them in the order that the system likes.
        while len(selector.get_map()) > 64:
            ready = selector.select(PATIENCE_S)
            assert ready, f"{len(selector.get_map())} connections stay"
            for key, _ in ready:
                assert is_cut(key.fileobj)  # type: ignore[arg-type]
                selector.unregister(key.fileobj)
        assert selector.select(0) == []
        stays = next(iter(selector.get_map().values())).fileobj
        stays.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())  # type: ignore[union-attr]
        assert stays.recv(12) == b"HTTP/1.1 200"  # type: ignore[union-attr]


def is_cut(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_nothing_is_loaded_before_somebody_comes() -> None:
    program = """
import sys, threading
from cl.visualisation.server.server import VisualiserServer
server = VisualiserServer(lambda: None, port_from=0)
loaded = {"asyncio", "websockets", "numpy", "json", "ssl"} & set(sys.modules)
server.stop()
print(sorted(loaded), threading.active_count())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] 1"


# -- addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_where_everybody_may_watch_it_says_so_and_has_an_address(
    host: str, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        server = VisualiserServer(lambda: script, host, 0)
    except ValueError:
        pytest.skip(f"this machine has no {host}")
    try:
        announce(server)
        assert server.url == f"http://localhost:{server.port}"
        told = capsys.readouterr().err
        assert told.startswith(f"Data visualiser: {server.url}\n")
        assert f"Warning: it listens on {host}" in told
        assert f"http://{socket.gethostname()}:{server.port}" in told
        assert urllib.request.urlopen(server.url, timeout=PATIENCE_S).status == 200
    finally:
        server.stop()


def test_where_nobody_else_can_watch_it_does_not_warn(
    server: VisualiserServer, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(server)
    assert capsys.readouterr().err == f"Data visualiser: http://127.0.0.1:{server.port}\n"


def test_behind_a_proxy_pages_load_from_where_they_are(script: Script) -> None:
    server = VisualiserServer(lambda: script, port_from=0, public_url="https://hub.example/user/me/proxy/")
    try:
        assert server.show(CustomVisualiser("")).startswith("https://hub.example/user/me/proxy/custom/")
        (token,) = server.visualisers
        for path, name in (("/", b"/js/main.js"), (f"/custom/{token}/", b"/js/custom.js")):
            status, _, body = http(server, path, host="hub.example", Origin="https://hub.example")
            assert status == 200
            assert b'src="/user/me/proxy' + name + b'"' in body and b'="/js' not in body
    finally:
        server.stop()


def test_many_who_ask_nothing_keep_nobody_out(
    server: VisualiserServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_OPEN_TIMEOUT_S", 600.0)  # that is, never
    silent = []
    try:
        for _ in range(3 * MOST_CONNECTIONS):
            silent.append(socket.create_connection((server.host, server.port), PATIENCE_S))
        with page(server) as asking:
            assert http(server)[0] == 200
            # Who has asked stays, however many come after.
            for _ in range(2 * MOST_CONNECTIONS):
                silent.append(socket.create_connection((server.host, server.port), PATIENCE_S))
            assert http(server)[0] == 200
            asking.subscribe("status")
            assert asking.message("status")
    finally:
        for sock in silent:
            sock.close()
