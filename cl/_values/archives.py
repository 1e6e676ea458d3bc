"""Zips that come from elsewhere: looked at before any of it is read."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from .printing import printable

if TYPE_CHECKING:
    import zipfile

_MOST_FILES: Final = 100_000


def checked_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files by their names, all of which lie in one folder.

    ValueError for names that lead out of it, names that come twice, and links.
    """
    listed = archive.infolist()
    if len(listed) > _MOST_FILES:
        raise ValueError(f"it has {len(listed)} files, more than {_MOST_FILES}")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in listed:
        name = entry.filename
        parts = name.rstrip("/").split("/")
        # What zipfile has cut off or changed was meant to be another name.
        if name != entry.orig_filename or "\\" in name or ":" in parts[0] or {"", ".", ".."} & set(parts):
            raise ValueError(f"it has a file named {printable(entry.orig_filename)}")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{printable(name)} is a link")
        if name in found:
            raise ValueError(f"it has two files named {printable(name)}")
        found[name] = entry
    files = {name: entry for name, entry in found.items() if not entry.is_dir()}
    tops = {name.split("/")[0] for name in found}
    if len(tops) != 1 or any("/" not in name for name in files):
        raise ValueError(f"it has {len(tops)} folders or files at its top, and must have one folder")
    return files
