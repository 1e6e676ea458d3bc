"""`python -m cl verify FILE…`: whether recordings are what was recorded, and what of them can be read."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress

SUMMARY = (
    "Check every structure, count, order and range of recordings, and what was recorded by its checksums."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings, HDF5 files")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "The exit status is 0 if nothing is wrong with any of them, 1 if something is."


def run(options: argparse.Namespace) -> int:
    """Check the files, and say what came of it."""
    import json

    from cl._store.read.verify.checking import check_succession, verify
    from cl._values.printing import printable
    from cl._values.progress import Progress

    reports, sizes = [], [_size(path) for path in options.files]
    with Progress("verifying", sum(sizes)) as progress:
        for number, path in enumerate(options.files):
            reports.append(verify(path, progress.step))
            progress.to(sum(sizes[: number + 1]))
    check_succession(reports)
    if options.json:
        print(json.dumps([report.as_dict() for report in reports], indent=2))
    for report in reports if not options.json else ():
        count = len(report.faults)
        state = "nothing is wrong" if not count else f"{count} fault{'s' if count > 1 else ''}"
        print(printable(f"{report.path}: {state}"))
        for name, texts in (
            ("fault", report.faults),
            ("note", report.notes),
            ("can be read", report.readable if count else []),
        ):
            for text in texts:
                print(printable(f"  {name}: {text}"))
    return 0 if all(report.is_whole for report in reports) else 1


def _size(path: str) -> int:
    with suppress(OSError, ValueError):
        return os.stat(path).st_size
    return 0
