"""Serving: who is let in, who has control, and what becomes of those who are lost."""

from __future__ import annotations

import base64
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient
from serving import ServeProcess
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import cl
from cl import BurstDesign, ControlRequestError, DeviceDisconnectedError
from cl._serve.options import Options
from cl._serve.tokens import Tokens
from cl._stim.operations import stim_operations
from cl.net.wire.layout import Action, Fault, Kind, Outcome, Wanted

PATIENCE_S = 20.0
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    with ServeProcess(env={"CL_SDK_RANDOM_SEED": "7"}) as server:
        yield server


def raw(process: ServeProcess, **options: Any) -> RawClient:
    return RawClient(f"{process.address}/device", **options)


def until(holds: Callable[[], object]) -> float:
    """Wait until something holds; return how many seconds that took."""
    before = time.monotonic()
    while not holds():
        assert time.monotonic() - before < PATIENCE_S, "it does not come"
        time.sleep(0.01)
    return time.monotonic() - before


# -- control --------------------------------------------------------------------------------


def test_one_has_control_and_any_number_read(server: ServeProcess) -> None:
    with cl.open(device=server.address) as neurons:
        other = raw(server)
        try:
            busy = other.answered(other.control(Action.TAKE))
            assert busy.outcome is Outcome.BUSY and f"process {os.getpid()}" in busy.text
            refused = other.answered(other.command(stim_operations(8, 1.0)))
            assert refused.outcome is Outcome.NOT_IN_CONTROL
            assert neurons.has_control()
            neurons.release_control()
            assert other.answered(other.control(Action.TAKE)).outcome is Outcome.DONE
            with pytest.raises(ControlRequestError, match="raw client"):
                neurons.take_control()
            other.send(Kind.BYE)
            until(lambda: not _is_refused(neurons.take_control))
        finally:
            other.close()


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ControlRequestError:
        return True
    return False


def test_a_command_that_is_sent_again_is_not_done_again(server: ServeProcess) -> None:
    first = raw(server)
    assert first.answered(first.control(Action.TAKE)).outcome is Outcome.DONE
    first.subscribe(Wanted.EVENTS)
    answer = first.answered(first.command(stim_operations(8, 1.0), as_of=0))
    first.cut()
    again = raw(server, session=first.session, server=first.welcome["server"])
    try:
        assert again.welcome["resumed"] and again.welcome["state"]["yours"]
        again.id = first.id - 1
        assert again.answered(again.command(stim_operations(8, 1.0), as_of=0)) == answer
        again.id = 0
        again.subscribe(Wanted.EVENTS, start=first.welcome["position"])
        again.take_until(lambda: again.data and again.data[-1].stop > answer.frame + 2_000)
        assert [c for data in again.data for c in data.stims.channels] == [8]
    finally:
        again.send(Kind.BYE)
        again.close()


LOST = """
import sys
import cl
from cl.net import link
link.ANSWER_S = 30.0  # a busy machine may keep the server from answering for longer than a second
with cl.open(device=sys.argv[1]) as neurons:
    while True:
        try:
            neurons.stim(9, 1.0, cl.BurstDesign(10**6, 200))
            break
        except cl.ControlRequiredError:  # it stood still, and the lease was over
            neurons.take_control()
    print("stimulates", flush=True)
    neurons.read(10**9)
"""


@contextmanager
def program(text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that is killed at the end of the block, unless it has been before."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("on_lost", ["interrupt", "finish"])
def test_a_controller_that_is_killed_loses_control_by_its_lease(on_lost: str) -> None:
    with (
        ServeProcess("--lease-seconds", "0.3", "--on-lost", on_lost) as server,
        cl.open(device=server.address, take_control=False) as reader,
        program(LOST, server.address) as lost,
    ):
        # From before it begins: it has lost control as soon as it stands still.
        until_stims(reader)
        lost.kill()
        lost.wait()
        until(lambda: not _is_refused(reader.take_control))
        if on_lost == "finish":
            assert reader.read(2_500, reader.timestamp() + 2_500, analysis=True).stims
        else:
            until_quiet(reader)
        until(lambda: any("has not been heard of for 0.3 s" in line for line in server.said))
        reader.interrupt(9)
        until_quiet(reader)


def until_stims(reader: cl.Neurons) -> None:
    """Read on without a gap until there are stims."""
    at = reader.timestamp()
    while not reader.read(2_500, at, analysis=True).stims:
        at += 2_500


def until_quiet(reader: cl.Neurons) -> None:
    """Wait until there are no stims any more, for 100 ms."""
    until(lambda: not reader.read(2_500, analysis=True).stims)


def test_who_is_silent_is_named_and_the_others_lose_nothing() -> None:
    with (
        ServeProcess("--lease-seconds", "0.4") as server,
        program(LOST, server.address) as silent,
        cl.open(device=server.address, take_control=False) as reader,
    ):
        assert silent.stdout is not None and silent.stdout.readline() == "stimulates\n"
        start = reader.timestamp()
        silent.send_signal(signal.SIGSTOP)
        name = f"process {silent.pid} "
        until(lambda: any(name in line and "has said nothing" in line for line in server.said))
        assert len(reader.read(reader.timestamp() + 2_500 - start, start)) >= 2_500
        # The lease is over by then, and what was queued is interrupted.
        until(lambda: not _is_refused(reader.take_control))
        silent.send_signal(signal.SIGCONT)
        silent.kill()
        silent.wait()
        reader.read(2_500)
        assert not reader._engine.losses.total


def test_a_server_that_is_killed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with ServeProcess() as server, cl.open(device=server.address) as neurons:
        server.kill()
        server.wait()
        before = time.monotonic()
        with pytest.raises(DeviceDisconnectedError, match="the server is gone"):
            neurons.read(10**9)
        assert time.monotonic() - before < PATIENCE_S
        assert not neurons.is_readable()
    assert "is lost" in caplog.text


def test_a_server_that_ends_says_so() -> None:
    with ServeProcess() as server, cl.open(device=server.address) as neurons:
        server.kill(signal.SIGTERM)
        with pytest.raises(DeviceDisconnectedError, match="the server ends"):
            neurons.read(10**9)
        assert server.wait() == 0


def test_a_device_that_fails_ends_for_everybody() -> None:
    hw = pytest.importorskip("cl.hw.emulator")
    with (
        hw.EmulatorProcess("--liveness-ms", "1000") as device,
        ServeProcess("--device", device.address) as server,
        cl.open(device=server.address) as neurons,
    ):
        neurons.stim(8, 1.0)
        device.inject("fail")
        with pytest.raises(DeviceDisconnectedError, match="failed"):
            neurons.read(10**9)
        assert server.wait() == 1


# -- who is let in ----------------------------------------------------------------------------


def test_what_may_not_be_served(tmp_path: Path) -> None:
    for options, why in (
        (Options(host="0.0.0.0"), "takes TLS and a token: --cert and --key and --token-file missing"),
        (Options(host="::", token_file=tmp_path / "t"), "--cert and --key missing"),
        (Options(host="192.168.1.1", cert=tmp_path / "c", key=tmp_path / "k"), "--token-file missing"),
        (Options(cert=tmp_path / "c"), "belong together"),
        (Options(port=65_536), "--port must be"),
        (Options(lease_seconds=0.0), "--lease-seconds must be"),
    ):
        with pytest.raises(ValueError, match=why):
            options.check()
    Options(host="0.0.0.0", cert=tmp_path / "c", key=tmp_path / "k", token_file=tmp_path / "t").check()
    Options(host="localhost").check()


def test_tokens_end_and_change_with_their_file(tmp_path: Path) -> None:
    path, now = tmp_path / "tokens", datetime(2027, 1, 1, tzinfo=UTC)
    path.write_text(f"# who\n{TOKEN}\n{TOKEN}-2 2027-01-02T00:00:00Z\n\n{TOKEN}-3 2026-12-31  # over\n")
    tokens = Tokens(path, lambda: now)
    assert [tokens.allows(each) for each in (TOKEN, f"{TOKEN}-2", f"{TOKEN}-3", "", TOKEN[:-1])] == [
        *(True, True, False, False, False)
    ]
    now += timedelta(days=1)
    assert not tokens.allows(f"{TOKEN}-2")
    path.write_text("another-token-of-that-length\n")
    assert not tokens.allows(TOKEN) and tokens.allows("another-token-of-that-length")
    path.write_text("short\n")
    assert not tokens.allows("short") and not tokens.allows("another-token-of-that-length")
    path.write_text(f"{TOKEN}\n")
    assert tokens.allows(TOKEN)
    path.unlink()
    assert not tokens.allows(TOKEN)
    for bad, why in (
        ("", "has no token"),
        ("one two three", "3 words"),
        (f"{TOKEN} soon", "'soon' is no time"),
    ):
        path.write_text(bad)
        with pytest.raises(ValueError, match=why):
            Tokens(path)


def test_only_who_has_a_token_that_is_good_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n{TOKEN}-old 2020-01-01\n")
    with ServeProcess("--token-file", str(path)) as server:
        for bad in (None, "wrong-token-of-that-length", f"{TOKEN}-old"):
            if bad is not None:
                monkeypatch.setenv("CL_DEVICE_TOKEN", bad)
            with pytest.raises(DeviceDisconnectedError, match="a token that is good"):
                cl.open(device=server.address).__enter__()
        monkeypatch.delenv("CL_DEVICE_TOKEN")
        given = tmp_path / "given"
        given.write_text(f"{TOKEN}\n")
        monkeypatch.setenv("CL_DEVICE_TOKEN_FILE", str(given))
        page = server.address.replace("ws://", "http://")
        assert _status(f"{page}/") == 401
        assert _status(f"{page}/", Authorization=_basic(TOKEN)) == 200
        assert _status(f"{page}/ws", Authorization=_basic("wrong-token-of-that-length")) == 401
        with connect(
            f"{server.address}/ws",
            additional_headers={"Authorization": _basic(TOKEN)},
            compression=None,
            ping_interval=None,
        ) as page_socket:
            assert '"type":"hello"' in str(page_socket.recv(PATIENCE_S))
        with cl.open(device=server.address) as neurons:
            neurons.stim(8, 1.0)
            path.write_text("another-token-of-that-length\n")
            # Where the server stands still meanwhile, the link is lost, and the next one is refused.
            with pytest.raises(DeviceDisconnectedError, match="token (that )?is (no longer )?good"):
                neurons.read(10**9)


def _basic(token: str) -> str:
    return f"Basic {base64.b64encode(f'anybody:{token}'.encode()).decode()}"


def _status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=PATIENCE_S
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_pages_of_others_are_refused(server: ServeProcess) -> None:
    port = server.address.rpartition(":")[2]
    for headers in ({"Origin": "https://evil.example"}, {"Host": f"evil.example:{port}"}):
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"{server.address}/device", additional_headers=headers, subprotocols=["cl-device.1"])
    page = server.address.replace("ws://", "http://")
    assert _status(f"{page}/", Origin="https://evil.example") == 403
    assert _status(f"{page}/") == 200
    assert _status(f"{page}/nothing") == 404
    with connect(f"{server.address}/device", origin=page, subprotocols=["cl-device.1"], ping_interval=None):  # type: ignore[arg-type]
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of one's own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    try:
        subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate, and there is none")
    return cert, key


def test_tls_and_a_token_beyond_loopback(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("CL_DEVICE_TOKEN", TOKEN)
    arguments = ["--host", "0.0.0.0", "--cert", str(cert), "--key", str(key), "--token-file", str(tokens)]
    with ServeProcess(*arguments) as server:
        assert server.address.startswith("wss://0.0.0.0:")
        address = server.address.replace("0.0.0.0", "localhost")
        with pytest.raises(DeviceDisconnectedError, match=r"certificate is not trusted.*CL_DEVICE_CA"):
            cl.open(device=address).__enter__()
        with pytest.raises(DeviceDisconnectedError):
            cl.open(device=address.replace("wss", "ws")).__enter__()
        monkeypatch.setenv("CL_DEVICE_CA", str(cert))
        with cl.open(device=address) as neurons:
            neurons.stim(8, 1.0, BurstDesign(3, 100))
            found = neurons.read(5_000, analysis=True)
            assert len(neurons.read(5_000, found.start_timestamp)) == 5_000
            ticks = [tick.iteration for tick in neurons.loop(500, stop_after_ticks=50, ignore_jitter=True)]
            assert ticks[-1] == 49
        context = ssl.create_default_context(cafile=cert)
        url = address.replace("wss", "https")
        request = urllib.request.Request(f"{url}/", headers={"Authorization": _basic(TOKEN), "Origin": url})
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE_S) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ws://user:secret@127.0.0.1:1", "no token in it"),
        ("ws://127.0.0.1:1/?token=secret", "no token in it"),
        ("ws://", "it takes ws://host:port"),
        ("ws://host:notaport", "it takes ws://host:port"),
        ("wss:host", "it takes ws://host:port"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        cl.open(device=address).__enter__()
    assert "secret" not in str(caught.value)


def test_a_token_does_not_go_over_the_network_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_DEVICE_TOKEN", TOKEN)
    with pytest.raises(ValueError, match="by wss:// only") as caught:
        cl.open(device="ws://192.0.2.1:1").__enter__()
    assert TOKEN not in str(caught.value)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CL_DEVICE", f"ws://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(DeviceDisconnectedError, match="nobody listens there"):
            cl.open().__enter__()


# -- malformed and greedy ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (lambda client: client.socket.send("text"), "a message of text"),
        (lambda client: client.send(Kind.CREDIT, b"12345"), "a CREDIT of 5 bytes"),
        (lambda client: client.subscribe(Wanted.FRAMES, start=1 << 50), "beyond the position"),
        (lambda client: client.send(Kind.HELLO, b"{}"), "another HELLO"),
        (lambda client: client.socket.send(bytes(12)), "version 0"),
    ],
)
def test_what_is_malformed_ends_the_connection_and_nothing_else(
    server: ServeProcess, what: Callable[[RawClient], Any], why: str
) -> None:
    client, other = raw(server), raw(server)
    try:
        what(client)
        client.take_until(lambda: client.fault)
        assert client.fault is not None and client.fault[0] is Fault.MALFORMED and why in client.fault[1]
        other.ping(5)
        other.take_until(lambda: other.pongs)
    finally:
        client.close()
        other.close()


def test_no_more_is_sent_than_there_is_credit_for(server: ServeProcess) -> None:
    client = raw(server)
    try:
        client.subscribe(Wanted.FRAMES | Wanted.EVENTS, credit=10_000)
        client.take_until(lambda: client.data, give_credit=False)
        # Answers come all the same, and no data.
        for number in range(20):
            client.ping(number)
        client.take_until(lambda: len(client.pongs) == 20, give_credit=False)
        sizes = [48 + 128 * (data.stop - data.start) for data in client.data]
        assert sum(sizes[:-1]) < 10_000, "with what is left one more is sent"
        client.send(Kind.CREDIT, struct.pack("<I", sum(sizes) - 10_000 + 5_000))
        client.take_until(lambda: len(client.data) > len(sizes), give_credit=False)
        assert [each.start for each in client.data[1:]] == [each.stop for each in client.data[:-1]]
    finally:
        client.close()
