"""Live events over ZeroMQ and OSC."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import need_extra

import cl
from cl.interop import osc
from cl.interop.bridge import Bridge
from cl.interop.osc import Sender
from cl.recording import RecordingView

ROOT = Path(cl.__file__).parents[1]
PAGE = ROOT / "docs" / "streaming.md"
PATIENCE = 30
SECOND = 25_000


@contextmanager
def udp() -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        yield receiver, f"127.0.0.1:{receiver.getsockname()[1]}"


@contextmanager
def subscribed(address: str, **options: int) -> Iterator[Any]:
    import zmq

    context = zmq.Context()
    try:
        subscriber = context.socket(zmq.SUB)
        subscriber.setsockopt(zmq.RCVTIMEO, PATIENCE * 1000)
        for name, value in options.items():
            subscriber.setsockopt(getattr(zmq, name), value)
        subscriber.subscribe(b"")
        subscriber.connect(address)
        yield subscriber
    finally:
        context.destroy(linger=0)


def bundles(receiver: socket.socket) -> list[Any]:
    """Return the OSC bundles that have come, as another library understands them."""
    from pythonosc.osc_bundle import OscBundle

    found = []
    receiver.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            found.append(OscBundle(receiver.recv(65_536)))
    return found


def run(neurons: cl.Neurons, path: Path) -> Path:
    """Record a second with a stim and an entry of a data stream."""
    recording = neurons.record(file_location=str(path), include_raw_samples=False)
    with neurons.create_data_stream("words") as words:
        neurons.stim(9, cl.StimDesign(160, -1.0, 180, 0.9))
        words.append(neurons.timestamp(), {"say": "hällo"})
        neurons.read(SECOND)
    recording.stop()
    neurons.read(2500)
    return Path(recording.file["path"])


def events_of(path: Path) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    with RecordingView(path) as view:
        start = view.attributes["start_timestamp"]
        found = []
        for table in (view.spikes, view.stims):
            times, channels = table.times_and_channels()
            found.append(sorted((int(at) + start, int(c)) for at, c in zip(times, channels, strict=True)))
        return found[0], found[1]


def within(events: list[tuple[int, int]], path: Path) -> list[tuple[int, int]]:
    with RecordingView(path) as view:
        start, stop = view.attributes["start_timestamp"], view.attributes["end_timestamp"]
    return sorted(event for event in events if start <= event[0] < stop)


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_osc_bundles_have_what_a_recording_has(
    accelerated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_extra("test", "pythonosc")
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated)
    with udp() as (receiver, address), cl.open() as neurons:
        with Sender(neurons, address) as sender:
            path = run(neurons, tmp_path)
            moment = None if accelerated == "1" else neurons.host_ns(0) - time.monotonic_ns() + time.time_ns()
        found = bundles(receiver)
        assert sender.statistics().sent == sum(bundle.num_contents - 1 for bundle in found)
    heads = [bundle.content(0) for bundle in found]
    assert {head.address for head in heads} == {"/cl/bundle"}
    assert [head.params for head in heads] == [[number, 0] for number in range(len(found))]
    messages = [bundle.content(number) for bundle in found for number in range(1, bundle.num_contents)]
    spikes, stims = (
        [(m.params[1], m.params[0]) for m in messages if m.address == address]
        for address in ("/cl/spike", "/cl/stim")
    )
    assert (within(spikes, path), within(stims, path)) == events_of(path)
    assert [m.params[2:] for m in messages if m.address == "/cl/stim"] == [[340, -1.0]]
    (entry,) = (m.params for m in messages if m.address == "/cl/data")
    assert entry[0] == "words"
    for bundle in found:
        if moment is None:
            assert bundle.timestamp == 1e-323 or bundle.timestamp == osc_immediately()
        else:
            at = moment / 1e9 + bundle.content(1).params[1] / SECOND
            if bundle.content(1).address != "/cl/data":
                assert bundle.timestamp == pytest.approx(at, abs=0.005)


def osc_immediately() -> Any:
    from pythonosc.parsing import osc_types

    return osc_types.get_date(osc_types.write_date(osc_types.IMMEDIATELY), 0)[0]


@pytest.mark.parametrize(
    ("ns", "tag"), [(0, 2_208_988_800 << 32), (500_000_000, (2_208_988_800 << 32) + (1 << 31)), (-1, 1)]
)
def test_time_tags(ns: int, tag: int) -> None:
    assert osc.time_tag(ns) == tag


def received(subscriber: Any, until: int) -> list[tuple[str, dict[str, Any], bytes]]:
    """Return the messages up to the first of a timestamp or later."""
    found = []
    while True:
        topic, header, payload = subscriber.recv_multipart()
        found.append((topic.decode(), json.loads(header), payload))
        if found[-1][1]["timestamp"] >= until:
            return found


def unpacked(messages: list[tuple[str, dict[str, Any], bytes]], topic: str) -> np.ndarray[Any, Any]:
    parts = [
        np.frombuffer(payload, [(name, *rest[:1], *map(tuple, rest[1:])) for name, *rest in header["fields"]])
        for found, header, payload in messages
        if found == topic
    ]
    return np.concatenate(parts)


def test_zmq_messages_have_what_a_recording_has(tmp_path: Path) -> None:
    need_extra("zmq", "zmq")
    from cl.interop.zmq import Publisher

    with ExitStack() as stack:
        neurons = stack.enter_context(cl.open())
        publisher = stack.enter_context(Publisher(neurons, "0"))
        subscriber = stack.enter_context(subscribed(publisher.address))
        subscriber.recv_multipart()  # it is connected
        path = run(neurons, tmp_path)
        messages = received(subscriber, neurons.timestamp())
    for topic in ("spikes", "stims", "data"):
        numbers = [header["message_num"] for found, header, _ in messages if found == topic]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(header["data_size"] == len(payload) for _, header, payload in messages)
    assert all(header["missed"] == 0 for _, header, _ in messages)
    spikes, stims = unpacked(messages, "spikes"), unpacked(messages, "stims")
    pairs = [[(int(e["timestamp"]), int(e["channel"])) for e in events] for events in (spikes, stims)]
    assert (within(pairs[0], path), within(pairs[1], path)) == events_of(path)
    assert stims[0]["phases"] == 2
    assert stims[0]["duration_us"].tolist() == [160, 180, 0]
    assert stims[0]["current_uA"].tolist() == pytest.approx([-1, 0.9, 0])
    import msgpack

    (data,) = ((header, payload) for topic, header, payload in messages if topic == "data")
    assert data[0]["stream"] == "words"
    assert msgpack.unpackb(data[1]) == {"say": "hällo"}


class _Busy:
    """A device's events without the device: a batch of spikes, again and again."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._at = 0

    def send(self, count: int) -> None:
        for _ in range(count):
            self._at += 25
            self._bridge._send([cl.Spike(self._at, channel) for channel in range(8, 56)])


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def test_a_stalled_subscriber_leaves_memory_flat_and_sees_the_gap(accelerated: None) -> None:
    need_extra("zmq", "zmq")
    from cl.interop.zmq import Publisher

    with cl.open() as neurons:
        publisher = Publisher(neurons, "0")
        publisher._open()
        try:
            busy = _Busy(publisher)
            with subscribed(publisher.address, RCVHWM=10, RCVBUF=4096) as subscriber:
                while not subscriber.poll(10):
                    busy.send(1)
                busy.send(3_000)
                before = _resident()
                busy.send(8_000)
                assert _resident() - before < 3_000, "KB for 8 000 messages of 700 bytes"
                numbers: list[int] = []
                # However long the threads of the network take: of 11 000 messages most were dropped.
                while not numbers or numbers[-1] - numbers[0] + 1 == len(numbers):
                    assert len(numbers) < 8_000, "the gap shows"
                    if subscriber.poll(100):
                        numbers.append(json.loads(subscriber.recv_multipart()[1])["message_num"])
                    else:
                        busy.send(1)
            assert numbers == sorted(numbers)
        finally:
            publisher._close()


def test_what_the_network_does_not_take_is_told_with_the_next(accelerated: None) -> None:
    need_extra("test", "pythonosc")
    with udp() as (receiver, address), cl.open() as neurons:
        sender = Sender(neurons, address)
        sender._open()
        try:
            out, sender._to = sender._to, ("255.255.255.255", 0)
            sender._send([cl.Spike(5, 9), cl.Spike(5, 10)])
            sender._to = out
            sender._send([cl.Spike(6, 9)])
        finally:
            sender._close()
        assert sender.statistics() == type(sender.statistics())(sent=1, dropped=2, missed=0)
        (bundle,) = bundles(receiver)
    assert bundle.content(0).params == [1, 2]


def test_a_receiver_that_leaves_harms_nobody() -> None:
    need_extra("zmq", "zmq")
    from cl.interop.zmq import Publisher

    with cl.open() as neurons, Publisher(neurons, "0") as publisher, udp() as (_, nowhere):
        with Sender(neurons, nowhere) as sender:
            with subscribed(publisher.address) as subscriber:
                subscriber.recv_multipart()
            neurons.read(5_000)
        assert sender.statistics().missed == publisher.statistics().missed == 0
        with subscribed(publisher.address) as another:
            another.recv_multipart()


@pytest.mark.anyio
async def test_as_a_task(accelerated: None) -> None:
    with udp() as (receiver, address):
        async with cl.aopen() as neurons:
            sender = Sender(neurons, address, channels=[8, 9], from_timestamp=neurons.timestamp())
            await sender.run(until=neurons.timestamp() + SECOND)
            expected = neurons.timestamp()
        assert expected >= SECOND
        need_extra("test", "pythonosc")
        found = [bundle.content(1).params for bundle in bundles(receiver)]
    assert {channel for channel, _ in found} == {8, 9}


def test_a_device_that_is_closed_ends_it(accelerated: None) -> None:
    with udp() as (_, address), ExitStack() as outer:
        with cl.open() as neurons:
            sender = outer.enter_context(Sender(neurons, address))
            neurons.read(2500)
        outer.close()
        assert sender.statistics().sent > 0


def test_what_cannot_begin_is_told_at_once(accelerated: None) -> None:
    with udp() as (_, address), cl.open() as neurons:
        neurons.read(1)
        for _ in range(8):
            neurons.read(SECOND, neurons.timestamp())
        with pytest.raises(ValueError, match="timestamp"), Sender(neurons, address, from_timestamp=5):
            pytest.fail("what is asked for is no longer there")


def test_an_address_that_is_taken_is_told(accelerated: None) -> None:
    need_extra("zmq", "zmq")
    from cl.interop.zmq import Publisher

    with socket.create_server(("127.0.0.1", 0)) as taken, cl.open() as neurons:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=address), Publisher(neurons, address):
            pass


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:65536", "1.5", "127.0.0.1:"])
def test_bad_addresses_are_named(address: str, accelerated: None) -> None:
    with cl.open() as neurons, pytest.raises(ValueError, match=re.escape(repr(address))):
        Sender(neurons, address)


@contextmanager
def command(line: str) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join([str(ROOT), *sys.path[1:2]])
    process = subprocess.Popen(
        [sys.executable, *shlex.split(line)[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "CL_SDK_RANDOM_SEED": "7"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pages_commands(option: str) -> list[str]:
    if not PAGE.is_file():
        pytest.skip("an installed package has no docs")
    found = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    return [line for line in found.splitlines() if option in line]


def test_the_pages_command_for_zmq() -> None:
    need_extra("zmq", "zmq")
    (line,) = pages_commands("--zmq")
    port = _free_port(socket.SOCK_STREAM)
    with command(line.replace("5556", port)) as process, subscribed(f"tcp://127.0.0.1:{port}") as subscriber:
        topic, header, _ = subscriber.recv_multipart()
        assert (topic, json.loads(header)["type"]) == (b"spikes", "spikes")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=PATIENCE) == (b"", b"")
        assert process.returncode == 0


def test_the_pages_command_for_osc() -> None:
    need_extra("test", "pythonosc")
    (line,) = pages_commands("--osc")
    with udp() as (receiver, address), command(line.replace("127.0.0.1:9000", address)) as process:
        out, error = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, error) == (0, b"", b"")
        assert len(bundles(receiver)) > 10


def _free_port(kind: socket.SocketKind) -> str:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def test_the_pages_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    need_extra("zmq", "zmq")
    if not PAGE.is_file():
        pytest.skip("an installed package has no docs")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    port = _free_port(socket.SOCK_STREAM)
    program, subscriber = (
        block.replace("5556", port) for block in blocks if "Publisher" in block or "zmq.SUB" in block
    )
    done = _beside(lambda: exec(subscriber, {"__name__": "page"}))  # noqa: S102
    exec(program, {"__name__": "page"})  # noqa: S102
    done()
    assert "spikes" in capsys.readouterr().out


def _beside(work: Callable[[], None]) -> Callable[[], None]:
    thread = threading.Thread(target=work)
    thread.start()
    return lambda: thread.join(PATIENCE)
