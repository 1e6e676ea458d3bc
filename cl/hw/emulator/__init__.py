"""A device in a process of its own: the far side of PROTOCOL.md, in real time.

`python -m cl.hw.emulator --socket PATH` runs one; `EmulatorProcess` runs it as a child.
"""

from __future__ import annotations

from .spawn import EmulatorProcess

__all__ = ["EmulatorProcess"]
