"""The command line of commands that take one folder, the working directory without one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cl._values.saying import say


def folder_argument(arguments: Sequence[str] | None, usage: str, about: str | None) -> str | int:
    """Return the folder, or the status to end with: 0 for help, 1 for bad usage, which is told."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    if any(one in ("-h", "--help") for one in given):
        print(f"{usage}\n\n{about}\nWithout a folder it is the working directory.")
        return 0
    if len(given) > 1 or any(one.startswith("-") for one in given):
        say(usage)
        return 1
    return given[0] if given else "."
