"""From a recording to a file with one table."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal

from cl._values.paths import absolute
from cl._values.progress import Progress
from cl.interop.output import new_file
from cl.interop.recorded import Source, opened

from . import csv_file, parquet_file
from .contents import contents

Form = Literal["csv", "parquet"]
_WRITERS: Final = {"csv": csv_file.write, "parquet": parquet_file.write}


def export(
    path: Source,
    what: str,
    out: str | os.PathLike[str] | None = None,
    *,
    form: Form = "csv",
    overwrite: bool = False,
) -> Path:
    """Write one table of a recording, block by block, and return where the file is.

    `path`: a recording, an open view, or several as `cl.analysis.open_many` takes them. `what`: "spikes",
    "stims", "annotations", or the name of a data stream; "stream:spikes" is a stream that is called so.
    `out`: by default `<recording>_<what>.<form>` beside the (first) recording.

    Columns: `timestamp` (frames since the first recording's start), `seconds`; `channel` of spikes and stims;
    of stims also `phases` and `duration_us_1`, `current_uA_1` … of each; of streams the keys of the entries,
    or `value`. What fits no column is JSON. Where there is nothing, a CSV has nothing and Parquet null.

    ValueError for what is not in the recording; FileExistsError if `out` exists, unless `overwrite`;
    ImportError for Parquet without the extra `cl-aio[parquet]`. After an error nothing is left of the file.
    """
    if form not in _WRITERS:
        raise ValueError(f"form must be 'csv' or 'parquet', not {form!r}")
    if form == "parquet":
        parquet_file.need()
    with opened(path) as recorded:
        table = contents(recorded, what)
        first = absolute(recorded.paths[0])
        name = re.sub(r"[^\w.-]", "_", what.removeprefix("stream:"))[:100]
        target = first.with_name(f"{first.stem}_{name}.{form}") if out is None else absolute(out)
        with (
            new_file(target, recorded.paths, overwrite) as part,
            Progress("exporting", table.count) as progress,
        ):
            _WRITERS[form](part, table, progress.step)
    return target
