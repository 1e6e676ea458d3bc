"""What an open device shows in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cl._values.constants import FRAMES_PER_SECOND
from cl._values.html import face, number

if TYPE_CHECKING:
    from cl._core.engine import Engine


def of_neurons(engine: Engine, recordings: Sequence[Any], streams: Sequence[Any], in_control: bool) -> str:
    """Return what `Neurons` shows: the device, where it is in time, and what runs on it."""
    info = engine.device.info
    facts: dict[str, object] = {"state": _state(engine)}
    if engine.is_open():
        seconds = (engine.position - engine.start) / FRAMES_PER_SECOND
        clock = "" if engine.time.clock is not None else ", in accelerated time"
        facts |= {
            "time": f"{number(seconds)} s since it was opened (timestamp {number(engine.position)}){clock}",
            "control": "yes" if in_control else "no: it is looked at",
            "loops": _list([_loop(run.loop) for run in tuple(engine.runs)]),
            "recordings": _list([recording.file["name"] for recording in recordings]),
            "data streams": _list([stream.name for stream in streams]),
        }
    return face("Neurons", info.name, facts)


def _state(engine: Engine) -> str:
    if engine.failure is not None:
        return f"failed: {engine.failure}"
    return (engine.inherited or "closed") if engine.closed else "open"


def _loop(loop: Any) -> str:
    found = loop.statistics()
    rate = f"{FRAMES_PER_SECOND / loop.frames_per_tick:g}/s"
    return f"{rate} ({number(found.count)} ticks, p99 {found.p99_us:.0f} µs late)"


def _list(names: Sequence[str]) -> str | None:
    return ", ".join(names) if names else None
