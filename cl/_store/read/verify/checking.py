"""Every structure, count, order and range of a recording checked, and all of it against its checksums."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import h5py

from cl._store.read import reader
from cl._store.read.attributes_view import read_attribute
from cl._store.read.descriptor import Descriptor
from cl._store.write import checksums, layout
from cl.error import UnsafeOperationError

from . import beyond, digests, tables
from .chunks import Chunks, UnreadableError, overlapping
from .report import Report, in_words, ranges, without

_BAD: Final = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, UnsafeOperationError)
_NUMBERS: Final = (
    *("channel_count", "frames_per_second", "start_timestamp"),
    *("end_timestamp", "duration_frames", "duration_seconds"),
)
_ROWS: Final = {
    "spikes": layout.SPIKE,
    "stims": layout.STIM,
    "stim_designs": layout.STIM_DESIGN,
    "clock": layout.CLOCK,
    "log": layout.LOG,
}
Step = Callable[[int], None]


def verify(path: str | Path, step: Step = lambda done: None) -> Report:
    """Check a recording; `step` is told, time and again, of about how many bytes more were looked at."""
    report = Report(str(path))
    with _opened(Path(path), report) as opened:
        if opened is not None:
            _Checker(*opened, report, step).check()
    return report


def check_succession(reports: Iterable[Report]) -> None:
    """Add to the reports of several files of a recording where they do not follow one another."""
    named = {Path(report.path).name: report for report in reports}
    for report in named.values():
        before = named.get(report.part[1]) if report.part else None
        if report.part is None or before is None or before.part is None:
            continue
        number, previous, start, _ = report.part
        if (before.part[0], before.part[3]) != (number - 1, start):
            report.faults.append(
                f"it begins at frame {start} as part {number}, and {previous} ends at {before.part[3]}, "
                f"as part {before.part[0]}"
            )


@contextmanager
def _opened(path: Path, report: Report) -> Iterator[tuple[h5py.File, Descriptor] | None]:
    """Open a file, also one that ends too early, as far as that goes; what does not is in the report."""
    try:
        file = reader.open_file(path)
    except (OSError, ValueError) as error:
        report.faults.append(str(error))
    else:
        with file:
            yield file, file.descriptor
        return
    try:
        truncated = beyond.open_truncated(path)
    except _BAD:
        truncated = None
    if truncated is None:
        report.readable.append("nothing")
        yield None
        return
    file, descriptor, missing = truncated
    report.faults[-1] = f"it was truncated: its last {missing} bytes are missing"
    try:
        with file:
            yield file, descriptor
    finally:
        descriptor.close()


class _Checker:
    def __init__(self, file: h5py.File, descriptor: Descriptor, report: Report, step: Step) -> None:
        self._file = file
        self._descriptor = descriptor
        self._report = report
        self._step = step
        self._numbers: dict[str, Any] = {}
        self._expected: dict[str, list[tuple[int, int, int]]] = {}
        self._chunks: dict[str, Chunks] = {}

    def check(self) -> None:
        """Look at everything, whatever was found before."""
        checks = [self._attributes, self._checksums, self._datasets, self._counts, self._order, self._streams]
        for check in checks:
            self._guarded(check.__name__.strip("_"), check)

    def _guarded(self, what: str, check: Callable[[], None]) -> None:
        try:
            check()
        except _BAD as error:
            self._report.faults.append(f"{what} cannot be read: {error}")

    def _fault(self, text: str) -> None:
        if text not in self._report.faults:
            self._report.faults.append(text)

    # -- attributes

    def _attributes(self) -> None:
        file, numbers = self._file, self._numbers
        for name in list(file.attrs):
            self._guarded(f"the attribute {name!r}", partial(read_attribute, file, name))
        for name in _NUMBERS:
            if name in file.attrs:
                numbers[name] = read_attribute(file, name)
            if not isinstance(numbers.get(name), (int, float)) or isinstance(numbers[name], bool):
                self._fault(f"the attribute {name!r} is missing, or no number")
                numbers.pop(name, None)
        if len(numbers) < len(_NUMBERS):
            return
        start, end, frames = (numbers[n] for n in ("start_timestamp", "end_timestamp", "duration_frames"))
        if end - start != frames:
            self._fault(f"it lasts from frame {start} to {end}, and has {frames} frames by duration_frames")
        seconds = frames / numbers["frames_per_second"] if numbers["frames_per_second"] else -1
        if numbers["duration_seconds"] != seconds:
            self._fault(f"duration_seconds is {numbers['duration_seconds']}, for {frames} frames")
        if not self._has_ended():
            self._fault("it was never ended, or is still recorded: python -m cl recover can end it")
        if "recovered_utc" in file.attrs:
            moment = read_attribute(file, "recovered_utc")
            self._report.notes.append(f"it was recovered, {moment}: its checksums are of what was there then")
        if "part" in file.attrs:
            part = read_attribute(file, "part")
            self._report.part = int(part["number"]), str(part["previous"]), start, end

    def _has_ended(self) -> bool:
        return "ended_utc" in self._file.attrs and bool(read_attribute(self._file, "ended_utc"))

    # -- what was recorded

    def _checksums(self) -> None:
        table = self._file.get(checksums.NAME)
        data = self._file.get(checksums.DATA)
        if not isinstance(table, h5py.Dataset) or not isinstance(data, h5py.Dataset) or not len(table):
            if self._has_ended():
                self._report.notes.append("it has no checksums: what was recorded cannot be compared")
            return
        names = json.loads(data[:].tobytes())
        for row in table[:].tolist():
            number, first, rows, crc = row
            self._expected.setdefault(names[number], []).append((first, rows, crc))
        for name, blocks in self._expected.items():
            holder = self._file if not name else self._file.get(name)
            if isinstance(holder, h5py.Group):
                if digests.of_attributes(holder) != blocks[0][2]:
                    self._fault(f"the attributes of {name or 'the recording'} are not what was recorded")
            elif holder is None:
                self._fault(f"{name} is missing")

    def _datasets(self) -> None:
        for name, item in self._items():
            self._guarded(f"the attributes of {name}", partial(_read_all, item))
            if isinstance(item, h5py.Dataset) and name not in (checksums.NAME, checksums.DATA):
                self._guarded(name, partial(self._dataset, name, item))
        for name in overlapping(self._chunks):
            self._fault(f"{name}: parts of it lie in other things")

    def _items(self) -> list[tuple[str, Any]]:
        """Return what is in the file, by its path, without PyTables' own indexes (names with a _)."""
        found: list[tuple[str, Any]] = []
        pending = [("", self._file)]
        while pending:
            path, group = pending.pop()
            for name in self._names(path, group):
                item = group[name]
                found.append((path + name, item))
                if isinstance(item, h5py.Group):
                    pending.append((f"{path}{name}/", item))
        return sorted(found, key=lambda named: named[0])

    def _names(self, path: str, group: h5py.Group) -> list[str]:
        names: list[str] = []

        def look() -> None:
            for name in group:
                try:
                    group[name]
                except _BAD as error:
                    self._fault(f"{path}{name} cannot be read: {error}")
                else:
                    if not name.startswith("_"):
                        names.append(name)

        self._guarded(f"the list of what is in {path or 'the recording'}", look)
        return names

    def _dataset(self, name: str, dataset: h5py.Dataset) -> None:
        what = "frames" if name == "samples" else "rows"
        if dataset.chunks is None or not len(dataset):
            return
        chunks = self._chunks[name] = Chunks(dataset, self._descriptor)
        bad = list(chunks.missing)
        if bad:
            self._fault(f"{name}: {in_words(ranges(bad), what)} are missing")
        blocks = self._blocks(name, what, dataset)
        wrong = []
        for (first, rows, wanted), crc in zip(
            blocks, chunks.checksums([(first, first + rows) for first, rows, _ in blocks]), strict=True
        ):
            self._step(chunks.stored(rows))
            if isinstance(crc, UnreadableError):
                bad += crc.rows
            elif wanted not in (None, crc):
                wrong.append((first, first + rows))
        broken = [rows for rows in ranges(bad) if rows not in ranges(chunks.missing)]
        if broken:
            self._fault(f"{name}: {in_words(broken, what)} cannot be read")
        if wrong:
            self._fault(f"{name}: {in_words(ranges(wrong), what)} are not what was recorded")
        if self._expected and name not in self._expected:
            self._report.notes.append(f"{name} has no checksum")
        good = without(len(dataset), [*bad, *wrong])
        if good == [(0, len(dataset))]:
            self._report.readable.append(f"{name}: all {len(dataset)} {what}")
        elif good:
            self._report.readable.append(f"{name}: {in_words(good, what)}")

    def _blocks(self, name: str, what: str, dataset: h5py.Dataset) -> list[tuple[int, int, int | None]]:
        """Return first row, rows and checksum of the blocks to look at."""
        expected = self._expected.get(name, [])
        found: list[tuple[int, int, int | None]] = []
        found += [block for block in expected if block[0] + block[1] <= len(dataset)]
        if len(found) < len(expected):
            self._fault(f"{name}: there are {len(dataset)} {what}, fewer than were recorded")
        covered = max((first + rows for first, rows, _ in found), default=0)
        if dataset.compression:
            # What has no checksum is read all the same: that tells something.
            size = checksums.SAMPLE_BLOCK
            starts = range(covered, len(dataset), size)
            found += [(first, min(size, len(dataset) - first), None) for first in starts]
        elif covered < len(dataset) and expected:
            self._fault(f"{name}: there are {len(dataset)} {what}, more than were recorded")
        return found

    # -- counts, orders, ranges

    def _counts(self) -> None:
        file = self._file
        samples, frames = file.get("samples"), self._numbers.get("duration_frames")
        if samples is not None:
            if samples.ndim != 2 or samples.dtype != layout.SAMPLE:
                self._fault(f"samples are {samples.dtype} {samples.shape}, not int16 (frames, channels)")
            elif frames is not None and samples.shape != (frames, self._numbers.get("channel_count")):
                self._fault(
                    f"samples: {samples.shape[0]} frames of {samples.shape[1]} channels, for {frames}"
                )
        for name, wanted in _ROWS.items():
            table = file.get(name)
            if table is None:
                continue
            if table.dtype.names != wanted.names:
                self._fault(f"{name}: its columns are {table.dtype.names}, not {wanted.names}")
            if "NROWS" in table.attrs and int(table.attrs["NROWS"]) != len(table):
                self._fault(f"{name}: PyTables sees {int(table.attrs['NROWS'])} of its {len(table)} rows")

    def _order(self) -> None:
        file = self._file
        frames = self._numbers.get("duration_frames", 1 << 62)
        channels = self._numbers.get("channel_count", 64)
        for name in ("spikes", "stims"):
            if name in file:
                self._told(name, partial(tables.events, name, self._rows(name), frames, channels))
        if "stim_designs" in file:
            stims = len(file["stims"]) if "stims" in file else 0
            self._told("stim_designs", partial(tables.designs, self._rows("stim_designs"), stims))
        if "log" in file:
            texts = len(file["log_data"]) if "log_data" in file else 0
            self._told("log", partial(tables.log, self._rows("log"), texts))
        if "clock" in file:
            columns = ("timestamp", "monotonic_ns")
            self._told("clock", partial(tables.ascending, "clock", self._rows("clock"), columns))

    def _rows(self, name: str) -> tables.Rows:
        """Return a table as far as it can be read."""
        missing = self._chunks[name].missing if name in self._chunks else []
        table = self._file[name]
        return tables.Rows(table, min([first for first, _ in missing], default=len(table)))

    def _streams(self) -> None:
        for name, group in (self._file.get("data_stream") or {}).items():
            path = f"data_stream/{name}"
            if not isinstance(group, h5py.Group) or "index" not in group or "data" not in group:
                self._fault(f"{path} is no data stream")
                continue
            self._told(path, partial(tables.stream, path, self._rows(f"{path}/index"), len(group["data"])))

    def _told(self, name: str, check: Callable[[], Iterator[str]]) -> None:
        def run() -> None:
            for text in check():
                self._fault(text)

        self._guarded(name, run)


def _read_all(holder: h5py.Group | h5py.Dataset) -> None:
    for name in holder.attrs:
        holder.attrs[name]
