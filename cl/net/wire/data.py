"""DATA: everything that happened in some frames."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cl._stim.designs import StimDesign
from cl._values.constants import CHANNEL_COUNT

from .layout import FRAME_LIMIT, MOST_FRAMES, ProtocolError, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_HEAD: Final = struct.Struct("<qqIIII")
_DESIGN: Final = struct.Struct("<Q3Q3d")
_UNKNOWN: Final = 0xFFFF
_FRAME_BYTES: Final = 2 * CHANNEL_COUNT
_PHASES: Final = 3
_LONGEST_US: Final = (1 << 64) - 1
_FLAGS: Final = Wanted.FRAMES | Wanted.EVENTS


class Events(NamedTuple):
    """Events in the order of time, then of channel."""

    timestamps: Sequence[int]
    channels: Sequence[int]


NO_EVENTS: Final = Events((), ())


class Data(NamedTuple):
    """What happened in [start, stop)."""

    start: int
    stop: int
    frames: NDArray[np.int16] | None
    """int16 (stop - start, 64), read-only; None without frames."""
    spikes: Events
    stims: Events
    designs: Sequence[StimDesign | None]
    """One for each of the stims; None where it is not known."""


def pack_data(
    start: int,
    stop: int,
    frames: NDArray[np.int16] | None,
    spikes: Events = NO_EVENTS,
    stims: Events = NO_EVENTS,
    designs: Sequence[StimDesign | None] = (),
) -> bytes:
    """Return the body of DATA."""
    samples = b"" if frames is None else frames.astype("<i2", copy=False).tobytes()
    if not spikes.timestamps and not stims.timestamps:
        return _HEAD.pack(start, stop, 0, 0, 0, 0) + samples
    table, numbers = _numbered(designs)
    return b"".join(
        (
            _HEAD.pack(start, stop, len(spikes.timestamps), len(stims.timestamps), len(table), 0),
            samples,
            _offsets(spikes.timestamps, start),
            bytes(spikes.channels),
            _offsets(stims.timestamps, start),
            bytes(stims.channels),
            struct.pack(f"<{len(numbers)}H", *numbers),
            *table,
        )
    )


def _offsets(timestamps: Sequence[int], start: int) -> bytes:
    return struct.pack(f"<{len(timestamps)}I", *(timestamp - start for timestamp in timestamps))


def _numbered(designs: Sequence[StimDesign | None]) -> tuple[list[bytes], list[int]]:
    """Return the records of different designs, and which of them each stim has."""
    table: dict[bytes, int] = {}
    numbers = []
    for design in designs:
        record = None if design is None else _record(design)
        if record is None or (len(table) == _UNKNOWN and record not in table):
            numbers.append(_UNKNOWN)
        else:
            numbers.append(table.setdefault(record, len(table)))
    return list(table), numbers


# Programs repeat themselves, and designs are values.
@lru_cache(maxsize=1024)
def _record(design: StimDesign) -> bytes | None:
    durations, currents = design.phase_durations_us, design.phase_currents_uA
    if max(durations) > _LONGEST_US:
        return None
    unused = (0,) * (_PHASES - len(durations))
    return _DESIGN.pack(len(durations), *durations, *unused, *currents, *unused)


@lru_cache(maxsize=1024)
def _design(record: bytes) -> StimDesign:
    phases, *numbers = _DESIGN.unpack(record)
    if not 1 <= phases <= _PHASES or any(numbers[phases:_PHASES]) or any(numbers[_PHASES + phases :]):
        raise ProtocolError(f"a design of {phases} phases, and the numbers {numbers}")
    try:
        pairs = zip(numbers[:phases], numbers[_PHASES : _PHASES + phases], strict=True)
        return StimDesign(*(number for pair in pairs for number in pair))
    except ValueError as error:
        raise ProtocolError(f"a stim that cannot be: {error}") from None


def unpack_data(body: memoryview[int], flags: int) -> Data:
    """Return what DATA says, or raise ProtocolError."""
    if flags & ~_FLAGS:
        raise ProtocolError(f"DATA with the flags {flags:#x}")
    if len(body) < _HEAD.size:
        raise ProtocolError(f"DATA of {len(body)} bytes")
    start, stop, spikes, stims, designs, zero = _HEAD.unpack_from(body)
    if not 0 <= start < stop <= min(start + MOST_FRAMES, FRAME_LIMIT) or zero:
        raise ProtocolError(f"DATA of the frames [{start}, {stop}), and {zero}")
    if (spikes or stims or designs) and not flags & Wanted.EVENTS:
        raise ProtocolError("events in DATA without events")
    count = stop - start
    samples = count * _FRAME_BYTES if flags & Wanted.FRAMES else 0
    if len(body) != _HEAD.size + samples + 5 * spikes + 7 * stims + _DESIGN.size * designs:
        raise ProtocolError(
            f"DATA of {len(body)} bytes: {count} frames, {spikes} spikes, {stims} stims, {designs} designs"
        )
    frames = None if not samples else _frames(body[_HEAD.size : _HEAD.size + samples], count)
    rest = body[_HEAD.size + samples :]
    if not len(rest):
        return Data(start, stop, frames, NO_EVENTS, NO_EVENTS, ())
    return Data(start, stop, frames, *_events(rest, start, count, spikes, stims))


def _frames(body: memoryview[int], count: int) -> NDArray[np.int16]:
    import numpy as np

    return np.frombuffer(body, "<i2").reshape(count, CHANNEL_COUNT)


def _events(
    body: memoryview[int], start: int, count: int, spikes: int, stims: int
) -> tuple[Events, Events, list[StimDesign | None]]:
    at = 5 * spikes
    found = _checked(body[:at], spikes, start, count)
    delivered = _checked(body[at : at + 5 * stims], stims, start, count)
    at += 5 * stims
    numbers = struct.unpack_from(f"<{stims}H", body, at)
    records = body[at + 2 * stims :]
    size = _DESIGN.size
    table: list[StimDesign] = [
        _design(bytes(records[low : low + size])) for low in range(0, len(records), size)
    ]
    if any(number >= len(table) and number != _UNKNOWN for number in numbers):
        raise ProtocolError(f"a stim of design {max(numbers)}, and there are {len(table)}")
    return found, delivered, [table[number] if number < len(table) else None for number in numbers]


def _checked(body: memoryview[int], size: int, start: int, count: int) -> Events:
    """Return times and channels, after looking at their bounds and their order."""
    import numpy as np

    offsets = np.frombuffer(body[: 4 * size], "<u4").astype(np.int64)
    channels = np.frombuffer(body[4 * size :], np.uint8)
    if size and (int(offsets.max()) >= count or int(channels.max()) >= CHANNEL_COUNT):
        raise ProtocolError(f"an event outside of {count} frames and {CHANNEL_COUNT} channels")
    keys = offsets * CHANNEL_COUNT + channels
    if (keys[1:] < keys[:-1]).any():
        raise ProtocolError("events that are out of order")
    return Events((offsets + start).tolist(), channels.tolist())
