"""Time for users' sources on a machine that may keep any thread from running for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cl.sim.user.caller import Caller
from cl.sim.user.worker import Call

_LOOK_S = 0.005
"""How often is looked whether a source hangs by now."""


def never() -> bool:
    """Say of a source that it does not hang."""
    return False


@contextmanager
def unhurried(hangs: Callable[[], bool] = never) -> Iterator[None]:
    """Let a source's time to answer run only while it `hangs`, not while its thread waits for the host.

    So what a test has hang is what runs out of time, and nothing else, however short that time is.
    """
    wait, elapsed = Call.wait, Caller._elapsed

    def patient_wait(call: Call, timeout: float) -> bool:
        while not hangs():
            if wait(call, _LOOK_S):
                return True
        return wait(call, timeout)

    def patient_elapsed(caller: Caller, running: tuple[str, float]) -> float:
        return elapsed(caller, running) if hangs() else 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "wait", patient_wait)
        patch.setattr(Caller, "_elapsed", patient_elapsed)
        yield
