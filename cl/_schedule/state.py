"""What a schedule has done, in a file that is whole at any moment, so that it goes on after its own end."""

from __future__ import annotations

import json
import os
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

_VERSION: Final = 1
MOST_RESULTS: Final = 300
"""Results that are kept in memory, and shown; all of them are in `history.jsonl`."""


@dataclass
class Result:
    """How a run has ended: `outcome` is done, failed, timed out, no device, interrupted or missed."""

    run: str
    due: datetime
    started: datetime | None
    ended: datetime
    outcome: str
    text: str = ""
    folder: str = ""


@dataclass
class Running:
    """The run that is at it: its process, told from others by when that was started, and its folder."""

    run: str
    due: datetime
    started: datetime
    folder: str
    pid: int = 0
    process_start: int = 0


@dataclass
class Progress:
    """How far a run has come: up to which moment all that was due is done, or was missed."""

    handled: datetime | None = None
    ended: int = 0
    """How often it was begun and has ended, repetitions apart."""
    failures: int = 0
    """In a row, of what is due now."""
    again: datetime | None = None
    """When what has failed is done again; it was due at `again_due`."""
    again_due: datetime | None = None
    dropped: bool = False


@dataclass
class State:
    """All of it."""

    began: datetime
    progress: dict[str, Progress] = field(default_factory=dict)
    running: Running | None = None
    stopped: str = ""
    """Why the schedule was ended by a failure, if it was."""

    def of(self, run: str) -> Progress:
        """Return how far a run has come."""
        return self.progress.setdefault(run, Progress())


class StateFile:
    """Keeps a state in a folder, and every result in a history beside it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"
        self._history = folder / "history.jsonl"

    def load(self) -> State | None:
        """Return the state that was saved last, None if there is none; ValueError for a file that is none."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            found = json.loads(text, object_hook=_revived)
            if found.pop("version") != _VERSION:
                raise ValueError("another version")
            return State(
                began=found["began"],
                progress={name: Progress(**each) for name, each in found["progress"].items()},
                running=None if found["running"] is None else Running(**found["running"]),
                stopped=found["stopped"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{self._path} is no state of a schedule: {error}; move it away to begin anew"
            ) from None

    def save(self, state: State) -> None:
        """Replace the file, by one that is on the disk."""
        write_whole(self._path, json.dumps({"version": _VERSION, **asdict(state)}, default=_dated, indent=1))

    def results(self) -> deque[Result]:
        """Return the last results of the history; a line that was not written whole is none."""
        found: deque[Result] = deque(maxlen=MOST_RESULTS)
        with suppress(FileNotFoundError), self._history.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with suppress(ValueError, TypeError):
                    found.append(Result(**json.loads(line, object_hook=_revived)))
        return found

    def add(self, result: Result) -> None:
        """Add a result to the history; it is on the disk then, before the state knows of it."""
        with self._history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result), default=_dated) + "\n")
            file.flush()
            os.fsync(file.fileno())


def write_whole(path: Path, text: str, *, settled: bool = True) -> None:
    """Replace a file by one with this text, so that at any moment there is one of them, whole.

    `settled`: also after a power cut.
    """
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        if settled:
            os.fsync(file.fileno())
    os.replace(part, path)
    if not settled:
        return
    with suppress(OSError):  # some file systems cannot
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _dated(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    raise TypeError(f"{value!r} has no place in a state")


def _revived(found: dict[str, Any]) -> Any:
    return datetime.fromisoformat(found["time"]) if found.keys() == {"time"} else found
