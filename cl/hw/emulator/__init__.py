"""A device in a process of its own: the far side of PROTOCOL.md, in real time.

`python -m cl.hw.emulator --socket PATH` runs one; `EmulatorProcess` runs it as a child.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .spawn import EmulatorProcess

__all__ = ["EmulatorProcess"]


def __getattr__(name: str) -> Any:
    # The emulator itself has no use for what it takes to start one.
    if name == "EmulatorProcess":
        from .spawn import EmulatorProcess

        return EmulatorProcess
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
