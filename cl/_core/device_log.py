"""What has happened to a device beside its data: commands, refusals, control, losses, lateness, remarks.

Recordings have it as `/log`. It is as long as the rest of the history, and never longer than `MOST`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cl._stim.operations import Operation

MOST: Final = 131_072
"""Items that are kept where time does not move, as in a program that gives commands in an endless loop."""


class LogKind(IntEnum):
    """What a row of a recording's log tells of; see docs/recordings.md."""

    STIM = 1
    SYNC = 2
    INTERRUPT = 3
    REFUSAL = 4
    CONTROL = 5
    WATCHDOG = 6
    LOSS = 7
    LATE = 8
    ANNOTATION = 9


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened at `timestamp`, and is no command.

    `value` counts what was lost, or the frames that a tick was late; `until` is where a loss ends. `fields`
    are further values of an annotation, packed with msgpack.
    """

    timestamp: int
    kind: LogKind
    text: str = ""
    channels: tuple[int, ...] = ()
    value: int = 0
    until: int | None = None
    fields: bytes = b""


Command: TypeAlias = "list[Any]"
"""A command as it was asked for: its timestamp, number, operations, the frame from which on it counts, the
number of its plan (0 for none), and why it was refused ("" if it was not). A list, since one is made for each
command of a loop: nothing else takes as little time."""


class DeviceLog:
    """The items in the order in which they came, each under an absolute index that never changes.

    `first` is the index of the oldest that is kept. Wants the engine's lock.
    """

    __slots__ = ("_state", "commands", "plans")

    def __init__(self) -> None:
        # What belongs together is replaced at once: an interruption may come between any two steps.
        self._state: tuple[int, list[Command | Happening]] = 0, []
        self.commands = 0
        """The number of the last command."""
        self.plans = 0
        """The number of the last plan that was made."""

    @property
    def first(self) -> int:
        """The absolute index of the oldest item."""
        return self._state[0]

    @property
    def items(self) -> list[Command | Happening]:
        """The items, from the oldest on."""
        return self._state[1]

    @property
    def end(self) -> int:
        """The absolute index that the next item gets."""
        first, items = self._state
        return first + len(items)

    def command(
        self, timestamp: int, operations: Sequence[Operation], at: int, plan: int, reason: str = ""
    ) -> Command:
        """Take note of a command, and return it: `REASON` may be set where it is refused at once."""
        self.commands = number = self.commands + 1
        command = [timestamp, number, operations, at, plan, reason]
        items = self._state[1]
        items.append(command)
        if not number & 1023 and len(items) > MOST:
            self._drop(MOST // 2)
        return command

    def add(self, happening: Happening) -> None:
        """Take note of what is no command."""
        items = self._state[1]
        items.append(happening)
        if len(items) > MOST:
            self._drop(MOST // 2)

    def index(self, timestamp: int) -> int:
        """Return the absolute index behind which there is nothing from before `timestamp`."""
        first, items = self._state
        at = len(items)
        while at and timestamp_of(items[at - 1]) >= timestamp:
            at -= 1
        return first + at

    def trim(self, before: int) -> None:
        """Drop what is older than `before`."""
        gone = 0
        for item in self._state[1]:
            if timestamp_of(item) >= before:
                break
            gone += 1
        if gone:
            self._drop(gone)

    def _drop(self, count: int) -> None:
        first, items = self._state
        self._state = first + count, items[count:]


def timestamp_of(item: Command | Happening) -> int:
    """Return the time of an item."""
    found: int = item[0] if isinstance(item, list) else item.timestamp
    return found


def timestamps_of(items: Sequence[Command | Happening]) -> list[int]:
    """Return the times of items."""
    return [item[0] if isinstance(item, list) else item.timestamp for item in items]


REASON: Final = 5
"""Where a command has why it was refused."""


def told(error: BaseException) -> str:
    """Return the reason that an error is: its type and its text."""
    return f"{type(error).__name__}: {error}"
