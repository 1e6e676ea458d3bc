"""`python -m cl export FORM FILE`: a recording in the form of another program."""

from __future__ import annotations

import argparse
from typing import Any

from .exports import h5, nwb
from .exports.table import csv, parquet

SUMMARY = (
    "Write a recording in the form of other programs: NWB, CSV, Parquet; or cuts and joins of recordings."
)

FORMS: dict[str, Any] = {"csv": csv, "h5": h5, "nwb": nwb, "parquet": parquet}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    forms = parser.add_subparsers(dest="form", required=True, metavar="FORM")
    for name, form in FORMS.items():
        sub = forms.add_parser(name, help=form.SUMMARY, description=form.SUMMARY, epilog=form.EPILOG)
        form.add_arguments(sub)
        sub.add_argument("--overwrite", action="store_true", help="replace a file that exists")
        sub.set_defaults(export=form.run)


def run(options: argparse.Namespace) -> int:
    """Write the file and say where it is."""
    from cl._values.printing import printable

    print(printable(str(options.export(options))))
    return 0
