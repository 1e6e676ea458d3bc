"""`python -m cl recover FILE`: end a recording that was never ended, as after a kill or on a full disk."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "End a recording in place that was never ended; a copy is kept beside it until that is done."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")


def run(options: argparse.Namespace) -> int:
    """Recover the file, and say what came of it."""
    from cl._store.read import rest
    from cl._store.read.recover import recover
    from cl._values.printing import printable

    file = Path(options.file)
    # Two who write to it would destroy it.
    found = recover(file, is_written_to=lambda: rest.is_written_to(file, rest.REST_S))
    name = printable(options.file)
    if found is None:
        print(f"{name} is complete: nothing to do")
    else:
        print(
            f"{name} is complete now: {found['duration_seconds']:.3f} s, "
            f"{found['duration_frames']} frames, ended {printable(found['ended_utc'])}"
        )
    return 0
