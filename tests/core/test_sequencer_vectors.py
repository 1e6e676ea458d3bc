"""The sequencer against the pulses of a reference device (`stim_vectors.json`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from reference_data import VECTORS, channels, needs_vectors

from cl._stim.preview_run import preview
from cl._stim.sequencer import Sequencer
from cl.stim import (
    BurstDesign,
    Operation,
    StimDesign,
    StimPlan,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)


def stim_arguments(command: dict[str, Any]) -> tuple[Any, ...]:
    design = command["d"] if isinstance(command["d"], (int, float)) else StimDesign(*command["d"])
    burst = BurstDesign(*command["b"]) if "b" in command else None
    return channels(command["ch"]), design, burst, command["lead"]


class Player:
    """Issues the commands of a vector to a sequencer, at the times a loop's bodies would."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.vector = vector
        self.sequencer = Sequencer()
        self.timestamp = 0

    def play(self) -> tuple[list[list[int]], list[list[Any]]]:
        pulses = []
        errors = []
        frames_per_tick = 25_000 // self.vector["tps"]
        stop = self.vector["ticks"] * frames_per_tick
        for index, command in enumerate(self.vector["cmds"]):
            self.timestamp = (command["t"] + 1) * frames_per_tick
            pulses += self.sequencer.advance(2 * self.timestamp)
            try:
                self.issue(command)
            except Exception as error:
                errors.append([index, type(error).__name__])
        pulses += self.sequencer.advance(2 * stop)
        return sorted([pulse.timestamp, pulse.channel] for pulse in pulses if pulse.timestamp < stop), errors

    def issue(self, command: dict[str, Any]) -> None:
        kinds: dict[str, Callable[[], tuple[Operation, ...]]] = {
            "stim": lambda: stim_operations(*stim_arguments(command)),
            "its": lambda: interrupt_then_stim_operations(*stim_arguments(command)),
            "int": lambda: interrupt_operations(channels(command["ch"])),
            "sync": lambda: sync_operations(channels(command["ch"])),
        }
        if command["k"] == "plan":
            self.run_plan(command)
        else:
            self.submit(kinds[command["k"]](), None)

    def run_plan(self, command: dict[str, Any]) -> None:
        plan = StimPlan(self.submit, preview)
        if "int" in command:
            plan.channels_to_interrupt = channels(command["int"])
        for operation in command["ops"]:
            if operation["k"] == "stim":
                plan.stim(*stim_arguments(operation))
            else:
                plan.sync(channels(operation["ch"]))
        for ahead in command.get("at", [None]):
            plan.run(None if ahead is None else self.timestamp + ahead)

    def submit(self, operations: tuple[Operation, ...], at_timestamp: int | None) -> None:
        at_step = None if at_timestamp is None else 2 * at_timestamp
        self.sequencer.submit(operations, 2 * self.timestamp, at_step)


@needs_vectors
def test_there_are_vectors() -> None:
    assert len(VECTORS) > 100


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["id"]) for vector in VECTORS])
def test_gives_the_pulses_of_the_reference(vector: dict[str, Any]) -> None:
    assert Player(vector).play() == (vector["expect"], vector["errors"])
