"""The programs of the folder `programs`, and what the comments at their ends say that they print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
_BLOCK: Final = re.compile(r"^# (prints|cl-sdk prints):\n((?:#(?:   .*)?\n)*)", re.MULTILINE)
_REMARK: Final = re.compile(r"^# (because|cl-sdk is not asked): (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A program that is run on both packages."""

    path: Path
    prints: str
    vendor_prints: str
    """What it prints with cl-sdk; the same, but where the program says otherwise, and why."""
    not_asked: str | None
    """Why it is not run with cl-sdk, or None."""


def program(path: Path) -> Program:
    """Read a program. ValueError where it does not say what it prints, or not why cl-sdk prints otherwise."""
    text = path.read_text("utf-8")
    blocks = {kind: re.sub("^#(   )?", "", lines, flags=re.MULTILINE) for kind, lines in _BLOCK.findall(text)}
    remarks = dict(_REMARK.findall(text))
    if "prints" not in blocks or ("cl-sdk prints" in blocks) != ("because" in remarks):
        raise ValueError(f"{path} ends with '# prints:' and perhaps '# cl-sdk prints:' and '# because: …'")
    theirs = blocks.get("cl-sdk prints", blocks["prints"])
    return Program(path, blocks["prints"], theirs, remarks.get("cl-sdk is not asked"))


PROGRAMS: Final = [program(path) for path in sorted((HERE / "programs").glob("*.py"))]
