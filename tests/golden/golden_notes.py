"""What a golden program takes down: digests of all that it is given, and in which order it is served."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

import cl

READABLE = 40
"""Entries of the order of service that are stored as they are, so that a difference can be read."""


class Part:
    """A running digest, and how many things went into it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, content: bytes, count: int = 1) -> None:
        self._digest.update(content)
        self.count += count

    def value(self) -> dict[str, Any]:
        assert self.count, "what is empty shows nothing"
        return {"count": self.count, "sha256": self._digest.hexdigest()}


class Notes:
    """The notes of one run, part by part."""

    def __init__(self) -> None:
        self.order: list[str] = []
        """Who was served at which device time, one after the other."""
        self._parts: dict[str, Part] = {}
        self._served: Counter[str] = Counter()
        self._datasets: dict[str, dict[str, Any]] = {}

    def served(self, who: str, timestamp: int, what: object = "") -> None:
        """Note that `who` was served at a time, and what for."""
        self._served[who] += 1
        self.order.append(f"{timestamp} {who} {what}".rstrip())

    def frames(self, part: str, frames: NDArray[np.int16]) -> None:
        """Note frames, int16 (n, 64)."""
        assert frames.dtype == np.int16 and frames.shape[1:] == (64,)
        self._part(f"frames {part}").add(frames.astype("<i2").tobytes(), len(frames))

    def events(self, part: str, found: cl.DetectionResult) -> None:
        """Note the spikes and stims of a window, and the window."""
        window = f"{found.start_timestamp} to {found.stop_timestamp}"
        for kind, events in (("spikes", found.spikes), ("stims", found.stims)):
            self._part(f"{kind} {part}").add(f"{window}: {keys(events)}\n".encode(), len(events))

    def event(self, part: str, event: Any) -> None:
        """Note a single event of a stream: a spike, a stim or an entry of a data stream."""
        self._part(f"events {part}").add(f"{text(event)}\n".encode())

    def waveform(self, part: str, spike: cl.Spike) -> None:
        """Note a spike's samples, bit for bit, and their mean, rounded."""
        assert spike.samples.dtype == np.float32 and spike.samples.shape == (75,)
        # In a replay numpy 1 computes the mean in single precision, numpy 2 in double precision.
        mean = round(spike.channel_mean_sample, 1) + 0.0  # There is no -0.0.
        named = f"{text(spike)}, mean {mean:.1f}\n".encode()
        self._part(f"waveforms {part}").add(named + spike.samples.astype("<f4").tobytes())

    def recording(self, name: str, recording: cl.Recording) -> None:
        """Note every dataset of a recording that has stopped; its attributes are not looked at."""
        with h5py.File(recording.file["path"]) as file:
            for path in _datasets(file):
                data = file[path][()]
                self._datasets[f"recording {name}: /{path}"] = {
                    "start": recording.start_timestamp,
                    "shape": list(data.shape),
                    "dtype": _described(data.dtype),
                    "sha256": hashlib.sha256(data.tobytes()).hexdigest(),
                }

    def values(self) -> dict[str, Any]:
        """Return what is compared with the stored values."""
        return {
            "order of service": {
                "served": dict(sorted(self._served.items())),
                "sha256": hashlib.sha256("\n".join(self.order).encode()).hexdigest(),
                "first": self.order[:READABLE],
            },
            **{name: self._parts[name].value() for name in sorted(self._parts)},
            **dict(sorted(self._datasets.items())),
        }

    def _part(self, name: str) -> Part:
        return self._parts.setdefault(name, Part())


def keys(events: Iterable[Any]) -> list[tuple[int, int]]:
    """Return the timestamps and channels of events."""
    return [(event.timestamp, event.channel) for event in events]


def text(event: Any) -> str:
    """Return an event as a short text."""
    if isinstance(event, cl.Spike):
        return f"spike {event.timestamp} on {event.channel}"
    if isinstance(event, cl.Stim):
        return f"stim {event.timestamp} on {event.channel}"
    return f"{event.stream_name} {event.timestamp}"


def _datasets(file: h5py.File) -> Iterator[str]:
    """Yield the paths of the datasets that are held to be as they are; others may come to recordings."""
    yield from (name for name in ("samples", "spikes", "stims") if name in file)
    for stream in sorted(file.get("data_stream", ())):
        yield from (f"data_stream/{stream}/{name}" for name in ("index", "data"))


def _described(dtype: np.dtype[Any]) -> Any:
    """Return a type as JSON has it; the texts of types are not the same in all versions of numpy."""
    if dtype.names is None:
        return dtype.str
    return [[name, *_field(dtype[name])] for name in dtype.names]


def _field(dtype: np.dtype[Any]) -> list[Any]:
    return [dtype.base.str, list(dtype.shape)] if dtype.shape else [dtype.str]
