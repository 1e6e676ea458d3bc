"""`python -m cl recover FILE`: end a recording that was never ended, as after a kill or on a full disk."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import Final

SUMMARY = "End a recording in place that was never ended; a copy is kept beside it until that is done."
_REST_S: Final = 1.5
"""A recording that still runs is written to more often than this, whatever its device does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")


def run(options: argparse.Namespace) -> int:
    """Recover the file, and say what came of it."""
    from cl._store.read.recover import recover

    _check_rest(Path(options.file))
    found = recover(options.file)
    if found is None:
        print(f"{options.file} is complete: nothing to do")
    else:
        print(
            f"{options.file} is complete now: {found['duration_seconds']:.3f} s, "
            f"{found['duration_frames']} frames, ended {found['ended_utc']}"
        )
    return 0


def _check_rest(file: Path) -> None:
    """Raise if the file is being written to: two who write to it would destroy it."""
    before = file.stat().st_mtime_ns
    age = time.time() - before / 1e9
    if 0 <= age < _REST_S:
        threading.Event().wait(_REST_S - age)
    if file.stat().st_mtime_ns != before:
        raise RuntimeError(f"{file} is being written to: it can be recovered once it is no longer recorded")
