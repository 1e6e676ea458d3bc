"""What has happened to a device beside its data: commands, refusals, control, losses, lateness, remarks.

Recordings have it as `/log`. It is as long as the rest of the history, and never longer than `MOST`.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cl._stim.operations import Operation

MOST: Final = 131_072
"""Items that are kept where time does not move, as in a program that gives commands in an endless loop."""
_WIDTH: Final = 4


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


class Happening(NamedTuple):
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


Command: TypeAlias = "tuple[int, int, Sequence[Operation], int]"
"""A command as it was asked for, of no plan and not refused: its timestamp, number, operations, and the frame
from which on it counts."""


class RareCommand(NamedTuple):
    """A command of a plan, or one that was refused: what a `Command` has, and that.

    `plan` is the plan's number, 0 for none; `reason` is "" where it was not refused.
    """

    timestamp: int
    number: int
    operations: Sequence[Operation]
    at: int
    plan: int
    reason: str


LogItem: TypeAlias = "Command | RareCommand | Happening"


class LogItems:
    """Items of the log, in order, which begin with their timestamps; and lists of what `Command`s have.

    All of them lie in one list, `_WIDTH` values to an item: those of a `Command`, or the timestamp, the item,
    None and 0. So a command of a loop is no object of its own: to make and to keep one takes 0.05 µs, and
    several times as much to have the garbage collector go through thousands of them again and again.
    """

    __slots__ = ("_flat",)

    def __init__(self, flat: list[Any]) -> None:
        self._flat = flat

    @classmethod
    def of(cls, happening: Happening) -> LogItems:
        """Return a single item."""
        return cls([happening.timestamp, happening, None, 0])

    def __len__(self) -> int:
        return len(self._flat) // _WIDTH

    def __iter__(self) -> Iterator[LogItem]:
        flat = self._flat
        for at in range(0, len(flat), _WIDTH):
            what, operations = flat[at + 1], flat[at + 2]
            yield what if operations is None else (flat[at], what, operations, flat[at + 3])

    def __getitem__(self, wanted: slice) -> LogItems:
        start, stop, _ = wanted.indices(len(self))
        return LogItems(self._flat[start * _WIDTH : stop * _WIDTH])

    def __add__(self, later: LogItems) -> LogItems:
        return LogItems(self._flat + later._flat)

    def chosen(self, wanted: Iterable[bool]) -> LogItems:
        """Return the items that are wanted."""
        places = compress(range(0, len(self._flat), _WIDTH), wanted)
        return LogItems([value for at in places for value in self._flat[at : at + _WIDTH]])

    @property
    def timestamps(self) -> list[int]:
        """The times of all."""
        return self._flat[::_WIDTH]

    @property
    def numbers(self) -> list[Any]:
        """The numbers of commands."""
        return self._flat[1::_WIDTH]

    @property
    def operations(self) -> list[Any]:
        """The operations of commands, None for what is no `Command`."""
        return self._flat[2::_WIDTH]

    @property
    def ats(self) -> list[int]:
        """The frames from which on commands count."""
        return self._flat[3::_WIDTH]


class DeviceLog:
    """The items in the order in which they came, each under an absolute index that never changes.

    `first` is the index of the oldest that is kept. Wants the engine's lock.
    """

    __slots__ = ("_state", "commands", "plans")

    def __init__(self) -> None:
        # What belongs together is replaced at once: an interruption may come between any two steps.
        self._state: tuple[int, list[Any]] = 0, []
        self.commands = 0
        """The number of the last command."""
        self.plans = 0
        """The number of the last plan that was made."""

    @property
    def first(self) -> int:
        """The absolute index of the oldest item."""
        return self._state[0]

    @property
    def end(self) -> int:
        """The absolute index that the next item gets."""
        first, flat = self._state
        return first + len(flat) // _WIDTH

    @property
    def items(self) -> LogItems:
        """The items, from the oldest on."""
        return LogItems(self._state[1])

    def command(self, timestamp: int, operations: Sequence[Operation], at: int, plan: int) -> None:
        """Take note of a command."""
        self.commands = number = self.commands + 1
        flat = self._state[1]
        if plan:
            flat += (timestamp, RareCommand(timestamp, number, operations, at, plan, ""), None, 0)
        else:
            flat += (timestamp, number, operations, at)
        if not number & 1023 and len(flat) > MOST * _WIDTH:
            self._drop(MOST // 2)

    def refuse(self, reason: str) -> None:
        """Take note that the command that has just been taken note of is refused."""
        flat = self._state[1]
        timestamp, what, operations, at = flat[-_WIDTH:]
        if operations is None:
            refused = what._replace(reason=reason)
        else:
            refused = RareCommand(timestamp, what, operations, at, 0, reason)
        flat[-_WIDTH:] = (timestamp, refused, None, 0)

    def add(self, happening: Happening) -> None:
        """Take note of what is no command."""
        flat = self._state[1]
        flat += LogItems.of(happening)._flat
        if len(flat) > MOST * _WIDTH:
            self._drop(MOST // 2)

    def index(self, timestamp: int) -> int:
        """Return the absolute index behind which there is nothing from before `timestamp`."""
        first, flat = self._state
        at = len(flat)
        while at and flat[at - _WIDTH] >= timestamp:
            at -= _WIDTH
        return first + at // _WIDTH

    def trim(self, before: int) -> None:
        """Drop what is older than `before`."""
        stamps = self._state[1][::_WIDTH]
        gone = next((number for number, stamp in enumerate(stamps) if stamp >= before), len(stamps))
        if gone:
            self._drop(gone)

    def _drop(self, count: int) -> None:
        first, flat = self._state
        self._state = first + count, flat[count * _WIDTH :]


def told(error: BaseException) -> str:
    """Return the reason that an error is: its type and its text."""
    return f"{type(error).__name__}: {error}"
