"""A device in a process of its own: the far side of PROTOCOL.md, in real time.

`python -m cl.hw.emulator --socket PATH` runs one; `EmulatorProcess` runs it as a child.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from .spawn import EmulatorProcess

__all__ = ["EmulatorProcess"]

# The emulator itself has no use for what it takes to start one.
__getattr__, __dir__ = lazy_names(__name__, {"EmulatorProcess": ".spawn"})
