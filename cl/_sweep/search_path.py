"""Where workers look for the program's own modules."""

from __future__ import annotations

import os
import sys
import sysconfig


def own_path() -> list[str]:
    """Return the folders of `sys.path` that are the program's: what Python brings, a worker has itself."""
    schemes = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    brought = {os.path.realpath(folder) for folder in schemes if folder}
    found = dict.fromkeys(os.path.abspath(folder) for folder in sys.path)
    return [folder for folder in found if not _is_in(os.path.realpath(folder), brought)]


def _is_in(folder: str, brought: set[str]) -> bool:
    return folder.endswith(".zip") or any(folder == one or folder.startswith(f"{one}/") for one in brought)
