"""Plans as long as programs make them, on the emulator, and with sides that speak earlier versions."""

from __future__ import annotations

import pytest
from hw_tools import PatientEmulator, linked

import cl
from cl._stim.operations import Operation, stim_operations, sync_operations
from cl.error import TransactionRejected
from cl.hw.driver import session
from cl.hw.wire.layout import RegionKind

LONG = 32_768


def long_plan() -> list[Operation]:
    """Return as many operations as a device takes for sure, no two stims in a row alike."""
    designs = [cl.StimDesign(160, -x / 1000, 160, x / 1000) for x in range(1000, 1500)]
    operations: list[Operation] = []
    for number in range(LONG):
        channel = 8 + number % 40
        operations += (
            sync_operations(channel) if number % 11 == 0 else stim_operations(channel, designs[number % 500])
        )
    return operations


def test_a_device_takes_a_plan_of_32768_operations() -> None:
    with PatientEmulator() as emulator, linked(emulator.address) as (link, watching):
        before = link.posted
        link.submit(long_plan(), 0)
        link.waiter.wait(before + 5_000, 10)
        assert not watching.errors and link.error is None


@pytest.mark.parametrize(("minor", "most"), [(0, 16_383), (1, 16_383), (2, 65_535)])
def test_a_driver_of_an_earlier_version_gets_the_ring_that_it_knows(
    minor: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "VERSION_MINOR", minor)
    with PatientEmulator() as emulator, linked(emulator.address) as (link, _):
        assert link.facts.version == (1, minor)
        assert RegionKind.COMMANDS in link._session.regions
        link.submit(stim_operations(9, 1.0) * most, 0)
        with pytest.raises(TransactionRejected, match=f"takes at most {most}"):
            link.submit(stim_operations(9, 1.0) * (most + 1), 0)
