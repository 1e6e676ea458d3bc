"""The log of a recording: a table of what has happened (`/log`), and the texts of its rows (`/log_data`)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._core.device_log import Happening, LogItems, LogKind
from cl._core.host_clock import host_ns
from cl._stim.designs import NOTICE_US, STEP_US
from cl._stim.operations import StimOperation, SyncOperation

from . import layout
from .command_rows import MOST_AT_ONCE, CommandRows
from .header_page import HeaderPage
from .stim_tables import UNKNOWN_DESIGN, DesignRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._core.device_log import LogItem
    from cl._stim.operations import Operation

    from .ordered_file import OrderedFile

_ROW: Final = struct.Struct("<qBQIBQQQQqq37sQII")
PENDING_ROWS: Final = 4096
"""Rows are gathered until the next flush, or until there are this many."""
_PERIOD_NS: Final = 300_000_000
"""Less than the time from one flush to the next in wall-clock time."""
_LONG: Final = 16
"""A transaction of so many operations is likely a plan, which will be run again."""
_KEPT_ROWS: Final = 65_536
_KEPT_SETS: Final = 1024
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_MOST: Final = (1 << 64) - 1
_STIM, _SYNC, _INTERRUPT = int(LogKind.STIM), int(LogKind.SYNC), int(LogKind.INTERRUPT)


class LogTables:
    """Writes what happens; rows are gathered until `publish`, texts with them."""

    def __init__(self, file: OrderedFile, start: int) -> None:
        """`start` is the recording's first frame: times in the file count from it."""
        self._start = start
        self._page = HeaderPage(file)
        self.rows = self._page.table(layout.LOG, layout.LOG_CHUNK)
        self.data = self._page.array(layout.STREAM_DATA, (), layout.LOG_DATA_CHUNK)
        self._commands = CommandRows(self._row)
        self._pending: list[bytes | memoryview] = []
        self._pending_rows = 0
        self._texts: list[bytes] = []
        self._text_bytes = 0
        self._published_ns = 0
        self._designs = DesignRows()
        self._sets: dict[tuple[int, ...], int] = {}
        self._plans: dict[int, tuple[Sequence[Operation], NDArray[Any]]] = {}
        """Rows of long transactions, by the identity of their operations, which are kept with them."""
        self._planned_rows = 0

    def append(self, items: Iterable[LogItem]) -> None:
        """Take what has happened; it is written with the next `write`."""
        if isinstance(items, LogItems):
            for first in range(0, len(items), MOST_AT_ONCE):
                self._take_many(items[first : first + MOST_AT_ONCE])
            return
        for item in items:
            if isinstance(item, Happening):
                self._take(item)
            else:
                self._take_command(*item)
            if self._pending_rows >= PENDING_ROWS:
                self.write()

    def _take_many(self, items: LogItems) -> None:
        rows = self._commands.rows(items, self._start, self._place())
        if rows is None:
            self.append(iter(items))
            return
        self._pending.append(rows.view(np.uint8).data)
        self._pending_rows += len(rows)
        if self._pending_rows >= PENDING_ROWS:
            self.write()

    def write(self) -> None:
        """Write what was gathered, or none of it: after an error it is still to be written."""
        if not self._pending:
            return
        marks = self.rows.mark(), self.data.mark()
        try:
            if self._texts:
                self.data.append_bytes(memoryview(b"".join(self._texts)))
            self.rows.append_bytes(memoryview(b"".join(self._pending)))
        except BaseException:
            self.rows.rewind(marks[0])
            self.data.rewind(marks[1])
            raise
        self._pending, self._pending_rows, self._texts, self._text_bytes = [], 0, [], 0

    def publish(self, now: bool = False) -> None:
        """Have the next commit make the rows visible, with their texts, unless that was done a moment ago.

        In accelerated time a file is flushed many times a second, and each time would cost as much as dozens
        of rows do; what is older than a second is readable all the same. `now` it is done in any case.
        """
        at = host_ns()
        if now or at - self._published_ns > _PERIOD_NS:
            self._published_ns = at
            self.write()
            self._page.publish()

    # -- rows -----------------------------------------------------------------------------

    def _take_command(
        self,
        timestamp: int,
        number: int,
        operations: Sequence[Operation],
        at: int,
        plan: int = 0,
        reason: str = "",
    ) -> None:
        if not operations:
            return
        refusal = Happening(timestamp, LogKind.REFUSAL, reason, until=at)
        timestamp, at = timestamp - self._start, at - self._start
        refused = bool(reason)
        if len(operations) >= _LONG:
            self._take_long(timestamp, number, operations, at, plan, refused)
        else:
            for operation in operations:
                self._pending.append(self._row(operation, timestamp, number, plan, refused, at))
            self._pending_rows += len(operations)
        if refused:
            self._take(refusal, number, plan)

    def _row(
        self,
        operation: Operation,
        timestamp: int = 0,
        number: int = 0,
        plan: int = 0,
        refused: bool = False,
        at: int = 0,
    ) -> bytes:
        channels = self._sets.get(operation.channels)
        if channels is None:
            channels = self._mask(operation.channels)
        place = self.data.rows + self._text_bytes
        if type(operation) is not StimOperation:
            kind = _SYNC if type(operation) is SyncOperation else _INTERRUPT
            return _ROW.pack(
                timestamp, kind, number, plan, refused, channels, 0, 0, 0, at, 0, UNKNOWN_DESIGN, place, 0, 0
            )
        design = operation.design
        design_row = self._designs.rows.get(id(design)) or self._designs.row(design)
        count = operation.count
        interval, lead = operation.period_steps * STEP_US, operation.delay_steps * STEP_US + NOTICE_US
        try:
            return _ROW.pack(
                timestamp, _STIM, number, plan, refused, channels,
                count, interval, lead, at, 0, design_row, place, 0, 0,
            )  # fmt: skip
        except struct.error:
            # What no experiment lives to see, and no row can hold, is the most that it can.
            most = [min(each, _MOST) for each in (count, interval, lead)]
            return _ROW.pack(
                timestamp, _STIM, number, plan, refused, channels, *most, at, 0, design_row, place, 0, 0
            )

    def _take_long(
        self, timestamp: int, number: int, operations: Sequence[Operation], at: int, plan: int, refused: bool
    ) -> None:
        """Take many operations: plans are run again and again, and their rows differ in little."""
        known = self._plans.get(id(operations))
        if known is None:
            made = b"".join(map(self._row, operations))
            if self._planned_rows + len(operations) > _KEPT_ROWS:
                self._plans.clear()
                self._planned_rows = 0
            self._planned_rows += len(operations)
            known = self._plans[id(operations)] = operations, np.frombuffer(made, layout.LOG)
        rows = known[1].copy()
        rows["timestamp"], rows["command"], rows["at"] = timestamp, number, at
        rows["plan"], rows["refused"], rows["data_index"] = plan, refused, self._place()
        self._pending.append(rows.tobytes())
        self._pending_rows += len(rows)

    def _take(self, happening: Happening, number: int = 0, plan: int = 0) -> None:
        text, fields = happening.text.encode(errors="replace"), happening.fields
        until = happening.timestamp if happening.until is None else happening.until
        self._pending.append(
            _ROW.pack(
                *(_within(happening.timestamp - self._start), happening.kind, number, plan),
                *(happening.kind is LogKind.REFUSAL, self._mask(happening.channels), 0, 0, 0),
                *(_within(until - self._start), _within(happening.value), UNKNOWN_DESIGN),
                *(self._place(), len(text), len(fields)),
            )
        )
        self._pending_rows += 1
        if text or fields:
            self._texts += [text, fields]
            self._text_bytes += len(text) + len(fields)

    def _place(self) -> int:
        """Return where the next text begins."""
        return self.data.rows + self._text_bytes

    def _mask(self, channels: tuple[int, ...]) -> int:
        """Return a set of channels as bits. Programs use few of them again and again."""
        found = self._sets.get(channels)
        if found is None:
            if len(self._sets) > _KEPT_SETS:
                self._sets.clear()
            found = self._sets[channels] = sum(1 << channel for channel in channels)
        return found


def _within(number: int) -> int:
    return max(_LEAST, min(number, _GREATEST))
