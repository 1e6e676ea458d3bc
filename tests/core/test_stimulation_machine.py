"""Stimulation through the public API, against the stimulator that walks every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from machines import TIMEOUT, Machine
from naive_stimulator import NaiveStimulator, Refused
from stim_programs import BURSTS, CHANNELS, DESIGNS, LEADS, channel_sets, naively

import cl
from cl.error import TransactionRejected
from cl.sim import DataSourceBatch, Simulator, SimulatorDataSource, SimulatorDataSourceMetadata
from cl.stim import interrupt_operations, interrupt_then_stim_operations, stim_operations, sync_operations


class Silence(SimulatorDataSource):
    """Has nothing to say."""

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(read_timeout_seconds=None)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        return DataSourceBatch()


KINDS = st.sampled_from(["stim", "stim", "interrupt", "interrupt_then_stim", "sync"])
OPERATIONS = {
    "stim": stim_operations,
    "interrupt": interrupt_operations,
    "interrupt_then_stim": interrupt_then_stim_operations,
    "sync": sync_operations,
}


class Stimulation(Machine):
    """Commands one by one and in plans, now and for later, while time goes on by odd numbers of frames."""

    @initialize(
        queue=st.sampled_from([3, 65_536]),
        syncs=st.sampled_from([2, 16_384]),
        ahead=st.sampled_from([1, 1024]),
    )
    def begin(self, queue: int, syncs: int, ahead: int) -> None:
        self._simulator = Simulator(
            Silence,
            accelerated=True,
            channel_queue_limit=queue,
            sync_limit=syncs,
            deferred_interrupt_limit=ahead,
        )
        self._open = cl.open(device=self._simulator)
        self._neurons = self._open.__enter__()
        self._naive = NaiveStimulator(CHANNELS, queue, syncs, ahead)
        self._found: list[tuple[int, int]] = []

    def _arguments(self, kind: str, channels: Any, design: int, burst: int, lead: int) -> tuple[Any, ...]:
        if kind in ("interrupt", "sync"):
            return (channels,)
        chosen, bursts = DESIGNS[design], BURSTS[burst]
        if bursts is not None and bursts.interval_us < 80 + chosen.duration_us:
            bursts = None
        return channels, chosen, bursts, LEADS[lead]

    command = st.tuples(
        KINDS,
        channel_sets,
        st.integers(0, len(DESIGNS) - 1),
        st.integers(0, len(BURSTS) - 1),
        st.integers(0, len(LEADS) - 1),
    )

    def _compare(self, operations: list[Any], at: int | None, do: Any) -> None:
        """Have both take operations, or refuse them for the same reason."""
        refused = None
        step = None if at is None else 2 * at
        try:
            self._naive.run([naively(operation) for operation in operations], step)
        except Refused as error:
            refused = str(error)
        found = None
        try:
            do()
        except TransactionRejected as error:
            found = type(error).__name__
            self.count(found)
        assert found == refused

    @rule(command=command)
    def single(self, command: Any) -> None:
        kind, *rest = command
        arguments = self._arguments(kind, *rest)
        self.count(kind)
        do = getattr(self._neurons, kind)
        self._compare([*OPERATIONS[kind](*arguments)], None, lambda: do(*arguments))

    @rule(
        commands=st.lists(command, min_size=1, max_size=4),
        ahead=st.sampled_from([None, -20, 0, 1, 2, 50, 125, 127, 251, 1000]),
    )
    def plan(self, commands: Any, ahead: int | None) -> None:
        plan, operations = self._neurons.create_stim_plan(), []
        for kind, *rest in commands:
            arguments = self._arguments(kind, *rest)
            getattr(plan, kind)(*arguments)
            operations += OPERATIONS[kind](*arguments)
        at = None if ahead is None else self._neurons.timestamp() + ahead
        self.count("plan")
        self._compare(operations, at, lambda: plan.run(at))

    @rule(frames=st.sampled_from([1, 1, 2, 5, 40, 42, 123, 125, 250, 500]))
    def time_goes_on(self, frames: int) -> None:
        result = self._neurons.read(frames, analysis=True)
        self._found += [(stim.timestamp, stim.channel) for stim in result.stims]
        end = 2 * result.stop_timestamp
        while self._naive.now < end:
            self._naive.step()
        expected = sorted((step // 2, channel) for step, channel, _ in self._naive.pulses if step < end)
        assert self._found == expected
        self.count("frames")

    def teardown(self) -> None:
        if hasattr(self, "_open"):
            self.time_goes_on(700)
            self.count("runs")
            type(self).counts["stims"] += len(self._found)
            self._open.__exit__(None, None, None)


@pytest.mark.timeout(TIMEOUT)
def test_agrees_with_the_naive_stimulator() -> None:
    counts = Stimulation.try_out(examples=30, steps=20)
    assert counts["runs"] >= 30 and counts["stims"] > 200
    assert counts["ChannelQueueFull"] and counts["SyncLimitExceeded"]
