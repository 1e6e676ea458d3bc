"""Time for users' sources and devices on a machine that may keep any of them from running for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

import cl
from cl.sim.user.caller import Caller
from cl.sim.user.worker import Call

_LOOK_S = 0.005
"""How often is looked whether a source hangs by now."""


def wait_for_devices(patch: pytest.MonkeyPatch, seconds: float = 30.0) -> None:
    """Let programs wait so long for what a device at hand answers, and not for a second only.

    An emulator is a process that may be kept from running for longer. What is promised has tests of its own.
    """
    from cl.hw.driver.link import Link
    from cl.hw.driver.report import report
    from cl.hw.driver.session import Session

    for call in (Link.__init__, Session.__init__, report):
        before = call.__defaults__
        assert before is not None
        patch.setattr(call, "__defaults__", (*before[:-1], seconds))


def wait_for_servers(patch: pytest.MonkeyPatch, seconds: float = 30.0) -> None:
    """Let programs wait so long for a server to answer, to be there again, and to say goodbye.

    It may be kept from running for longer than what is promised, which has tests of its own.
    """
    for name in ("CONNECT_S", "ANSWER_S", "_AGAIN_S", "_ATTEMPT_S", "_LEAVE_S"):
        patch.setattr(f"cl.net.link.{name}", seconds)


def run_ahead(neurons: cl.Neurons, plan: cl.StimPlan, frames: int) -> int:
    """Run a plan so many frames ahead of a frame, which is returned, and have it be taken before its time.

    A plan that comes late, since a process has stood still, is carried out at once: then it is run again.
    """
    while True:
        start = neurons.timestamp()
        plan.run(at_timestamp=start + frames)
        now = time.monotonic_ns()
        if now < neurons.host_ns(start + frames) - neurons.clock_error_ns():
            return start
        with suppress(cl.LaggedError):  # It stood still for longer than frames are kept.
            neurons.read(1_000, neurons.timestamp_at(now) + frames)


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
