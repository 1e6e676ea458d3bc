"""`python -m cl stream`: the device's events as UDP datagrams, JSON lines, or what other programs take."""

from __future__ import annotations

import argparse
import math
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cl._values.saying import say

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    import cl
    from cl._streams.events import EventStream
    from cl.interop.bridge import Bridge

    Send = Callable[[list[bytes]], Awaitable[None]]
    Encode = Callable[[int, bytes], bytes]

SUMMARY = "Send what happens on the device as it happens: as UDP datagrams, JSON lines, ZeroMQ, OSC or LSL."

_GRACE_FRAMES = 250
"""How long after the end the last spikes may still be on their way."""
_PIECE_BYTES = 512
"""What a pipe takes at once without blocking, if it takes anything: PIPE_BUF is at least so much."""
_LOOK_S = 0.1
"""How often a write that its reader keeps waiting looks whether it is still wanted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = (
        "A datagram holds the spikes of one frame: its timestamp (little-endian, 64 bits, unsigned), then a "
        "byte for each channel that spiked. A JSON line holds the same: timestamp and channels. ZeroMQ and "
        "OSC, and LSL, have stims as well; docs/streaming.md describes their messages."
    )
    parser.add_argument(
        "--udp",
        metavar="[HOST:]PORT",
        type=_address,
        help="send datagrams there; without a host to this computer (127.0.0.1)",
    )
    parser.add_argument(
        "--jsonl", action="store_true", help="write JSON lines to stdout (as where no other output is given)"
    )
    parser.add_argument(
        "--zmq", metavar="[HOST:]PORT", type=_address_text, help="publish there over ZeroMQ (the extra zmq)"
    )
    parser.add_argument("--osc", metavar="[HOST:]PORT", type=_address_text, help="send OSC bundles there")
    parser.add_argument(
        "--lsl", action="store_true", help="have LSL streams of spikes and stims (the extra lsl)"
    )
    parser.add_argument(
        "--lsl-samples", action="store_true", help="have an LSL stream of the samples as well"
    )
    parser.add_argument(
        "--markers",
        metavar="NAME",
        help="write the samples of this LSL stream into a data stream, for --record",
    )
    parser.add_argument("--record", metavar="FOLDER", help="record meanwhile, into a file in this folder")
    parser.add_argument("--channels", metavar="C,C,...", type=_channels, help="these channels only")
    parser.add_argument("--seconds", metavar="S", type=float, help="end after so much device time")


def run(options: argparse.Namespace) -> int:
    """Stream until the end that was asked for, Ctrl-C, SIGTERM, or nobody reads stdout any more."""
    import anyio

    if options.seconds is not None and not 0 < options.seconds < math.inf:
        raise ValueError(f"--seconds {options.seconds}: it must be above 0 and finite")
    try:
        anyio.run(_stream, options, backend_options={"use_uvloop": _has_uvloop()})
    except (KeyboardInterrupt, BaseExceptionGroup) as error:
        first = _first(error)
        if not isinstance(first, KeyboardInterrupt | BrokenPipeError):
            raise first from None
    return 0


def packet(timestamp: int, channels: bytes) -> bytes:
    """Return a datagram: the timestamp as a little-endian u64, then a u8 for each channel."""
    return struct.pack("<Q", timestamp) + channels


def line(timestamp: int, channels: bytes) -> bytes:
    """Return a JSON line: {"timestamp": …, "channels": […]}."""
    return f'{{"timestamp": {timestamp}, "channels": {list(channels)}}}\n'.encode()


def by_frame(spikes: Iterable[Any]) -> Iterator[tuple[int, bytes]]:
    """Return the timestamps of spikes in order, each with the channels that spiked in that frame."""
    at, channels = -1, bytearray()
    for spike in spikes:
        if spike.timestamp != at:
            if channels:
                yield at, bytes(channels)
            at, channels = spike.timestamp, bytearray()
        channels.append(spike.channel)
    if channels:
        yield at, bytes(channels)


def _first(error: BaseException) -> BaseException:
    """Return what went wrong first inside of task groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _stream(options: argparse.Namespace) -> None:
    import anyio

    import cl

    async with cl.aopen(take_control=False) as neurons, anyio.create_task_group() as group:
        group.start_soon(_until_terminated, group.cancel_scope)
        end = None
        if options.seconds is not None:
            end = neurons.timestamp() + round(options.seconds * neurons.get_frames_per_second())
        if options.markers is not None:
            from cl.interop.lsl import Markers

            group.start_soon(Markers(neurons, options.markers).run)
        if options.record is not None:
            neurons.record(file_location=options.record)
        async with anyio.create_task_group() as senders:
            if options.udp is not None:
                senders.start_soon(_to_udp, neurons, options, end)
            bridges = _bridges(neurons, options)
            for bridge in bridges:
                senders.start_soon(bridge.run, end)
            if options.jsonl or (options.udp is None and not bridges):
                senders.start_soon(_to_stdout, neurons, options, end)
        group.cancel_scope.cancel()


def _bridges(neurons: cl.Neurons, options: argparse.Namespace) -> list[Bridge]:
    found: list[Bridge] = []
    if options.zmq is not None:
        from cl.interop.zmq import Publisher

        found.append(Publisher(neurons, options.zmq, channels=options.channels))
    if options.osc is not None:
        from cl.interop.osc import Sender

        found.append(Sender(neurons, options.osc, channels=options.channels))
    if options.lsl or options.lsl_samples:
        from cl.interop.lsl import Outlet

        found.append(Outlet(neurons, samples=options.lsl_samples, channels=options.channels))
    return found


async def _until_terminated(scope: Any) -> None:
    import signal

    import anyio

    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def _to_udp(neurons: cl.Neurons, options: argparse.Namespace, end: int | None) -> None:
    host, port = options.udp
    out, address = _udp_socket(host, port)
    with out:

        async def send(datagrams: list[bytes]) -> None:
            # The network loses datagrams anyway; one that it does not take now is lost here.
            for datagram in datagrams:
                try:
                    out.sendto(datagram, address)
                except BlockingIOError:
                    pass

        await _send_all(neurons, options.channels, end, packet, send)


async def _to_stdout(neurons: cl.Neurons, options: argparse.Namespace, end: int | None) -> None:
    from anyio import to_thread

    async def send(lines: list[bytes]) -> None:
        # Whoever reads may be slow: that must not keep the datagrams waiting.
        await to_thread.run_sync(_write, sys.stdout.fileno(), b"".join(lines))

    await _send_all(neurons, options.channels, end, line, send)


async def _send_all(
    neurons: cl.Neurons, channels: list[int] | None, end: int | None, encode: Encode, send: Send
) -> None:
    """Send what one stream gives; each output has a stream, and so a pace, of its own."""
    import anyio

    async with neurons.spikes(channels) as stream, anyio.create_task_group() as group:
        if end is not None:
            group.start_soon(_close_at, neurons, stream, end + _GRACE_FRAMES)
        while spikes := await _batch(stream):
            await send([encode(at, c) for at, c in by_frame(spikes) if end is None or at < end])
            if end is not None and spikes[-1].timestamp >= end:
                break
        group.cancel_scope.cancel()


async def _batch(stream: EventStream[cl.Spike]) -> list[cl.Spike]:
    """Return the next spikes, none at the end; what was missed for slowness is told on stderr."""
    from cl.error import LaggedError

    while True:
        try:
            return await stream.batch()
        except LaggedError as error:
            say(f"stream: {error}")


async def _close_at(neurons: cl.Neurons, stream: EventStream[cl.Spike], timestamp: int) -> None:
    await neurons.asleep_until(timestamp)
    stream.close()


def _udp_socket(host: str, port: int) -> tuple[socket.socket, Any]:
    import socket

    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    out = socket.socket(family, kind, protocol)
    out.setblocking(False)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return out, address


def _write(out: int, data: bytes) -> None:
    """Write all of `data`, or less where the task is cancelled: the reader may never read again."""
    import os
    import select

    from anyio import from_thread

    left = memoryview(data)
    while left:
        from_thread.check_cancelled()
        if select.select([], [out], [], _LOOK_S)[1]:
            left = left[os.write(out, left[:_PIECE_BYTES]) :]


def _address(text: str) -> tuple[str, int]:
    from cl.interop.addresses import host_and_port

    try:
        return host_and_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address_text(text: str) -> str:
    _address(text)
    return text


def _channels(text: str) -> list[int]:
    from cl.stim import ChannelSet

    numbers = text.split(",")
    if not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(
            f"{text!r}: channels are numbers from 0 to 63, with commas between them"
        )
    try:
        return list(ChannelSet([int(number) for number in numbers]))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _has_uvloop() -> bool:
    import importlib.util

    return importlib.util.find_spec("uvloop") is not None
