"""A task that is cancelled while its device closes leaves it closed, whatever cancels it."""

from __future__ import annotations

import asyncio
import signal

import anyio
import pytest
import trio
import uvloop

import cl

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.mark.parametrize("factory", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
def test_asyncios_own_cancellation_waits_for_the_close(factory: object) -> None:
    """Ctrl-C and `Task.cancel` come by no scope, and no shield keeps them off."""
    ends = set()

    async def program(left: asyncio.Event) -> None:
        async with cl.aopen() as neurons:
            await neurons.aread(10)
            left.set()

    async def run(turns: int) -> None:
        left = asyncio.Event()
        task = asyncio.create_task(program(left))
        await left.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
            ends.add("closed")
        except asyncio.CancelledError:
            ends.add("cancelled")
        assert not cl._session.opening.is_open(), turns

    for turns in (*range(8), 400):
        with asyncio.Runner(loop_factory=factory) as runner:  # type: ignore[arg-type]
            runner.run(run(turns))
    assert "cancelled" in ends


def test_trios_interrupt_comes_after_the_close() -> None:
    """It comes at any checkpoint of the main task, shielded or not."""

    @trio.lowlevel.enable_ki_protection
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    async def program() -> None:
        async with cl.aopen() as neurons:
            await neurons.aread(10)
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(program, backend="trio")
    assert not cl._session.opening.is_open()
