"""The binary messages to a page. `docs/visualiser-protocol.md` describes them for others."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROTOCOL_VERSION: Final = 1

SPIKES: Final = 1
STIMS: Final = 2
OVERVIEW: Final = 3
TRACES: Final = 4
WAVEFORMS: Final = 5
ENTRIES: Final = 6
ATTRIBUTES: Final = 7

_HEAD: Final = struct.Struct("<BBHIq")
_SECTION: Final = struct.Struct("<BBHIqqII")


def message(sections: Sequence[bytes], position: int, dropped: int) -> bytes:
    """Put sections together, with the device's position and how many frames the client has missed."""
    head = _HEAD.pack(PROTOCOL_VERSION, 0, len(sections), min(dropped, 0xFFFFFFFF), position)
    return b"".join((head, *sections))


def _section(
    kind: int, argument: int, bin_frames: int, count: int, start: int, stop: int, *parts: bytes
) -> bytes:
    body = b"".join(_padded(parts))
    return _SECTION.pack(kind, argument, bin_frames, count, start, stop, len(body), 0) + body


def _padded(parts: Iterable[bytes]) -> Iterable[bytes]:
    for part in parts:
        yield part
        if len(part) % 8:
            yield bytes(-len(part) % 8)


def _offsets(times: Sequence[int], start: int) -> bytes:
    offsets: bytes = (np.array(times, np.int64) - start).astype("<u4").tobytes()
    return offsets


def events(
    kind: int,
    start: int,
    stop: int,
    times: Sequence[int],
    channels: Sequence[int],
    currents: Sequence[float] = (),
) -> bytes:
    """Return the section of all spikes, or stims with their currents in µA, of [start, stop)."""
    more = np.array(currents, "<f4").tobytes()
    return _section(kind, 0, 0, len(times), start, stop, _offsets(times, start), bytes(channels), more)


def _extremes(frames: NDArray[np.int16], bin_frames: int) -> tuple[bytes, bytes]:
    binned = frames.reshape(len(frames) // bin_frames, bin_frames, frames.shape[1])
    low: bytes = binned.min(axis=1).astype("<i2").tobytes()
    high: bytes = binned.max(axis=1).astype("<i2").tobytes()
    return low, high


def overview(frames: NDArray[np.int16], start: int, bin_frames: int) -> bytes:
    """Return the section of every channel's minimum and maximum in each bin.

    `frames` is int16 (n, 64), n a multiple of `bin_frames`.
    """
    n = len(frames)
    return _section(
        OVERVIEW, 64, bin_frames, n // bin_frames, start, start + n, *_extremes(frames, bin_frames)
    )


def traces(frames: NDArray[np.int16], start: int, channels: Sequence[int], bin_frames: int) -> bytes:
    """Return the section of chosen channels: their samples, or the extremes of bins of more than one frame.

    `frames` is int16 (n, 64), n a multiple of `bin_frames`.
    """
    n = len(frames)
    chosen = frames[:, list(channels)]
    body = (chosen.astype("<i2").tobytes(),) if bin_frames == 1 else _extremes(chosen, bin_frames)
    count = n // bin_frames
    return _section(TRACES, len(channels), bin_frames, count, start, start + n, bytes(channels), *body)


def waveforms(
    channel: int, start: int, stop: int, times: Sequence[int], samples: Sequence[NDArray[np.float32]]
) -> bytes:
    """Return the section of a channel's spike waveforms, 75 samples in µV each."""
    body = np.array(samples, "<f4").tobytes()
    return _section(WAVEFORMS, channel, 0, len(times), start, stop, _offsets(times, start), body)


def packed(kind: int, count: int, body: bytes, argument: int = 0) -> bytes:
    """Return a section of msgpack values."""
    return _section(kind, argument, 0, count, 0, 0, body)
