"""The reference vectors through the wire format and the emulated stimulator, in no time at all.

What real time adds is tested with a device in another process, in tests/contract/test_contract_device.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from reference_data import VECTORS, channels, needs_vectors

from cl import BurstDesign, StimDesign, StimPlan
from cl._stim.operations import (
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)
from cl._stim.preview_run import preview
from cl._stim.sequencer import Operation
from cl.error import TransactionRejected
from cl.hw.driver.commander import _EXCEPTIONS
from cl.hw.emulator.command_port import result_of
from cl.hw.emulator.stimulator import Stimulator
from cl.hw.wire.commands import decode_operations, encode_transaction, read_header
from cl.hw.wire.layout import SLOT_BYTES
from cl.sim.dish import Dish

START = 1_000_003
"""The frame at which the device's stimulator begins."""
LATENCY = 117
"""Frames from a body to the effect of its commands: they reach the device before their time."""


def arguments(command: dict[str, Any]) -> tuple[Any, ...]:
    design = command["d"] if isinstance(command["d"], (int, float)) else StimDesign(*command["d"])
    burst = BurstDesign(*command["b"]) if "b" in command else None
    return channels(command["ch"]), design, burst, command["lead"]


class Player:
    """Sends a vector's commands over the wire to a stimulator, whose own time is behind them."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.vector = vector
        self.stimulator = Stimulator(Dish(), START)
        self.as_of = 0

    def play(self) -> tuple[list[list[int]], list[list[Any]]]:
        period = 25_000 // self.vector["tps"]
        errors: list[list[Any]] = []
        pulses = []
        for index, command in enumerate(self.vector["cmds"]):
            body = START + (command["t"] + 1) * period
            self.as_of = body + LATENCY
            # The device gives its data in blocks, whether commands come or not.
            pulses += self.stimulator.deliver(body // 25 * 25)
            try:
                self.issue(command)
            except Exception as error:
                errors.append([index, type(error).__name__])
        stop = START + LATENCY + self.vector["ticks"] * period
        pulses += self.stimulator.deliver(stop)
        return sorted([p.timestamp - START - LATENCY, p.channel] for p in pulses), errors

    def issue(self, command: dict[str, Any]) -> None:
        kind = command["k"]
        if kind == "plan":
            self.run_plan(command)
        elif kind in ("int", "sync"):
            self.submit((interrupt_operations if kind == "int" else sync_operations)(channels(command["ch"])))
        else:
            make = stim_operations if kind == "stim" else interrupt_then_stim_operations
            self.submit(make(*arguments(command)))

    def run_plan(self, command: dict[str, Any]) -> None:
        plan = StimPlan(self.submit, preview)
        if "int" in command:
            plan.channels_to_interrupt = channels(command["int"])
        for operation in command["ops"]:
            if operation["k"] == "stim":
                plan.stim(*arguments(operation))
            else:
                plan.sync(channels(operation["ch"]))
        for ahead in command.get("at", [None]):
            plan.run(None if ahead is None else self.as_of + ahead)

    def submit(self, operations: tuple[Operation, ...], at_timestamp: int | None = None) -> None:
        at_step = None if at_timestamp is None else 2 * at_timestamp
        slots = encode_transaction(1, operations, 2 * self.as_of, at_step)
        header = read_header(slots[:SLOT_BYTES])
        taken = decode_operations(slots[SLOT_BYTES:], 0)
        assert header.size == len(operations) == len(taken)
        try:
            self.stimulator.submit(taken, header.step, header.at_step, 2 * (self.as_of - LATENCY))
        except (ValueError, TypeError, RuntimeError) as error:
            # As a result code it travels back, and becomes an exception again.
            raise _EXCEPTIONS.get(result_of(error), TransactionRejected)(str(error)) from None


@needs_vectors
def test_there_are_vectors() -> None:
    assert len(VECTORS) > 100


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in VECTORS])
def test_gives_the_pulses_of_the_reference(vector: dict[str, Any]) -> None:
    assert Player(vector).play() == (vector["expect"], vector.get("errors", []))
