"""How far a run has come, by what its configuration says that it takes."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final

from cl._values.progress import Progress
from cl._values.thread_start import start_thread

_EVERY_S: Final = 0.5


class RunProgress:
    """A context manager that shows a line on stderr while a run goes on, where that is a terminal."""

    def __init__(self, label: str, seconds: float | None) -> None:
        self._progress = Progress(label, seconds) if seconds else None
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._show, name="cl-progress", daemon=True)

    def __enter__(self) -> RunProgress:
        if self._progress is not None and self._progress.is_shown:
            try:
                start_thread(self._thread)
            except BaseException:
                self._left.set()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _show(self) -> None:
        began = time.monotonic()
        assert self._progress is not None
        with self._progress as progress:
            while not self._left.wait(_EVERY_S):
                progress.to(time.monotonic() - began)
