"""Folders made for a recording, and removed again where no file has come to be in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made(folder: Path) -> Iterator[list[Path]]:
    """Make a folder with its parents; yield those that were made, innermost first.

    Where the block raises they are removed. `OSError` names the folder that cannot be made.
    """
    new: list[Path] = []
    try:
        try:
            new += _missing(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"is not a folder, and cannot be made one: {error.strerror}"
            raise type(error)(error.errno, f"file_location={str(folder)!r} {reason}") from error
        yield new
    except BaseException:
        remove(new)
        raise


def remove(folders: Sequence[Path]) -> None:
    """Remove folders, innermost first, as far as they are empty: another recording may be in one by now."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            pass


def _missing(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.parents) if not path.exists()]
