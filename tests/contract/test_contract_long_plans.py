"""Long plans: what programs that were written for a device queue at once (contract, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from test_contract_device import emulators, read_stims

import cl
from cl.error import ChannelQueueFull, SyncLimitExceeded

STIMS, SYNCS = 22_209, 2_250
CHANNELS = [channel for channel in range(64) if channel not in (0, 4, 7, 56, 63)]


def add_rounds(plan: cl.StimPlan) -> Counter[int]:
    """Add rounds of nine or ten stims, each ended by a sync of their channels; return how many each has."""
    counts: Counter[int] = Counter()
    for number in range(SYNCS):
        first, size = number * 10, 9 + (number < STIMS - 9 * SYNCS)
        group = [CHANNELS[at % len(CHANNELS)] for at in range(first, first + size)]
        for channel in group:
            plan.stim(channel, 1.0)
        plan.sync(cl.ChannelSet(group))
        counts.update(group)
    assert counts.total() == STIMS
    return counts


@pytest.mark.usefixtures("accelerated")
def test_a_plan_made_for_a_device_runs_on_the_simulator() -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        counts = add_rounds(plan)
        plan.run()
        delivered: Counter[int] = Counter()
        while delivered.total() < STIMS:
            found = neurons.read(25_000, analysis=True)
            assert found.stims
            delivered.update(stim.channel for stim in found.stims)
        assert delivered == counts


@pytest.fixture
def address() -> Iterator[str]:
    yield from emulators()


def test_a_plan_made_for_a_device_runs_on_the_emulator(address: str) -> None:
    with cl.open(device=address) as neurons:
        plan = neurons.create_stim_plan()
        add_rounds(plan)
        start = neurons.timestamp()
        plan.run()
        # The first rounds are for different channels each, so they begin together, when the device takes it.
        found, _ = read_stims(neurons, start, 51)
        assert found[50].timestamp - found[0].timestamp < 12_500
        neurons.interrupt(cl.ChannelSet(CHANNELS))


@pytest.mark.usefixtures("accelerated")
def test_the_limits_of_a_simulator() -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        for _ in range(16_385):  # the first one's channels are at its sync already
            plan.stim(cl.ChannelSet(8, 9), 1.0)
        plan.run()
        with pytest.raises(SyncLimitExceeded, match="16384"):
            neurons.stim(cl.ChannelSet(8, 9), 1.0)
        plan = neurons.create_stim_plan()
        for _ in range(65_537):
            plan.stim(11, 1.0)
        with pytest.raises(ChannelQueueFull, match="65536"):
            plan.run()
        neurons.interrupt(cl.ChannelSet(8, 9))
