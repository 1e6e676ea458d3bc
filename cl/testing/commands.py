"""Comparing the commands that were given with those of a recording's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cl._core.device_log import RareCommand
from cl._stim.channels import ChannelSet
from cl._stim.designs import NOTICE_US, STEP_US
from cl._stim.operations import StimOperation, SyncOperation
from cl._values.constants import FRAMES_PER_SECOND

if TYPE_CHECKING:
    from cl._core.device_log import Command
    from cl._stim.operations import Operation
    from cl._store.read.log_table import LogEntry


@dataclass(frozen=True, slots=True)
class CommandDifference:
    """Where a command differs from the recorded one; times count from the recording's start."""

    timestamp: int
    recorded: LogEntry | None
    """The recorded operation that the controller did not ask for, at that time at least."""
    issued: LogEntry | None
    """The operation that the controller asked for."""

    def __str__(self) -> str:
        recorded = "no command" if self.recorded is None else _told(self.recorded)
        issued = "none" if self.issued is None else _told(self.issued)
        seconds = self.timestamp / FRAMES_PER_SECOND
        return (
            f"timestamp {self.timestamp} ({seconds:.5f} s): the recording has {recorded}, "
            f"the controller gave {issued}"
        )


def entries_of(commands: Iterable[Command | RareCommand], since: int) -> Iterator[LogEntry]:
    """Return the rows that a recording that began at `since` would have of commands, without their texts."""
    from cl._store.read.log_table import LogEntry

    for command in commands:
        timestamp, number, operations, at = command[:4]
        plan, reason = (command.plan, command.reason) if isinstance(command, RareCommand) else (0, "")
        for operation in operations:
            yield LogEntry(
                timestamp=timestamp - since,
                command=number,
                at=at - since,
                plan=plan,
                refused=bool(reason),
                channels=ChannelSet(operation.channels),
                **_asked_for(operation),
            )


def within(entries: Iterable[LogEntry], start: int, stop: int) -> tuple[LogEntry, ...]:
    """Return the operations asked for between two times: in bodies of ticks, not before the loop."""
    kinds = "stim", "sync", "interrupt"
    return tuple(e for e in entries if e.kind in kinds and start < e.timestamp < stop)


def first_command_difference(
    recorded: Sequence[LogEntry], issued: Sequence[LogEntry], tolerance: int, settled: int
) -> CommandDifference | None:
    """Return the first difference between operations in the order in which they were asked for.

    The counterpart of an operation from `settled` on may come after the end of what is compared.
    """
    for theirs, ours in zip(recorded, issued, strict=False):
        late = abs(theirs.timestamp - ours.timestamp) > tolerance
        if late or _key(theirs) != _key(ours):
            return CommandDifference(min(theirs.timestamp, ours.timestamp), theirs, ours)
    at = min(len(recorded), len(issued))
    if len(recorded) > at and recorded[at].timestamp < settled:
        return CommandDifference(recorded[at].timestamp, recorded[at], None)
    if len(issued) > at and issued[at].timestamp < settled:
        return CommandDifference(issued[at].timestamp, None, issued[at])
    return None


def _asked_for(operation: Operation) -> dict[str, Any]:
    if isinstance(operation, StimOperation):
        return {
            "kind": "stim",
            "design": operation.design,
            "count": operation.count,
            "interval_us": operation.period_steps * STEP_US,
            "lead_us": operation.delay_steps * STEP_US + NOTICE_US,
        }
    return {"kind": "sync" if isinstance(operation, SyncOperation) else "interrupt"}


def _key(entry: LogEntry) -> tuple[Any, ...]:
    """Return what has to agree, but the time; a plan is known by what it does, not by its number."""
    stim = entry.design, entry.count, entry.interval_us, entry.lead_us
    return entry.kind, tuple(entry.channels), *stim, entry.refused, bool(entry.plan)


def _told(entry: LogEntry) -> str:
    """Return an operation in words."""
    text = f"{entry.kind} {tuple(entry.channels)} at {entry.timestamp}"
    if entry.design is not None:
        text += f" of {entry.design}, {entry.count} at {entry.interval_us} µs, lead {entry.lead_us} µs"
    return text + " in a plan" * bool(entry.plan) + ", refused" * entry.refused
