"""The only way up: what a lower room uses of a higher one, loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import Any, Final

UPWARDS: Final = {
    "start_server": "cl.visualisation:start_server",
}
"""Each name, and the module and attribute behind it."""


def from_above(name: str) -> Any:
    """Return what a row of the table names."""
    module, attribute = UPWARDS[name].split(":")
    return getattr(importlib.import_module(module), attribute)
