"""StimPlan: what it takes, what it hands on, and what it leaves as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cl._stim.preview_run import preview
from cl.error import ChannelQueueFull
from cl.stim import (
    BurstDesign,
    ChannelSet,
    InterruptOperation,
    Operation,
    StimDesign,
    StimOperation,
    StimPlan,
    SyncOperation,
)

DESIGN = StimDesign(160, -1.0, 160, 1.0)


class FakeDevice:
    """Keeps what plans submit; refuses it when told to."""

    def __init__(self) -> None:
        self.submitted: list[tuple[tuple[Operation, ...], int | None]] = []
        self.full = False

    def submit(self, operations: tuple[Operation, ...], at_timestamp: int | None) -> None:
        if self.full:
            raise ChannelQueueFull("channel 8")
        self.submitted.append((operations, at_timestamp))


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def plan(device: FakeDevice) -> StimPlan:
    return StimPlan(device.submit, preview)


def kinds(operations: tuple[Operation, ...]) -> list[tuple[type, tuple[int, ...]]]:
    return [(type(operation), operation.channels) for operation in operations]


def test_a_run_submits_everything_in_order(device: FakeDevice, plan: StimPlan) -> None:
    plan.stim(8, DESIGN, BurstDesign(2, 100), lead_time_us=160)
    plan.sync(ChannelSet(8, 9))
    plan.interrupt(9)
    plan.interrupt_then_stim(10, 1.5)
    plan.channels_to_interrupt = ChannelSet(8, 11)
    plan.run()
    plan.run(at_timestamp=np.int64(500))  # type: ignore[arg-type]
    (operations, now), (again, later) = device.submitted
    assert (now, later) == (None, 500)
    assert again == operations
    assert type(later) is int
    assert kinds(operations) == [
        (InterruptOperation, (8, 11)),
        (StimOperation, (8,)),
        (SyncOperation, (8, 9)),
        (InterruptOperation, (9,)),
        (InterruptOperation, (10,)),
        (StimOperation, (10,)),
    ]


@pytest.mark.parametrize(
    ("given", "kept"), [(8, ChannelSet(8)), (ChannelSet(8, 9), ChannelSet(8, 9)), (None, None)]
)
def test_channels_to_interrupt(device: FakeDevice, plan: StimPlan, given: Any, kept: Any) -> None:
    assert plan.channels_to_interrupt is None
    plan.channels_to_interrupt = ChannelSet(1)
    plan.channels_to_interrupt = given
    assert plan.channels_to_interrupt == kept
    plan.run()
    operations, _ = device.submitted[0]
    assert kinds(operations) == ([(InterruptOperation, tuple(kept))] if kept else [])


@pytest.mark.parametrize(
    "add",
    [
        lambda plan: plan.stim(64, DESIGN),
        lambda plan: plan.stim(8, "strong"),
        lambda plan: plan.stim(8, DESIGN, None, 90),
        lambda plan: plan.interrupt("8"),
        lambda plan: plan.interrupt_then_stim(8, 9.0),
        lambda plan: plan.sync([8, 9]),
        lambda plan: setattr(plan, "channels_to_interrupt", "8"),
        lambda plan: setattr(plan, "channels_to_interrupt", 64),
        lambda plan: plan.run("soon"),
        lambda plan: plan.run(1.5),
        lambda plan: plan.run(True),
        lambda plan: plan.run(10**30),
    ],
)
def test_what_is_refused_leaves_the_plan_as_it_was(device: FakeDevice, plan: StimPlan, add: Any) -> None:
    plan.stim(8, DESIGN)
    plan.channels_to_interrupt = 9
    with pytest.raises((TypeError, ValueError)):
        add(plan)
    assert device.submitted == []
    plan.sync(8)
    plan.run()
    operations, _ = device.submitted[0]
    assert kinds(operations) == [(InterruptOperation, (9,)), (StimOperation, (8,)), (SyncOperation, (8,))]


def test_a_time_before_all_frames_reaches_the_device_as_the_first(device: FakeDevice, plan: StimPlan) -> None:
    """What goes to a device over the wire cannot be negative; it is in the past all the same."""
    plan.stim(8, DESIGN)
    for at in (-(10**30), -1, 0, 1, 2**62):
        plan.run(at_timestamp=at)
    assert [at for _, at in device.submitted] == [0, 0, 0, 1, 2**62]


def test_the_first_run_freezes_the_plan(device: FakeDevice, plan: StimPlan) -> None:
    plan.stim(8, DESIGN)
    plan.preview()
    plan.run()
    changes: list[Any] = [
        lambda: plan.stim(8, DESIGN),
        lambda: plan.interrupt(8),
        lambda: plan.interrupt_then_stim(8, DESIGN),
        lambda: plan.sync(8),
        lambda: setattr(plan, "channels_to_interrupt", 8),
        lambda: setattr(plan, "channels_to_interrupt", None),
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="cannot be changed"):
            change()
    plan.run()
    assert device.submitted[0] == device.submitted[1]


def test_a_run_that_is_refused_changes_nothing(device: FakeDevice, plan: StimPlan) -> None:
    plan.stim(8, DESIGN)
    device.full = True
    with pytest.raises(ChannelQueueFull):
        plan.run()
    device.full = False
    plan.stim(9, DESIGN)
    plan.run()
    assert kinds(device.submitted[0][0]) == [(StimOperation, (8,)), (StimOperation, (9,))]
