"""`python -m cl export h5 FILE --from SECONDS --to SECONDS`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = "As a recording again: a cut of one, or several joined into one."
EPILOG = "Several files are one recording, in order of time; where nothing was recorded samples are 0."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the form's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings, HDF5 files")
    parser.add_argument("--from", dest="start", metavar="SECONDS", type=float, default=0)
    parser.add_argument("--to", dest="stop", metavar="SECONDS", type=float)
    parser.add_argument("--no-samples", action="store_true", help="without the raw samples")
    parser.add_argument("--out", metavar="OUT", help="by default FILE_cut.h5")


def run(options: argparse.Namespace) -> Path:
    """Write the file; return where it is."""
    from cl.interop.recordings import export

    return export(
        options.files[0] if len(options.files) == 1 else options.files,
        options.out,
        from_seconds=options.start,
        to_seconds=options.stop,
        samples=not options.no_samples,
        overwrite=options.overwrite,
    )
