"""What is opened: a device that can be given an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .device import Device

if TYPE_CHECKING:
    from .engine import Engine


class Attachable(Device, Protocol):
    """A device as it is made, before it has an engine."""

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be told of what happens, and get the parts ready.

        The engine gets its `time`, and its `supply` where no thread of this process is needed for that.
        """
        ...

    def disown(self) -> None:
        """Let go of what this process shares with the one that opened the device: this is a fork of it."""
        ...
