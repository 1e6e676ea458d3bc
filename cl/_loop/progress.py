"""`cl.progress`: a loop that says how far it has come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

from cl._values.progress import Progress

if TYPE_CHECKING:
    from .run import LoopBase
    from .tick import LoopTick

_EVERY_S: Final = 0.1


class LoopProgress:
    """Iterates over a loop, and shows how many of its ticks are done and how long the rest takes.

    A line on stderr where that is a terminal, a bar below the cell in a notebook, nothing elsewhere and with
    `CL_PROGRESS=0`. Made by `cl.progress`.
    """

    def __init__(self, loop: Any, label: str) -> None:
        self._loop = loop
        self._label = label

    def __iter__(self) -> Iterator[LoopTick]:
        shown = _Shown(self._label, self._loop.duration_ticks)
        if not shown.is_shown:
            yield from self._loop
            return
        done = due = 0
        with shown:
            for tick in self._loop:
                yield tick
                done += 1
                if done >= due:
                    due = shown.show(done)
            shown.show(done)

    async def __aiter__(self) -> AsyncIterator[LoopTick]:
        shown = _Shown(self._label, self._loop.duration_ticks)
        done = due = 0
        ticks = self._loop.__aiter__()
        try:
            with shown:
                async for tick in ticks:
                    yield tick
                    done += 1
                    if shown.is_shown and done >= due:
                        due = shown.show(done)
                shown.show(done)
        finally:
            await ticks.aclose()


class _Shown:
    """Shows a number of ticks, and says at which one to ask again."""

    def __init__(self, label: str, total: int | None) -> None:
        self._progress = Progress(label, total or 0, stays=True)
        self._has_end = bool(total)
        self._began = time.monotonic()

    @property
    def is_shown(self) -> bool:
        return self._has_end and self._progress.is_shown

    def show(self, done: int) -> int:
        """Show how many ticks are done; return with how many it is to be shown again, in 0.1 s."""
        self._progress.to(done)
        rate = done / max(time.monotonic() - self._began, 1e-9)
        return done + max(1, int(rate * _EVERY_S))

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.close()


def progress(loop: LoopBase, label: str = "loop") -> LoopProgress:
    """Iterate over a loop, saying how far it has come: `for tick in cl.progress(neurons.loop(...))`.

    `async for` over an `aloop` likewise. A line on stderr where that is a terminal, a bar below the cell in a
    notebook, nothing elsewhere, with `CL_PROGRESS=0`, and of a loop without an end. It costs less than 1 µs a
    tick. TypeError for what is no loop.
    """
    if not hasattr(loop, "duration_ticks"):
        raise TypeError(f"cl.progress takes a loop, as neurons.loop(...) makes it, not {loop!r}")
    return LoopProgress(loop, label)
