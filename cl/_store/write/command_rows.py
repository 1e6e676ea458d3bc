"""Rows of the log for commands that differ in their times only: a loop gives thousands of them a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._core.device_log import LogItems
    from cl._stim.operations import Operation

MOST_AT_ONCE: Final = 512
_KEPT: Final = 2 * MOST_AT_ONCE


class CommandRows:
    """Makes rows of commands of one operation, many at once, by copying what is alike."""

    def __init__(self, row: Callable[[Operation], bytes]) -> None:
        """`row` returns the row of an operation; its times and numbers are replaced."""
        self._row = row
        self._known: dict[Sequence[Operation], int] = {}
        """The places of rows, by operations, which are equal where they are the same."""
        self._rows = np.empty((_KEPT, layout.LOG.itemsize), np.uint8)

    def rows(self, items: LogItems, start: int, data_index: int) -> NDArray[Any] | None:
        """Return the rows of at most `MOST_AT_ONCE` commands, times counting from `start`.

        None where one of them has several operations, or none, or is no `Command`.
        """
        places = self._places(items.operations)
        if places is None:
            return None
        rows = self._rows.take(places, 0).view(layout.LOG).reshape(-1)
        rows["timestamp"] = np.fromiter(items.timestamps, np.int64, len(rows)) - start
        rows["at"] = np.fromiter(items.ats, np.int64, len(rows)) - start
        rows["command"] = _whole(items.numbers)
        rows["data_index"] = data_index
        return rows

    def _places(self, asked: list[Sequence[Operation] | None]) -> list[int] | None:
        known = self._known
        found = list(map(known.get, asked))  # type: ignore[arg-type]  # None is found nowhere
        if None not in found:
            return found  # type: ignore[return-value]  # that is what was asked
        if any(operations is None or len(operations) != 1 for operations in asked):
            return None
        if len(known) > _KEPT - MOST_AT_ONCE:
            known.clear()
        return [self._place(operations) for operations in asked if operations is not None]

    def _place(self, operations: Sequence[Operation]) -> int:
        found = self._known.get(operations)
        if found is None:
            found = len(self._known)
            self._rows[found] = np.frombuffer(self._row(operations[0]), np.uint8)
            self._known[operations] = found
        return found


def _whole(numbers: list[int]) -> NDArray[np.uint64] | list[int]:
    """Return numbers of which each is greater than the one before."""
    first, last = numbers[0], numbers[-1]
    return np.arange(first, last + 1, dtype=np.uint64) if last - first == len(numbers) - 1 else numbers
