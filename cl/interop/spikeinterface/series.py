"""Files as segments: one each, or one for all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from cl._store.read.view import RecordingView

if TYPE_CHECKING:
    from cl.analysis.joined import JoinedView

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"


def path_list(paths: Paths) -> list[str]:
    """Return absolute paths; `ValueError` if there is none, TypeError for what is no path."""
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found = [os.path.abspath(os.fspath(path)) for path in given]
    if not found:
        raise ValueError("paths must be at least one, there is none")
    return found


def joined_view(paths: list[str]) -> JoinedView:
    """Return the files in the order of their timestamps, as `cl.analysis.open_many` places them."""
    from cl.analysis.joined import open_many

    return open_many(paths)


def views(paths: list[str], joined: bool) -> Iterator[tuple[int, int, RecordingView]]:
    """Yield each file's segment, its first frame in that, and a view of it, open until the next is wanted."""
    if joined:
        for start, view in joined_view(paths).recordings():
            yield 0, start, view
        return
    for segment, path in enumerate(paths):
        with RecordingView(path) as view:
            yield segment, 0, view


def one_rate(paths: list[str], rates: list[float]) -> float:
    """Return the frames per second of all files; `ValueError` if they differ."""
    for path, rate in zip(paths, rates, strict=True):
        if rate != rates[0]:
            raise ValueError(
                f"recordings must be alike: {paths[0]} has {rates[0]:g} frames/s, {path} has {rate:g}"
            )
    return rates[0]
