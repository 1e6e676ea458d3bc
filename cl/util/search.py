"""Searching in sequences that ascend, or whose keys do."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def sorted_insert_position_before(
    haystack: Sequence[T], needle: Any, make_key: Callable[[T], Any] | None = None
) -> int:
    """Return where `needle` is put in so that it comes before what equals it."""
    return bisect_left(haystack, needle, key=make_key)


def binary_search(
    haystack: Sequence[T], needle: Any, make_key: Callable[[T], Any] | None = None
) -> int | None:
    """Return the index of the first item whose key is `needle`, or None."""
    at = bisect_left(haystack, needle, key=make_key)
    if at == len(haystack):
        return None
    found = haystack[at] if make_key is None else make_key(haystack[at])
    return at if found == needle else None


def binary_search_range(
    haystack: Sequence[T], start_needle: Any, end_needle: Any, make_key: Callable[[T], Any] | None = None
) -> tuple[int, int]:
    """Return the indices of the first item not below `start_needle`, and the first not below `end_needle`.

    They are a slice of what lies in [start, end); None leaves a side open. ValueError where the start lies
    behind the end.
    """
    if start_needle is not None and end_needle is not None and start_needle > end_needle:
        raise ValueError(f"start_needle={start_needle!r} lies behind end_needle={end_needle!r}")
    start = 0 if start_needle is None else bisect_left(haystack, start_needle, key=make_key)
    end = len(haystack) if end_needle is None else bisect_left(haystack, end_needle, key=make_key)
    return start, end
