"""What the environment says of every device, and goes along with the runs wherever they are made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from cl._core.variables import read_variables

_BUDGET: Final = "CL_STIM_BUDGET"
_FILES: Final = (_BUDGET, "CL_CULTURE")
CARRIED: Final = (*_FILES, "CL_STIM_WARNINGS", "CL_STIM_WATCHDOG_SECONDS")
"""The variables for which `Simulator` has no arguments."""


def carried() -> dict[str, str]:
    """Return those that are set, here or in `.env`, by their names; files by their absolute paths."""
    found = read_variables()
    said = {name: found.get(name, "").strip() for name in CARRIED}
    return {name: os.path.abspath(text) if name in _FILES else text for name, text in said.items() if text}


def put(variables: Mapping[str, str]) -> None:
    """Have this process, which is a worker, go by these and not by its own."""
    for name in CARRIED:
        os.environ.pop(name, None)
    os.environ.update(variables)


def limiting(variables: Mapping[str, str]) -> list[str]:
    """Return what tells runs apart: budgets refuse what an experiment does, so their content counts."""
    path = variables.get(_BUDGET)
    return [] if path is None else [sha256(Path(path).read_bytes()).hexdigest()]
