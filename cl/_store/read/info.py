"""A recording in summary: what `python -m cl info FILE` shows."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cl._core.device_log import LogKind
from cl._values.paths import absolute
from cl._values.printing import printable
from cl.error import UnsafeOperationError

from .view import RecordingView

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from .streams_view import DataStreamView
    from .table import Table

_ROWS_AT_ONCE = 65_536
_MOST_DESIGNS = 8
"""Designs that a person is shown."""


def info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a summary of a recording, of types that JSON has.

    `file bytes complete duration_frames duration_seconds samples spikes stims stim_designs clock
    data_streams attributes`; a part that was not recorded is None. Rates are events per second on each
    channel that has any. Of the designs it has the kinds and how many stims each had, the most frequent
    first, of the clock its first and last row. Raises as `RecordingView` does; an attribute that is
    unsafe is told, not shown.
    """
    with RecordingView(path) as view:
        attributes = _attributes(view.attributes)
        frames = attributes.get("duration_frames")
        seconds = frames / 25_000 if isinstance(frames, int) else 0.0
        rate = attributes.get("frames_per_second")
        if isinstance(rate, int) and rate > 0 and isinstance(frames, int):
            seconds = frames / rate
        streams = view.data_streams
        return {
            "file": str(absolute(path)),
            "bytes": Path(path).stat().st_size,
            "complete": view.complete,
            "duration_frames": frames,
            "duration_seconds": seconds,
            "samples": None if view.samples is None else list(view.samples.shape),
            "spikes": _events(view.spikes, seconds),
            "stims": _events(view.stims, seconds),
            "stim_designs": None if view.stim_designs is None else _designs(view.stim_designs),
            "clock": None if view.clock is None else _clock(view.clock),
            "log": None if view.log is None else _log(view.log),
            "data_streams": None if streams is None else {name: _stream(streams[name]) for name in streams},
            "attributes": attributes,
        }


def _events(table: Table | None, seconds: float) -> dict[str, Any] | None:
    if table is None:
        return None
    counts: Counter[int] = Counter()
    for block in _blocks(table):
        channels, found = np.unique(block["channel"], return_counts=True)
        counts.update(dict(zip(channels.tolist(), found.tolist(), strict=True)))
    each = {str(channel): counts[channel] for channel in sorted(counts)}
    return {
        "count": len(table),
        "count_by_channel": each,
        "hz_by_channel": {c: round(n / seconds, 6) for c, n in each.items()} if seconds > 0 else {},
    }


def _designs(table: Table) -> list[dict[str, Any]]:
    counts: Counter[tuple[Any, ...]] = Counter()
    for block in _blocks(table):
        kinds, found = np.unique(block[["phases", "duration_us", "current_uA"]], return_counts=True)
        for kind, count in zip(kinds, found.tolist(), strict=True):
            numbers = (kind[name][: kind["phases"]].tolist() for name in ("duration_us", "current_uA"))
            counts[tuple(map(tuple, numbers))] += count
    order = sorted(counts.items(), key=lambda item: (-item[1], len(item[0][0]), item[0]))
    return [
        {"count": count, "duration_us": list(durations), "current_uA": list(currents)}
        for (durations, currents), count in order
    ]


def _blocks(table: Table) -> Iterator[NDArray[Any]]:
    """Yield the rows in blocks: a small file may hold many, compressed."""
    for start in range(0, len(table), _ROWS_AT_ONCE):
        yield table[start : start + _ROWS_AT_ONCE]


def _log(table: Table) -> dict[str, int]:
    """Return how many rows of the log there are of each kind."""
    counts: Counter[int] = Counter()
    for block in _blocks(table):
        kinds, found = np.unique(block["kind"], return_counts=True)
        counts.update(dict(zip(kinds.tolist(), found.tolist(), strict=True)))
    names = {int(kind): kind.name.lower() for kind in LogKind}
    return {names.get(kind, str(kind)): counts[kind] for kind in sorted(counts)}


def _clock(table: Table) -> dict[str, Any]:
    ends = table[[0, -1]] if len(table) else table[:0]
    return {"count": len(table), **{name: ends[name].tolist() for name in table.colnames}}


def _stream(stream: DataStreamView) -> dict[str, Any]:
    first, last = stream.ends()
    return {
        "count": len(stream),
        "first_timestamp": first,
        "last_timestamp": last,
        "attributes": _attributes(stream.attributes),
    }


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    shown = {}
    for name in attributes:
        try:
            shown[name] = jsonable(attributes[name])
        except (UnsafeOperationError, ValueError) as error:
            shown[name] = f"<{error}>"
    return shown


def jsonable(value: Any) -> Any:
    """Return a value as JSON can have it: arrays as lists, what JSON lacks as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, np.generic):
        item = value.item()
        return str(value) if isinstance(item, (np.generic, tuple, bytes)) else jsonable(item)
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(item) for item in value), key=repr)
    return repr(value)


def format_info(summary: Mapping[str, Any]) -> str:
    """Return the summary as text to read."""
    state = "complete" if summary["complete"] else "INCOMPLETE: it was not ended; `python -m cl recover` can"
    if summary.get("still_recorded"):
        state = "still being recorded"
    frames = summary["duration_frames"]
    lines = [
        summary["file"],
        f"  {_bytes(summary['bytes'])}, {state}",
        f"  duration      {summary['duration_seconds']:.3f} s, {frames} frames",
        f"  samples       {_samples(summary['samples'])}",
        *_events_lines("spikes", summary["spikes"]),
        *_events_lines("stims", summary["stims"]),
        *_design_lines(summary["stim_designs"]),
        *_stream_lines(summary["data_streams"]),
        "  attributes",
    ]
    return "\n".join(map(printable, [*lines, *_mapping_lines(summary["attributes"], "    ")]))


def _bytes(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


def _samples(shape: list[int] | None) -> str:
    return "not recorded" if shape is None else f"{shape[0]} frames of {shape[1]} channels"


def _events_lines(name: str, events: Mapping[str, Any] | None) -> list[str]:
    if events is None:
        return [f"  {name:<13} not recorded"]
    lines = [f"  {name:<13} {events['count']}, on {len(events['count_by_channel'])} channels"]
    shown = [f"{c}: {hz:.2f}" for c, hz in events["hz_by_channel"].items()]
    if shown:
        lines.append("    Hz by channel")
    lines += [
        "      " + "  ".join(f"{text:<9}" for text in shown[i : i + 8]) for i in range(0, len(shown), 8)
    ]
    return [line.rstrip() for line in lines]


def _design_lines(designs: Sequence[Mapping[str, Any]] | None) -> list[str]:
    lines = ["    designs, in µs and µA"] if designs else []
    for design in (designs or ())[:_MOST_DESIGNS]:
        phases = zip(design["duration_us"], design["current_uA"], strict=True)
        text = ", ".join(f"{duration}, {current}" for duration, current in phases)
        lines.append(f"      {design['count']}: {text or 'not known'}")
    more = len(designs or ()) - _MOST_DESIGNS
    return [*lines, f"      and {more} more"] if more > 0 else lines


def _stream_lines(streams: Mapping[str, Any] | None) -> list[str]:
    if streams is None:
        return ["  data streams  not recorded"]
    lines = [f"  data streams  {len(streams)}"]
    for name, stream in streams.items():
        span = (
            f", frames {stream['first_timestamp']} to {stream['last_timestamp']}" if stream["count"] else ""
        )
        lines.append(f"    {name}: {stream['count']} entries{span}")
        application = stream["attributes"].get("application")
        if isinstance(application, dict):
            lines += _mapping_lines(application, "      ")
    return lines


def _mapping_lines(mapping: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for name, value in mapping.items():
        text = str(value)
        lines.append(f"{indent}{name}: {text if len(text) <= 200 else text[:200] + ' …'}")
    return lines
