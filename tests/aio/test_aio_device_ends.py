"""What a device that was closed leaves behind in a virtual time that others share: nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

import cl
from cl._core.virtual_time import VirtualTime
from cl.sim import Simulator

Leave = Callable[[cl.Neurons], object]


def sleep(neurons: cl.Neurons) -> object:
    """Leave the hold of a read."""
    return neurons.read(500)


def begin_a_loop(neurons: cl.Neurons) -> object:
    """Leave a loop that was begun and not ended."""
    loop = iter(neurons.loop(100, stop_after_ticks=50))
    next(loop)
    return loop


def begin_to_hold(neurons: cl.Neurons) -> object:
    """Leave a hold that was taken and not given back."""
    hold: AbstractContextManager[None] = neurons.hold("left behind")
    hold.__enter__()
    return hold


@pytest.mark.parametrize("leave", [sleep, begin_a_loop, begin_to_hold])
def test_what_a_closed_device_held_is_free_for_the_others(leave: Leave) -> None:
    time = VirtualTime()
    ticks: list[int] = []
    begun, may_go_on = threading.Event(), threading.Event()

    def loop(neurons: cl.Neurons) -> None:
        for tick in neurons.loop(100, stop_after_ticks=5):
            ticks.append(tick.iteration_timestamp)
            begun.set()
            may_go_on.wait()

    with cl.open(device=Simulator(seed=1, time=time)) as lasting:
        other = threading.Thread(target=loop, args=(lasting,))
        with cl.open(device=Simulator(seed=2, time=time)) as closed:
            other.start()
            begun.wait()
            may_go_on.set()
            left = leave(closed)
        # The thread still lives, and has what it left in its hands.
        other.join(20)
        assert not other.is_alive(), lasting._engine.time.holders()
        assert left is not None
        assert lasting._engine.time.holders() == []
    assert [later - ticks[0] for later in ticks] == [0, 250, 500, 750, 1_000]


def test_a_loop_on_another_device_goes_on_to_hold() -> None:
    time = VirtualTime()
    with cl.open(device=Simulator(seed=1, time=time)) as lasting:
        for _ in lasting.loop(100, stop_after_ticks=3):
            with cl.open(device=Simulator(seed=2, time=time)) as closed:
                closed.read(10)
            (holder,) = lasting._engine.time.holders()
            assert holder.startswith("read of")
        assert lasting._engine.time.holders() == []


def test_giving_back_a_hold_of_a_closed_device_changes_nothing() -> None:
    time = VirtualTime()
    with cl.open(device=Simulator(seed=1, time=time)) as lasting:
        with cl.open(device=Simulator(seed=2, time=time)) as closed:
            hold = closed.hold("closed")
            hold.__enter__()
        with lasting.hold("lasting"):
            hold.__exit__(None, None, None)
            assert lasting._engine.time.holders() == ["lasting"]
        assert lasting.read(100).shape == (100, 64)
