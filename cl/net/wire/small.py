"""The messages of a few numbers: SUBSCRIBE, CREDIT, LAG, PING, PONG, FAULT, BYE."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .layout import FRAME_LIMIT, TEXT_LIMIT, Fault, ProtocolError, Wanted

_SUBSCRIBE: Final = struct.Struct("<qII")
_CREDIT: Final = struct.Struct("<I")
_LAG: Final = struct.Struct("<qqQQQ")
_PING: Final = struct.Struct("<q")
_PONG: Final = struct.Struct("<qqqqqq")
_FAULT: Final = struct.Struct("<I")
_NOW: Final = -1
GOES_ON_AFTER: Final = 1
"""The flag of LAG: what was missed is the subscriber's own, and the next DATA begins after it."""


class Subscription(NamedTuple):
    """What a client wants of DATA."""

    wanted: Wanted
    start: int | None
    """None: the position."""
    credit: int
    interval: int


class Lag(NamedTuple):
    """What a subscriber misses of [start, stop)."""

    start: int
    stop: int
    frames: int
    spikes: int
    stims: int
    jumps: bool
    """Whether the next DATA begins at `stop`; else the device itself has lost it."""


class Pong(NamedTuple):
    """The stamps of an exchange so far, and a frame's moment on the server's clock."""

    sent_ns: int
    came_ns: int
    went_ns: int
    frame: int
    frame_ns: int
    error_ns: int


def _sized(form: struct.Struct, body: memoryview[int], what: str) -> tuple[int, ...]:
    if len(body) != form.size:
        raise ProtocolError(f"{what} of {len(body)} bytes, not {form.size}")
    return form.unpack(body)


def pack_subscription(subscription: Subscription) -> bytes:
    """Return the body of SUBSCRIBE; its flags are what is wanted."""
    _, start, credit, interval = subscription
    return _SUBSCRIBE.pack(_NOW if start is None else start, credit, interval)


def unpack_subscription(body: memoryview[int], flags: int) -> Subscription:
    """Return a subscription, or raise ProtocolError."""
    start, credit, interval = _sized(_SUBSCRIBE, body, "a SUBSCRIBE")
    if not _NOW <= start < FRAME_LIMIT or flags & ~(Wanted.FRAMES | Wanted.EVENTS):
        raise ProtocolError(f"a SUBSCRIBE from {start} with the flags {flags:#x}")
    return Subscription(Wanted(flags), None if start == _NOW else start, credit, interval)


def pack_credit(size: int) -> bytes:
    """Return the body of CREDIT."""
    return _CREDIT.pack(size)


def unpack_credit(body: memoryview[int]) -> int:
    """Return how many bytes are given back, or raise ProtocolError."""
    return _sized(_CREDIT, body, "a CREDIT")[0]


def pack_lag(lag: Lag) -> bytes:
    """Return the body of LAG; its flags are GOES_ON_AFTER where it jumps."""
    return _LAG.pack(*lag[:5])


def unpack_lag(body: memoryview[int], flags: int) -> Lag:
    """Return what was missed, or raise ProtocolError."""
    start, stop, frames, spikes, stims = _sized(_LAG, body, "a LAG")
    if not 0 <= start < stop < FRAME_LIMIT or flags & ~GOES_ON_AFTER:
        raise ProtocolError(f"a LAG of [{start}, {stop}) with the flags {flags:#x}")
    if frames > FRAME_LIMIT or spikes > FRAME_LIMIT or stims > FRAME_LIMIT:
        raise ProtocolError(f"a LAG of {frames} frames, {spikes} spikes, {stims} stims")
    return Lag(start, stop, frames, spikes, stims, bool(flags))


def pack_ping(sent_ns: int) -> bytes:
    """Return the body of PING."""
    return _PING.pack(sent_ns)


def unpack_ping(body: memoryview[int]) -> int:
    """Return when a PING was sent, or raise ProtocolError."""
    return _sized(_PING, body, "a PING")[0]


def pack_pong(pong: Pong) -> bytes:
    """Return the body of PONG."""
    return _PONG.pack(*pong)


def unpack_pong(body: memoryview[int]) -> Pong:
    """Return an exchange's stamps, or raise ProtocolError."""
    pong = Pong(*_sized(_PONG, body, "a PONG"))
    if not 0 <= pong.frame < FRAME_LIMIT or pong.error_ns < -1 or pong.went_ns < pong.came_ns:
        raise ProtocolError(f"a PONG that cannot be: {tuple(pong)}")
    return pong


def pack_fault(fault: Fault, text: str) -> bytes:
    """Return the body of FAULT; a text that is too long is cut."""
    return _FAULT.pack(fault) + text.encode(errors="replace")[:TEXT_LIMIT].decode(errors="ignore").encode()


def unpack_fault(body: memoryview[int]) -> tuple[Fault, str]:
    """Return why a server ends a connection, or raise ProtocolError."""
    if not _FAULT.size <= len(body) <= _FAULT.size + TEXT_LIMIT:
        raise ProtocolError(f"a FAULT of {len(body)} bytes")
    try:
        return Fault(_FAULT.unpack_from(body)[0]), str(body[_FAULT.size :], "utf-8")
    except ValueError as error:
        raise ProtocolError(f"a FAULT with {error}") from None


def check_bye(body: memoryview[int]) -> None:
    """Raise ProtocolError where a BYE says more than that."""
    if len(body):
        raise ProtocolError(f"a BYE of {len(body)} bytes")
