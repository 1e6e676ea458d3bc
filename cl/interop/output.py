"""A file that an export makes: there when it is whole, and not before."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cl._values.paths import absolute


@contextmanager
def new_file(out: str | os.PathLike[str], sources: Iterable[str], overwrite: bool) -> Iterator[Path]:
    """Yield the path of a file to write, beside `out`, and give it that name once it is whole.

    After an error nothing is left of it, and what was there is as it was. `FileExistsError` for a name that
    is taken, unless it may be overwritten; `ValueError` for one of the sources; OSErrors as `open` does.
    """
    path = absolute(out)
    check_free(path, sources, overwrite)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb"):
            pass  # the operating system's own errors, before any work
        yield part
        check_free(path, sources, overwrite)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_free(path: Path, sources: Iterable[str], overwrite: bool) -> None:
    """Raise FileExistsError or ValueError unless a file may be made there."""
    if not path.exists():
        return
    if any(os.path.exists(source) and os.path.samefile(source, path) for source in sources):
        raise ValueError(f"{path} is the recording itself: name another file")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory")
    if not overwrite:
        raise FileExistsError(f"{path} exists: name another file, or have it overwritten")
