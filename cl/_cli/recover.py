"""`python -m cl recover FILE`: end a recording that was never ended, as after a kill or on a full disk."""

from __future__ import annotations

import argparse

SUMMARY = "End a recording in place that was never ended; a copy is kept beside it until that is done."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the recording, an HDF5 file")


def run(options: argparse.Namespace) -> int:
    """Recover the file, and say what came of it."""
    from cl._store.recover import recover

    found = recover(options.file)
    if found is None:
        print(f"{options.file} is complete: nothing to do")
    else:
        print(
            f"{options.file} is complete now: {found['duration_seconds']:.3f} s, "
            f"{found['duration_frames']} frames, ended {found['ended_utc']}"
        )
    return 0
