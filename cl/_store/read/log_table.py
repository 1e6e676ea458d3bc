"""The log of a recording, `/log` and `/log_data`: what has happened, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cl._core.device_log import LogKind
from cl._stim.channels import ChannelSet
from cl._store.packing import unpack
from cl._values.constants import CHANNEL_COUNT

from .data import Array
from .design_rows import design_of
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py

    from cl._stim.designs import StimDesign

_LARGEST: Final = 16 << 20
"""Bytes of a row's text and fields that are read: a damaged file may ask for any number."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of a recording's log; timestamps are frames since the recording's start.

    `kind` is "stim", "sync", "interrupt", "refusal", "control", "watchdog", "loss", "late" or "annotation" (a
    number in files of later versions). Operations of one transaction share the number `command`, 0 for what
    is no command; `plan` numbers the plan, 0 for none; `at` is the frame from which on it counts, which lies
    in the future for a plan that waits. `count`, `interval_us`, `lead_us` and `design` are a stim's. `value`
    is how many were lost, or by how many frames a tick was late. `text` says why a command was `refused`,
    what was lost, and so on; `fields` are further values of an annotation.
    """

    timestamp: int
    kind: str | int
    channels: ChannelSet
    text: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    command: int = 0
    plan: int = 0
    refused: bool = False
    at: int = 0
    value: int = 0
    design: StimDesign | None = None
    count: int = 0
    interval_us: int = 0
    lead_us: int = 0


class LogTable(Table):
    """The log as a table, and as `entries`, which say in words what the columns say in numbers."""

    def __init__(self, rows: h5py.Dataset, data: h5py.Dataset | None) -> None:
        super().__init__(rows)
        self._texts = None if data is None else Array(data)

    def entries(self, start: int | None = None, stop: int | None = None) -> Iterator[LogEntry]:
        """Iterate over the rows from `start` to `stop`, as a slice has them.

        Raises ValueError for a row that no recorder has written.
        """
        for row in self.iterrows(*slice(start, stop).indices(len(self))):
            yield self._entry(row)

    def _entry(self, row: Any) -> LogEntry:
        text, packed = self._text(row)
        kind, bits = int(row["kind"]), int(row["channels"])
        known = next((each for each in LogKind if each == kind), None)
        return LogEntry(
            timestamp=int(row["timestamp"]),
            kind=kind if known is None else known.name.lower(),
            channels=ChannelSet([channel for channel in range(CHANNEL_COUNT) if bits >> channel & 1]),
            text=text,
            fields=unpack(packed) if packed else {},
            command=int(row["command"]),
            plan=int(row["plan"]),
            refused=bool(row["refused"]),
            at=int(row["at"]),
            value=int(row["value"]),
            design=design_of(row),
            count=int(row["count"]),
            interval_us=int(row["interval_us"]),
            lead_us=int(row["lead_us"]),
        )

    def _text(self, row: Any) -> tuple[str, bytes]:
        """Return a row's text and its packed fields."""
        start, length = int(row["data_index"]), int(row["text_bytes"])
        stop = start + length + int(row["fields_bytes"])
        if start == stop or self._texts is None:
            return "", b""
        if stop > len(self._texts) or stop - start > _LARGEST:
            raise ValueError(f"a row of the log has its text at bytes {start} to {stop}, which there are not")
        data = self._texts[start:stop].tobytes()
        return data[:length].decode(errors="replace"), data[length:]
