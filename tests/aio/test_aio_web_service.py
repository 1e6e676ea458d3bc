"""The example of a web service, end to end: a server process, real sockets, wall-clock time."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from aio_tools import keys, reference
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

import cl

ROOT = Path(cl.__file__).parents[1]
PATIENCE = 60

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Use asyncio: the WebSocket clients are asyncio's."""
    return "asyncio"


@pytest.fixture(scope="module")
def spikes() -> list[list[int]]:
    """Return what the server's device plays in its first 40 s."""
    from cl.testing import Simulator

    with Simulator(7):
        return [list(key) for key in keys(reference(1_000_000).spikes)]


class Server:
    """The example in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                str(ROOT / "examples" / "web_service.py"),
                "--port",
                "0",
                "--most-queued-seconds",
                "100000",
                *arguments,
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "CL_SDK_RANDOM_SEED": "7",
                "CL_SDK_CHANNEL_QUEUE_LIMIT": "20",
                **environment,
            },
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"running on http://([\d.]+):(\d+)", line):
                self.address = found[1], int(found[2])
                return
        raise AssertionError("".join(self.lines))

    @property
    def url(self) -> str:
        return "{}:{}".format(*self.address)

    def stop(self) -> str:
        """Stop it as a service manager does; return what it has said."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return "".join(self.lines) + rest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.process.kill()
    server.process.communicate()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as client:
        yield client


async def receive(client: ClientConnection, count: int) -> list[list[int]]:
    """Return the next spikes, at least so many."""
    found: list[list[int]] = []
    while len(found) < count:
        found += json.loads(await client.recv())["spikes"]
    return found


async def test_requests(server: Server, http: httpx.AsyncClient, tmp_path: Path) -> None:
    status = (await http.get("/status")).json()
    assert status == {
        "timestamp": status["timestamp"],
        "frames_per_second": 25_000,
        "channels": 64,
        "simulator": True,
        "recording": None,
        "clients": 0,
    }
    assert (await http.delete("/record")).status_code == 404
    begun = await http.post("/record")
    assert begun.status_code == 201
    assert (await http.post("/record")).status_code == 409
    name = Path(begun.json()["file"]).name
    assert (await http.get("/status")).json()["recording"] == name
    async with connect(f"ws://{server.url}/spikes") as client:
        await receive(client, 1)
        accepted = await http.post(
            "/stim", json={"channels": [8, 9], "current_uA": 1.0, "count": 3, "hz": 200}
        )
        assert (accepted.status_code, accepted.json()["channels"]) == (202, [8, 9])
        # What was on its way by then may come first.
        while (await receive(client, 1))[-1][0] < accepted.json()["timestamp"] + 1_000:
            pass
        await receive(client, 10)
    ended = await http.delete("/record")
    assert ended.status_code == 200
    with cl.RecordingView(ended.json()["file"]) as view:
        assert view.stims is not None
        assert sorted(view.stims[:]["channel"].tolist()) == [8, 8, 8, 9, 9, 9]
        assert accepted.json()["timestamp"] >= begun.json()["start"]
        assert len(view.spikes) >= 10
    text = server.stop()
    assert server.process.returncode in (0, -signal.SIGTERM), text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body must be JSON"),
        (b"[1]", "the body must be a JSON object"),
        (b"{" + b" " * 20_000, "larger than 10000 bytes"),
        ({}, "channels and current_uA are needed"),
        ({"channels": [8], "current_uA": 1, "amps": 3}, "unknown: amps"),
        ({"channels": [8], "current_uA": "1"}, "current_uA must be a number"),
        ({"channels": [8], "current_uA": 3.5}, "3.0"),
        ({"channels": [8], "current_uA": math.nan}, "current nan µA"),
        ({"channels": [8], "current_uA": math.inf}, "inf µA is beyond the limit"),
        (b'{"channels": [8], "current_uA": ' + b"9" * 9_000 + b"}", "the body must be JSON"),
        (b"[" * 9_000, "the body must be JSON"),
        (b'{"\\ud800": 1}', r"unknown: \ud800"),
        ({"channels": [8], "current_uA": 1.0, "duration_us": math.nan}, "nan µs"),
        ({"channels": [8], "current_uA": 1.0, "hz": math.nan}, "not nan"),
        ({"channels": [8], "current_uA": 1.0, "duration_us": 30}, "20"),
        ({"channels": [64], "current_uA": 1.0}, "channel 64 is out of range"),
        ({"channels": "8", "current_uA": 1.0}, "must be an integer"),
        ({"channels": [8], "current_uA": 1.0, "hz": 500, "count": 2}, "200"),
        ({"channels": [8], "current_uA": 1.0, "count": -1}, "-1"),
    ],
)
async def test_a_stim_that_cannot_be_is_refused_with_the_reason(
    one_server: Server, body: Any, reason: str
) -> None:
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        content = body if isinstance(body, bytes) else json.dumps(body)
        answer = await http.post("/stim", content=content)
        assert answer.status_code == 422
        assert reason in answer.json()["error"]
        assert (await http.post("/stim", json={"channels": 8, "current_uA": 0.5})).status_code == 202


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that leave it as it was."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    assert "Traceback" not in server.stop()


async def test_a_stim_without_room_is_refused_whole(one_server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        body = {"channels": [20, 21], "current_uA": 1.0, "count": 1_000, "hz": 1}
        answers = [await http.post("/stim", json=body) for _ in range(12)]
        codes = [answer.status_code for answer in answers]
        assert codes == sorted(codes)
        assert set(codes) == {202, 409}
        assert "ChannelQueueFull" in answers[-1].json()["error"]


async def test_recordings_refuse_bad_lengths(one_server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        for body, reason in (
            ('{"seconds": "1"}', "must be a number"),
            ('{"seconds": -1}', "-1"),
            ('{"seconds": 0}', "0"),
            ('{"seconds": true}', "must be a number"),
            ('{"seconds": NaN}', "must be finite"),
            ('{"second": 1}', "unknown: second"),
        ):
            answer = await http.post("/record", content=body)
            assert answer.status_code == 422, body
            assert reason in answer.json()["error"]


async def test_a_recording_may_be_asked_for_longer_than_anybody_lives(one_server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        begun = await http.post("/record", json={"seconds": 1e300})
        assert begun.status_code == 201
        assert (await http.get("/status")).json()["recording"] == Path(begun.json()["file"]).name
        assert (await http.delete("/record")).status_code == 200


async def test_pages_of_other_sites_are_refused(one_server: Server) -> None:
    own, other = f"http://{one_server.url}", "http://evil.example"
    stim = json.dumps({"channels": [8], "current_uA": 1.0})
    async with httpx.AsyncClient(base_url=own, timeout=PATIENCE) as http:
        assert (await http.post("/stim", content=stim, headers={"Origin": other})).status_code == 403
        assert (await http.post("/stim", content=stim, headers={"Origin": "null"})).status_code == 403
        assert (await http.post("/stim", content=stim, headers={"Origin": own})).status_code == 202
    with pytest.raises(InvalidStatus, match="403"):
        await connect(f"ws://{one_server.url}/spikes", origin=Origin(other))
    async with connect(f"ws://{one_server.url}/spikes", origin=Origin(own)) as client:
        await receive(client, 1)


async def test_a_name_that_another_site_may_own_is_refused(one_server: Server) -> None:
    """DNS rebinding: a page's own name leads to this computer, and its Origin is as its Host."""
    port = one_server.address[1]
    stim = json.dumps({"channels": [9], "current_uA": 1.0})
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        for host in (
            f"evil.example:{port}",
            "evil.example",
            f"localhost.evil.example:{port}",
            f"192.168.1.7:{port}",
        ):
            for headers in ({}, {"Origin": f"http://{host}"}, {"Origin": f"http://{one_server.url}"}):
                for method, path in (("POST", "/stim"), ("GET", "/status"), ("DELETE", "/record")):
                    answer = await http.request(method, path, content=stim, headers={"Host": host, **headers})
                    assert answer.status_code == 403, (host, headers, path)
        for host in (f"localhost:{port}", "localhost:9000"):  # a tunnel's
            headers = {"Host": host, "Origin": f"http://{host}"}
            assert (await http.post("/stim", content=stim, headers=headers)).status_code == 202
        mixed = {"Host": "localhost:9000", "Origin": "http://localhost:9000", "Sec-Fetch-Site": "cross-site"}
        assert (await http.post("/stim", content=stim, headers=mixed)).status_code == 403
    with pytest.raises(InvalidStatus, match="403"):
        name = f"evil.example:{port}"
        await connect(
            f"ws://{name}/spikes", origin=Origin(f"http://{name}"), host=one_server.address[0], port=port
        )


async def test_a_client_that_vanishes_in_the_middle_of_its_request(server: Server) -> None:
    with socket.create_connection(server.address, timeout=PATIENCE) as client:
        client.sendall(b"POST /stim HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        while client.recv(1_000):
            pass
    async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
        assert (await http.get("/status")).status_code == 200
    assert "Traceback" not in await anyio.to_thread.run_sync(server.stop)


FAILING = """
from cl.sim import DataSourceBatch, SimulatorDataSource, SimulatorDataSourceMetadata

class Source(SimulatorDataSource):
    metadata = SimulatorDataSourceMetadata(reactive=True)

    def on_stim(self, stim):
        raise OSError("the dish was dropped")

    def read(self, from_timestamp, frame_count):
        return DataSourceBatch()
"""


async def test_a_device_that_has_failed_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "dropped.py").write_text(FAILING)
    folder = f"{ROOT}{os.pathsep}{tmp_path}"
    server = Server(tmp_path, CL_SDK_DATA_SOURCE="dropped:Source", PYTHONPATH=folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
            path = (await http.post("/record")).json()["file"]
            async with connect(f"ws://{server.url}/spikes") as client:
                body = {"channels": [8], "current_uA": 1.0}
                # It may have failed before the answer was made.
                assert (await http.post("/stim", json=body)).status_code in (202, 503)
                with anyio.fail_after(PATIENCE):
                    await client.wait_closed()
                assert client.close_code == 1001
                assert client.close_reason is not None
                assert client.close_reason.startswith("the device failed: data source 'dropped:Source'")
            for answer in (await http.post("/stim", json=body), await http.get("/status")):
                assert answer.status_code == 503
                assert "the dish was dropped" in answer.json()["error"]
        await anyio.to_thread.run_sync(server.stop)
        with cl.RecordingView(path) as view:
            assert view.complete
    finally:
        server.process.kill()
        server.process.communicate()


async def test_a_recording_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    server = Server(folder)
    try:
        folder.rmdir()
        async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
            answer = await http.post("/record")
            assert answer.status_code == 500
            assert "No such file or directory" in answer.json()["error"]
            assert (await http.delete("/record")).status_code == 404
    finally:
        server.process.kill()
        server.process.communicate()


async def test_clients_choose_channels(one_server: Server, spikes: list[list[int]]) -> None:
    async with connect(f"ws://{one_server.url}/spikes?channels=8,9,10,11,12,13,14,15") as client:
        found = await receive(client, 5)
    chosen = [spike for spike in spikes if 8 <= spike[1] < 16]
    begin = chosen.index(found[0])
    assert found == chosen[begin : begin + len(found)]
    for channels in ("64", "a", "", "é" * 100):
        async with connect(f"ws://{one_server.url}/spikes?channels={channels}") as client:
            await client.wait_closed()
            assert client.close_code == 1008


async def test_fifty_clients(server: Server, http: httpx.AsyncClient, spikes: list[list[int]]) -> None:
    """Each gets every spike in order, whatever the others do: some vanish, one does not read, one talks."""
    results: list[list[list[int]]] = []

    async def well_behaved() -> None:
        async with connect(f"ws://{server.url}/spikes") as client:
            results.append(await receive(client, 200))

    async def vanishes() -> None:
        client = await connect(f"ws://{server.url}/spikes")
        await receive(client, 5)
        # No closing handshake, and what is on its way is refused: a reset.
        raw = client.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        client.transport.abort()

    async def talks(scope: anyio.CancelScope) -> None:
        async with connect(f"ws://{server.url}/spikes") as client:
            while not scope.cancel_called:
                await client.send("hello")
                await receive(client, 1)

    async def reads_nothing(scope: anyio.CancelScope) -> None:
        with socket.create_connection(server.address) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            raw.sendall(
                f"GET /spikes HTTP/1.1\r\nHost: {server.url}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            await anyio.sleep_forever()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as others:
            others.start_soon(talks, others.cancel_scope)
            others.start_soon(reads_nothing, others.cancel_scope)
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(well_behaved)
                for _ in range(10):
                    group.start_soon(vanishes)
            while (await http.get("/status")).json()["clients"] > 2:  # noqa: ASYNC110
                await anyio.sleep(0.02)
            others.cancel_scope.cancel()
    assert len(results) == 50
    for found in results:
        begin = spikes.index(found[0])
        assert found == spikes[begin : begin + len(found)]
    with anyio.fail_after(PATIENCE):
        while (await http.get("/status")).json()["clients"] > 0:  # noqa: ASYNC110
            await anyio.sleep(0.02)
    text = server.stop()
    assert "Traceback" not in text, text


async def test_stopping_the_server_ends_its_clients_and_finalises_the_recording(
    server: Server, http: httpx.AsyncClient
) -> None:
    path = (await http.post("/record")).json()["file"]
    ends: list[int | None] = []

    async def stay(joined: list[int]) -> None:
        async with connect(f"ws://{server.url}/spikes") as client:
            await receive(client, 1)
            joined.append(1)
            try:
                await receive(client, 1_000_000)
            except Exception:
                await client.wait_closed()
            ends.append(client.close_code)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            joined: list[int] = []
            for _ in range(20):
                group.start_soon(stay, joined)
            while len(joined) < 20:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            text = await anyio.to_thread.run_sync(server.stop)
    assert len(ends) == 20
    assert set(ends) <= {1001, 1012}
    assert "Traceback" not in text, text
    assert server.process.returncode in (0, -signal.SIGTERM)
    with cl.RecordingView(path) as view:
        assert view.complete
        assert view.samples is not None
        assert len(view.samples) == view.attributes["duration_frames"] > 0


async def test_what_is_queued_is_bounded_and_can_be_dropped(tmp_path: Path) -> None:
    server = Server(tmp_path, "--most-queued-seconds", "60")
    try:
        async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
            long = {"channels": [8, 9], "current_uA": 1.0, "count": 4_000, "hz": 100}
            assert (await http.post("/stim", json=long)).status_code == 202
            refused = await http.post("/stim", json={**long, "channels": [9, 10]})
            assert refused.status_code == 409
            assert "the channels would be busy for" in refused.json()["error"]
            assert "60 s is the most" in refused.json()["error"]
            assert (await http.post("/stim", json={**long, "channels": [10]})).status_code == 202
            dropped = await http.post("/interrupt", json={"channels": [8, 9]})
            assert (dropped.status_code, dropped.json()["channels"]) == (202, [8, 9])
            assert (await http.post("/stim", json=long)).status_code == 202
            assert len((await http.post("/interrupt")).json()["channels"]) == 64
            assert (await http.post("/interrupt", json={"channel": 8})).status_code == 422
            figures = (await http.get("/metrics")).text
            assert "# TYPE cl_stims_total counter\ncl_stims_total 3\n" in figures
            assert "cl_refused_total 2\n" in figures
    finally:
        assert "Traceback" not in server.stop()


async def test_the_service_says_what_there_is_and_errs_in_json(one_server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://{one_server.url}", timeout=PATIENCE) as http:
        described = (await http.get("/openapi.json")).json()
        listed = {f"{method.upper()} {path}" for path, of in described["paths"].items() for method in of}
        index = (await http.get("/")).json()
        assert listed == {name for name in index if name.startswith(("GET", "POST", "DELETE"))}
        body = described["paths"]["/stim"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert set(body["required"]) == {"channels", "current_uA"}
        for method, path, status in (("GET", "/nowhere", 404), ("PUT", "/stim", 405)):
            answer = await http.request(method, path)
            assert (answer.status_code, list(answer.json())) == (status, ["error"])


async def test_recordings_are_listed_and_fetched(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        (tmp_path / "secret.txt").write_text("secret")
        async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
            await http.post("/record")
            name = Path((await http.delete("/record")).json()["file"]).name
            [listed] = (await http.get("/recordings")).json()["recordings"]
            fetched = (await http.get(f"/recordings/{name}")).content
            assert (listed["name"], listed["bytes"], fetched[:4]) == (name, len(fetched), b"\x89HDF")
            for other in ("secret.txt", "..%2f..%2fetc%2fpasswd", "no.h5"):
                assert (await http.get(f"/recordings/{other}")).status_code == 404
    finally:
        assert "Traceback" not in server.stop()


async def test_a_token_is_wanted_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("let me in\n")
    server = Server(tmp_path, "--token-file", "token")
    try:
        async with httpx.AsyncClient(base_url=f"http://{server.url}", timeout=PATIENCE) as http:
            codes = [
                (await http.get(path, headers={"Authorization": f"Bearer {token}"})).status_code
                for path, token in (
                    ("/status", "let me in"),
                    ("/status", "let me out"),
                    ("/health", "nothing"),
                )
            ]
            assert codes == [200, 401, 200]
            assert (await http.get("/status")).status_code == 401
    finally:
        assert "Traceback" not in server.stop()
