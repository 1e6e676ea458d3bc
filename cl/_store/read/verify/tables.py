"""Counts, orders and ranges of a recording's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE: Final = 65_536
_MOST_PHASES: Final = 3
_PHASES: Final = "have phases that no design has"


class Rows(NamedTuple):
    """A table, and how many of its first rows can be read."""

    table: h5py.Dataset
    readable: int


def blocks(rows: Rows) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield rows in blocks with the first one's number; a block begins with the last of the one before."""
    for start in range(0, rows.readable, _ROWS_AT_ONCE):
        first = max(0, start - 1)
        yield first, rows.table[first : min(start + _ROWS_AT_ONCE, rows.readable)]


def events(name: str, table: Rows, frames: int, channels: int) -> Iterator[str]:
    """Yield what is wrong with spikes or stims: their order, times and channels."""
    found: dict[str, list[int]] = {}
    beyond = 0
    for first, rows in blocks(table):
        times, on = rows["timestamp"], rows["channel"]
        key = times * 256 + on
        out_of_order = np.flatnonzero(times[1:] < times[:-1])
        _note(found, "come before the one in front of them, by their timestamps", first + 1 + out_of_order)
        ties = np.flatnonzero((times[1:] == times[:-1]) & (key[1:] < key[:-1]))
        _note(found, "of one frame are not in the order of their channels", first + 1 + ties)
        _note(found, "are before the recording's first frame", first + np.flatnonzero(times < 0))
        _note(found, f"are of channels that are not below {channels}", first + np.flatnonzero(on >= channels))
        if "samples" in (rows.dtype.names or ()):
            wrong = ~np.isfinite(rows["samples"]).all(axis=1)
            _note(found, "have samples that are no numbers", first + np.flatnonzero(wrong))
        beyond += int((times[1 if first else 0 :] >= frames).sum())
    if beyond:
        yield f"{name}: {beyond} are at or beyond the recording's end, frame {frames}"
    yield from _told(name, found)


def designs(table: Rows, stims: int) -> Iterator[str]:
    """Yield what is wrong with the designs of so many stims."""
    if len(table.table) != stims:
        yield f"stim_designs: there are {len(table.table)} for {stims} stims"
    found: dict[str, list[int]] = {}
    for first, rows in blocks(table):
        _note(found, _PHASES, first + np.flatnonzero(_is_no_design(rows)))
    yield from _told("stim_designs", found)


def log(table: Rows, data: int) -> Iterator[str]:
    """Yield what is wrong with the log of a recording that has so many bytes of texts."""
    found: dict[str, list[int]] = {}
    for first, rows in blocks(table):
        sizes = rows["text_bytes"].astype(np.uint64) + rows["fields_bytes"]
        begins = rows["data_index"]
        wrong = (begins > data) | (sizes > data - np.minimum(begins, data))
        _note(found, "have texts beyond those of /log_data", first + np.flatnonzero(wrong))
        _note(found, _PHASES, first + np.flatnonzero(_is_no_design(rows)))
    yield from _told("log", found)


def _is_no_design(rows: NDArray[Any]) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = (rows["phases"] > _MOST_PHASES) | ~np.isfinite(rows["current_uA"]).all(axis=1)
    return wrong


def ascending(name: str, table: Rows, columns: tuple[str, ...]) -> Iterator[str]:
    """Yield where columns do not ascend from row to row."""
    found: dict[str, list[int]] = {}
    for first, rows in blocks(table):
        for column in columns:
            wrong = np.flatnonzero(rows[column][1:] <= rows[column][:-1])
            _note(found, f"do not come after the one in front of them, by {column}", first + 1 + wrong)
    yield from _told(name, found)


def stream(name: str, index: Rows, data: int) -> Iterator[str]:
    """Yield what is wrong with the index of a data stream that has so many bytes of data."""
    found: dict[str, list[int]] = {}
    end = 0
    for first, rows in blocks(index):
        begins, ends = rows["start_index"].astype(np.int64), rows["end_index"].astype(np.int64)
        _note(
            found,
            "end before they begin, or beyond the data",
            first + np.flatnonzero((ends < begins) | (ends > data) | (begins < 0)),
        )
        _note(
            found,
            "do not begin where the one before ends",
            first + 1 + np.flatnonzero(begins[1:] != ends[:-1]),
        )
        if first == 0 and begins[0] != 0:
            _note(found, "do not begin where the one before ends", np.array([0]))
        end = int(ends[-1])
    yield from _told(name, found)
    if not found and end != data and index.readable == len(index.table):
        yield f"{name}: its index leads to {end} of {data} bytes of data"
    yield from ascending(name, index, ("timestamp",))


def _note(found: dict[str, list[int]], what: str, rows: NDArray[Any]) -> None:
    if len(rows):
        found[what] = sorted({*found.get(what, ()), *rows.tolist()})


def _told(name: str, found: dict[str, list[int]]) -> Iterator[str]:
    for what, rows in found.items():
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        yield f"{name}: rows {', '.join(map(str, rows[:5]))}{more} {what}"
