"""Putting into a device's log what is no command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device_log import Happening
    from .engine import Engine


def note(engine: Engine, happening: Happening) -> None:
    """Put something into the log of a device, and with that into every recording that runs.

    An annotation, for example: `Happening(timestamp, LogKind.ANNOTATION, text, fields=pack({...}))`.
    """
    with engine.lock:
        engine.history.log.add(happening)
