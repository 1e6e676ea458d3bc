"""Event streams: several consumers of one device, each an async iterator with a pace of its own.

In accelerated time (CL_SDK_ACCELERATED_TIME=1) every run gives the same lines, whatever the host does.
"""

from __future__ import annotations

import anyio

import cl

SECONDS = 2


async def answer(neurons: cl.Neurons) -> None:
    """Answer every spike on three channels with a pulse: a closed loop without ticks."""
    async with neurons.spikes(channels=[8, 9, 10]) as spikes:
        async for spike in spikes:
            other = spike.channel + 32
            neurons.stim(other, 1.0)
            print(f"spike on channel {spike.channel} at {spike.timestamp}: pulse on channel {other}")


async def keep_diary(neurons: cl.Neurons) -> None:
    """Write the firing rate to a data stream four times a second."""
    rates = neurons.create_data_stream("rates")
    async for tick in neurons.aloop(4):
        rates.append(neurons.timestamp(), 4 * len(tick.analysis.spikes))


async def report(neurons: cl.Neurons, seconds: float) -> None:
    """Look at everything that happens, in the order in which it happened."""
    counts: dict[str, int] = {}
    end = neurons.timestamp() + round(seconds * 25_000)
    async with neurons.events() as events:
        async for event in events:
            if event.timestamp >= end:
                break
            kind = type(event).__name__
            counts[kind] = counts.get(kind, 0) + 1
            if isinstance(event, cl.StreamEntry):
                print(f"{event.stream_name} at {event.timestamp}: {event.data}")
        print(f"in {seconds} s: {counts}, missed: {events.statistics().missed}")


async def main() -> None:
    async with cl.aopen() as neurons, anyio.create_task_group() as consumers:
        consumers.start_soon(answer, neurons)
        consumers.start_soon(keep_diary, neurons)
        await report(neurons, SECONDS)
        consumers.cancel_scope.cancel()

    # A look back: streams can begin in the history, and blocks of frames come as a stream, too.
    async with cl.aopen() as neurons:
        await neurons.asleep(1)
        end = neurons.timestamp()
        async with neurons.frames(5_000, from_timestamp=0) as blocks:
            async for frames in blocks:
                print(
                    f"frames before {blocks.timestamp}: {frames.shape}, standard deviation {frames.std():.1f}"
                )
                if blocks.timestamp >= end:
                    break


if __name__ == "__main__":
    anyio.run(main)
