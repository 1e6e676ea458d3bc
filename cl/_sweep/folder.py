"""A sweep's folder: whose it is, which runs were planned, and what has become of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from cl._values.paths import absolute
from cl._values.version import VERSION

from .canonical import from_json
from .experiment import Experiment
from .how import How
from .planned import Identities, Run
from .results import RESULT, read_json, write_json
from .row import SweepRow

SWEEP: Final = "sweep.json"
RUNS: Final = "runs.jsonl"
"""A line for each run that was planned, in their order; job arrays count them."""


class SweepFolder:
    """The folder of a sweep. Made where it is not there, by `claim`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = absolute(path)
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"out is {str(self.path)!r}, a file")
        self._known: set[str] | None = None

    def said(self) -> dict[str, Any] | None:
        """Return what is written down of the sweep, None where there is none."""
        return read_json(self.path / SWEEP)

    def check(self, experiment: Experiment) -> None:
        """Raise ValueError for the folder of another experiment."""
        said = self.said()
        if said is not None and said.get("experiment") != str(experiment):
            raise ValueError(
                f"out is {str(self.path)!r}, which belongs to the experiment {said.get('experiment')}, "
                f"not to {experiment}: choose another folder"
            )

    def claim(self, how: How) -> None:
        """Write down whose it is; how the experiment is imported, and on what it runs, is as said last."""
        self.path.mkdir(parents=True, exist_ok=True)
        said = {
            "format": 1,
            "experiment": str(how.experiment),
            "file": how.experiment.file,
            "path": [*how.path],
            "simulator": dict(how.simulator),
            "variables": dict(how.variables),
            "code": how.code,
            "version": VERSION,
        }
        if self.said() != said:
            write_json(self.path / SWEEP, said)

    def plan(self, runs: Iterable[Run]) -> None:
        """Write down those runs that are not yet."""
        if self._known is None:
            self._known = {line["id"] for line in self._lines()}
        new = [run for run in runs if run.id not in self._known]
        if not new:
            return
        text = "".join(f"{json.dumps(run.line)}\n" for run in new)
        with (self.path / RUNS).open("a+b") as file:
            if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
                text = f"\n{text}"
            file.write(text.encode())
        self._known.update(run.id for run in new)

    def planned(self, identities: Identities) -> list[Run]:
        """Return the runs that were planned, but for those of other versions and data sources."""
        found = {}
        for line in self._lines():
            params = {name: from_json(value) for name, value in line["params"].items()}
            run = identities.run(params, line["seed"])
            if run.id == line["id"]:
                found[run.id] = run
        return [*found.values()]

    def row(self, run: Run) -> SweepRow | None:
        """Return what has become of a run; None while it has not ended."""
        told = read_json(self.path / run.id / RESULT)
        return None if told is None else SweepRow(run, self.path / run.id, told)

    def set_aside_failed(self, row: SweepRow) -> None:
        """Have a run be one that has not ended; what it left is kept in a folder of its own."""
        if row.folder.is_dir():
            set_aside(row.folder)

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = (self.path / RUNS).read_bytes()
        except FileNotFoundError:
            return []
        return [line for line in map(_parsed, text.splitlines()) if line is not None]


def set_aside(folder: Path) -> None:
    """Move what an earlier attempt has left into a folder of its own: nothing that was recorded is lost."""
    left = [path for path in folder.iterdir() if path.name != LOCK and not path.name.startswith(EARLIER)]
    if not left:
        return
    number = 1
    while (aside := folder / f"{EARLIER}{number}").exists():
        number += 1
    aside.mkdir()
    # Its end is what makes a run one that has ended: it goes first.
    for path in sorted(left, key=lambda path: path.name != RESULT):
        path.rename(aside / path.name)


LOCK: Final = ".lock"
EARLIER: Final = "earlier-"


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return a line; None for one that was cut short when the sweep was killed."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.keys() >= {"id", "params", "seed"} else None
