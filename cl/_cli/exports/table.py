"""`python -m cl export csv FILE` and `parquet`: one table of a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cl.interop.tables.exporting import Form


class TableForm:
    """A form of tables; what each form of `python -m cl export` has."""

    EPILOG = "Several files are one recording, in order of time. What fits no column is JSON."

    def __init__(self, form: Form, summary: str) -> None:
        self.SUMMARY = summary
        self._form: Form = form

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the form's arguments."""
        parser.add_argument("files", metavar="FILE", nargs="+", help="recordings, HDF5 files")
        parser.add_argument(
            "--what",
            required=True,
            metavar="spikes|stims|annotations|STREAM",
            help="which table; stream:NAME for a data stream that is called spikes or stims",
        )
        parser.add_argument("--out", metavar="OUT", help=f"by default FILE_WHAT.{self._form}")

    def run(self, options: argparse.Namespace) -> Path:
        """Write the file; return where it is."""
        from cl.interop.tables import export

        source = options.files[0] if len(options.files) == 1 else options.files
        return export(source, options.what, options.out, form=self._form, overwrite=options.overwrite)


csv = TableForm("csv", "Spikes, stims or a data stream as CSV.")
parquet = TableForm("parquet", "The same as Parquet (the extra cl-aio[parquet]).")
