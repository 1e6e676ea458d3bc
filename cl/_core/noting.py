"""Putting things into a device's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .device_log import Happening, LogKind, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cl._stim.operations import Operation

    from .engine import Engine
    from .losses import Loss


def note(engine: Engine, happening: Happening) -> None:
    """Put something into the log of a device, and with that into every recording that runs.

    An annotation, for example: `Happening(timestamp, LogKind.ANNOTATION, text, fields=pack({...}))`.
    """
    with engine.lock:
        engine.history.log.add(happening)


def lose(engine: Engine, loss: Loss) -> None:
    """Take note of what a device has lost. Locked."""
    engine.losses.add(loss)
    engine.history.log.add(Happening(loss.start, LogKind.LOSS, loss.what, value=loss.size, until=loss.stop))


def submit_noted(
    engine: Engine,
    operations: Sequence[Operation],
    frame: int,
    at: int | None,
    plan: int,
    submit: Callable[[], int],
) -> None:
    """Have a device elsewhere take operations, and log them with its answer.

    `submit` returns the frame from which on they count; what it raises is the reason why they were refused.
    """
    taken, reason = frame, "interrupted before the device had answered"
    try:
        taken, reason = submit(), ""
    except Exception as error:
        reason = told(error)
        raise
    finally:
        with engine.lock:
            log = engine.history.log
            log.command(frame, operations, taken if at is None else max(at, taken), plan)
            if reason:
                log.refuse(reason)
