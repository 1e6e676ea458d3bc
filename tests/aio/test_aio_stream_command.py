"""`python -m cl stream`, in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aio_tools import reference

import cl
from cl._cli import stream as command

PATIENCE = 60
ROOT = Path(cl.__file__).parents[1]


def _parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


@contextmanager
def _running(
    *arguments: str, stdout: int = subprocess.PIPE, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    code = (
        "import argparse, sys; from cl._cli import stream; parser = argparse.ArgumentParser();"
        "stream.add_arguments(parser); sys.exit(stream.run(parser.parse_args(sys.argv[1:])))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CL_SDK_RANDOM_SEED": "7", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def expected(accelerated: None) -> list[tuple[int, list[int]]]:
    """Return the spikes of the first second, frame by frame."""
    return [(at, list(channels)) for at, channels in command.by_frame(reference(25_000).spikes)]


def test_json_lines(expected: list[tuple[int, list[int]]]) -> None:
    with _running("--jsonl", "--seconds", "1", CL_SDK_ACCELERATED_TIME="1") as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, b"")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["timestamp"], line["channels"]) for line in lines] == expected


def test_chosen_channels(expected: list[tuple[int, list[int]]]) -> None:
    with _running("--channels", "8,9", "--seconds", "1", CL_SDK_ACCELERATED_TIME="1") as process:
        out, _ = process.communicate(timeout=PATIENCE)
    found = [(line["timestamp"], line["channels"]) for line in map(json.loads, out.splitlines())]
    chosen = [(at, [c for c in channels if c in (8, 9)]) for at, channels in expected]
    assert found == [(at, channels) for at, channels in chosen if channels]


@contextmanager
def _receiver() -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        yield receiver, receiver.getsockname()[1]


def test_datagrams(expected: list[tuple[int, list[int]]]) -> None:
    with _receiver() as (receiver, port):
        with _running(
            "--udp", str(port), "--jsonl", "--seconds", "1", CL_SDK_ACCELERATED_TIME="1"
        ) as process:
            out, _ = process.communicate(timeout=PATIENCE)
        datagrams = [receiver.recv(100) for _ in expected]
    assert process.returncode == 0
    assert [(struct.unpack_from("<Q", d)[0], list(d[8:])) for d in datagrams] == expected
    assert len(out.splitlines()) == len(expected), "both at once"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(stop: signal.Signals) -> None:
    with _running() as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["timestamp"] >= 0
        process.send_signal(stop)
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, b"")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_nobody_reads(stop: signal.Signals) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb", buffering=0) as out, _receiver() as (receiver, port):
        _fill(writing)
        with _running("--jsonl", "--udp", str(port), stdout=writing) as process:
            out.close()
            for _ in range(5):
                assert len(receiver.recv(100)) > 8, "the datagrams go on"
            process.send_signal(stop)
            _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, b"")


def _fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"\n")
    os.set_blocking(pipe, True)


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with _running(CL_SDK_ACCELERATED_TIME="1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stdout = None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("lab.example:9000", ("lab.example", 9000)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert _parse("--udp", text).udp == address


@pytest.mark.parametrize(
    "arguments",
    [
        ("--udp", "localhost"), ("--udp", "localhost:0"), ("--udp", "localhost:65536"), ("--udp", "1.5"),
        ("--channels", "64"), ("--channels", "a"), ("--seconds", "soon"),
    ],
)  # fmt: skip
def test_bad_arguments_are_usage_errors(arguments: tuple[str, ...], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        _parse(*arguments)
    assert caught.value.code == 2
    assert arguments[1] in capsys.readouterr().err


def test_an_end_must_lie_ahead() -> None:
    for seconds in ("0", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="must be above 0"):
            command.run(_parse(f"--seconds={seconds}"))


def test_the_frames_of_spikes() -> None:
    assert list(command.by_frame([])) == []
    spikes = [cl.Spike(5, 3), cl.Spike(5, 8), cl.Spike(6, 3)]
    assert list(command.by_frame(spikes)) == [(5, b"\x03\x08"), (6, b"\x03")]
    assert command.packet(0x0102, b"\x03\x08") == bytes([2, 1, 0, 0, 0, 0, 0, 0, 3, 8])
    assert command.line(5, b"\x03\x08") == b'{"timestamp": 5, "channels": [3, 8]}\n'
