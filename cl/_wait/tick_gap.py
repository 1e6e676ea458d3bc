"""Room between the ticks of wall-clock loops, for background work that would keep Python from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cl._core.host_clock import host_sleep
from cl._values.constants import FRAME_NS

if TYPE_CHECKING:
    from cl._core.engine import Engine, LoopRun
    from cl._core.timebase import Timebase

GAP_S: Final = 0.0008
"""So long before a tick a piece of background work begins, if it takes no longer than some 0.6 ms.

A loop at 1 kHz leaves as much room just behind its ticks; it wakes some 0.15 ms before the next one."""
_BODY_S: Final = 0.00005
"""A tick has been entered so long after it was due; its body keeps Python for as long as it likes."""
_TRIES: Final = 3


def wait_for_tick_gap(engine: Engine) -> None:
    """Nap until no loop is due within `GAP_S`, so that a piece of work in this thread makes no tick late.

    A thread that comes back to Python while another one has it waits until that lets go, for 5 ms at worst.
    Loops whose ticks are too close together to leave such room are not waited for, and several whose ticks
    fill the time only for a moment. In accelerated time nothing is late, and this returns at once.
    """
    if not engine.runs:
        return
    time = engine.time
    for _ in range(_TRIES):
        left = min((_left(time, run) for run in tuple(engine.runs)), default=GAP_S)
        if left >= GAP_S:
            return
        host_sleep(left + _BODY_S)


def _left(time: Timebase, run: LoopRun) -> float:
    """Return the seconds until a loop's next tick, or LULL_S where it leaves no room."""
    period = run.n * FRAME_NS * 1e-9
    if period < GAP_S + 2 * _BODY_S:
        return GAP_S
    left = time.seconds_until(run.due)
    # A tick that was due is running; the one after it is what counts.
    return left if left > 0 else left % period
