"""How far a sweep has come: a line on a terminal, a bar in a notebook."""

from __future__ import annotations

import time

from cl._values.progress import Progress

_EVERY_S = 0.1


class Shown:
    """Shows how many runs are done, failed and running, and the time left; a context manager."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._progress = Progress(label, 1, stays=True)
        self._shown_at = 0.0

    @property
    def is_shown(self) -> bool:
        """Whether anybody can see it."""
        return self._progress.is_shown

    def show(self, total: int, done: int, failed: int, running: int) -> None:
        """Say how far it has come; not more often than can be seen."""
        now = time.monotonic()
        if not self.is_shown or (now - self._shown_at < _EVERY_S and running):
            return
        self._shown_at = now
        # What a narrow terminal has no room for is the name.
        said = f"{done} done, {failed} failed, {running} running, {self._label}"
        share = 1 / max(total, 1)
        self._progress.to(done * share, said, failed * share)

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.close()
