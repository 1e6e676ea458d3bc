"""A run that is started from the page: a process of its own, what it says, and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cl._values.printing import printable
from cl._values.thread_start import start_thread
from cl.app.project import Project, ProjectError

_MOST_LINES: Final = 400
_MOST_CHARACTERS: Final = 2_000
"""Of a line."""
_GRACE_S: Final = 15.0
"""What an interrupted run may take to close its device, before it is ended."""
_PAGE: Final = re.compile(
    r"(?P<kind>Data|Application) visualiser: (?P<url>http://(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}(?:/app)?)\Z"
)
"""A page of this machine; a program may print anything."""


class Run:
    """A run of an application: started when it is made. `ProjectError` where that cannot be."""

    def __init__(self, project: Project, configuration: dict[str, Any], base: Path) -> None:
        self.folder = _folder(project, base)
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._pages: dict[str, str] = {}
        self._stopped = False
        self._ending = threading.Timer(_GRACE_S, self._kill)
        self._ending.daemon = True
        file = self.folder / "configuration.json"
        try:
            file.write_text(json.dumps(configuration, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "cl.app.run", str(project.folder)),
                    *(str(file), "--output", str(self.folder)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                start_new_session=True,  # Ctrl-C here is told to it in its turn
            )
        except OSError as error:
            raise ProjectError(f"the run cannot be started: {printable(str(error))}") from None
        self._reader = threading.Thread(target=self._read, name="cl-run-reader", daemon=True)
        start_thread(self._reader)

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def status(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        code = self._process.poll()
        state = (
            "running" if code is None else "stopped" if self._stopped else "failed" if code else "completed"
        )
        return {
            "state": "stopping" if state == "running" and self._stopped else state,
            "status": code,
            "folder": str(self.folder),
            "page": (self._pages.get("Application") or self._pages.get("Data")) if code is None else None,
            "lines": [*self._lines],
        }

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C does; what has not ended 15 s later is ended."""
        if not self._stopped and self.goes_on:
            self._stopped = True
            self._process.send_signal(signal.SIGINT)
            start_thread(self._ending)

    def close(self) -> None:
        """Stop it, and wait until it has ended."""
        self.stop()
        self._process.wait()
        self._reader.join()
        self._ending.cancel()
        if self._ending.ident is not None:
            self._ending.join()

    def _kill(self) -> None:
        if self.goes_on:
            self._process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while line := stream.readline(_MOST_CHARACTERS):
                text = line.rstrip("\n")
                self._lines.append(printable(text))
                if found := _PAGE.match(text):
                    self._pages[found["kind"]] = found["url"]


def _folder(project: Project, base: Path) -> Path:
    """Make a folder for a run's results: the application's id, and the time."""
    now = datetime.now(UTC).strftime("%Y_%m_%d_%H_%M_%S")
    try:
        base.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1_000):
            path = base / f"{project.id}_{now}{f'_{number}' if number > 1 else ''}"
            if not path.exists():
                path.mkdir()
                return path
    except OSError as error:
        raise ProjectError(f"the output directory cannot be made: {printable(str(error))}") from None
    raise ProjectError(f"there are 1000 results of this second in {printable(str(base))}")
