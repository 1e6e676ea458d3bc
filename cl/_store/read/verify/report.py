"""What was found in a recording's file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Faults, what is merely to be known (`notes`), and what can be read, in words."""

    path: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readable: list[str] = field(default_factory=list)
    part: tuple[int, str, int, int] | None = None
    """Of one of several files: its number, the name of the one before, its first frame and its end."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Return it in types that JSON has."""
        return {
            "file": self.path,
            "whole": self.is_whole,
            "faults": self.faults,
            "notes": self.notes,
            "readable": self.readable,
        }


def ranges(blocks: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return half-open ranges in order, those that touch joined."""
    found: list[tuple[int, int]] = []
    for first, stop in sorted(blocks):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((first, stop))
    return found


def without(rows: int, bad: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of [0, rows) without the ranges."""
    found, at = [], 0
    for first, stop in ranges(bad):
        if first > at:
            found.append((at, first))
        at = max(at, stop)
    return [*found, (at, rows)] if at < rows else found


def in_words(spans: list[tuple[int, int]], what: str, most: int = 8) -> str:
    """Return ranges as "frames 0 to 99, 200 to 299", the first few of them."""
    shown = ", ".join(f"{first} to {stop - 1}" for first, stop in spans[:most])
    more = f" and {len(spans) - most} more ranges" if len(spans) > most else ""
    return f"{what} {shown}{more}"
