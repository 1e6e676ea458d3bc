"""What a tick of a loop costs where loops are many: as much as where they are few."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import cl

pytestmark = pytest.mark.usefixtures("accelerated")
PACKAGE = str(Path(cl.__file__).parent)
FEW, MANY = 10, 300


async def loops(count: int, ticks: int) -> None:
    async def one(neurons: cl.Neurons) -> None:
        async for _ in neurons.aloop(100, stop_after_ticks=ticks):
            pass

    async with cl.aopen() as neurons:
        with neurons.hold("starting"):
            tasks = [asyncio.create_task(one(neurons)) for _ in range(count)]
            for _ in range(2):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)


def instructions(count: int, ticks: int) -> int:
    """Return how many instructions of Python's the package's own code runs for so many loops."""
    found = 0

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return step

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal found
        found += event == "opcode"
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        asyncio.run(loops(count, ticks))
    finally:
        sys.settrace(before)
    return found


def tick(count: int) -> float:
    """Return how many of them a tick takes, without what a loop's beginning and end do."""
    few, more = 2, 6
    return (instructions(count, more) - instructions(count, few)) / (count * (more - few))


@pytest.mark.usefixtures("standing_host_clock")
def test_a_tick_of_one_of_many_loops_takes_as_many_instructions_as_of_one_of_few() -> None:
    assert tick(MANY) < 1.3 * tick(FEW)


@pytest.mark.usefixtures("standing_host_clock")
def test_a_loop_begins_and_ends_in_as_many_instructions_among_many_as_among_few() -> None:
    assert instructions(MANY, 1) / MANY < 1.3 * instructions(FEW, 1) / FEW
