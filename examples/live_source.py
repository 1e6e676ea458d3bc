"""A live source: an asyncio task that sends packets, as it would those of another program or a network.

python examples/live_source.py
CL_SDK_ACCELERATED_TIME=1 python examples/live_source.py

A live source is not asked: it emits when it has something, from a thread, a process or, as here, a
task. An async `start` runs on an event loop of its own and is cancelled when the device closes. An emission
waits while the buffer is full, so that it is the device's clock which sets the pace.
"""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

import cl
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    LiveDataSink,
    LiveSimulatorDataSource,
    set_simulator_data_source,
)

PACKET_FRAMES = 25
PULSES = 10
CHANNEL = 20


class Packets(LiveSimulatorDataSource):
    """Packets of a millisecond of noise; a pulse is answered in the next packet."""

    def __init__(self) -> None:
        # The smaller the buffer, the sooner is an answer what the device reads next.
        super().__init__(max_buffer_frames=2 * PACKET_FRAMES, supports_accelerated=True)
        self.stims: deque[DataSourceStim] = deque()
        self.packets = 0

    async def start(self, sink: LiveDataSink) -> None:
        rng = np.random.default_rng(5)
        try:
            while True:
                frames = rng.normal(0, 8, (PACKET_FRAMES, 64)).astype(np.int16)
                spikes = [DataSourceSpike(sink.next_timestamp, s.channel) for s in self.heard()]
                await sink.aemit_batch(DataSourceBatch(frames, spikes))
                self.packets += 1
        finally:
            print("the device has closed, and the task was cancelled")

    def heard(self) -> list[DataSourceStim]:
        """Take the pulses that came since the last packet."""
        return [self.stims.popleft() for _ in range(len(self.stims))]

    def on_stim(self, stim: DataSourceStim) -> None:
        # Called by the device, in another thread: a deque may be used from both.
        self.stims.append(stim)


async def main() -> None:
    source = Packets()
    set_simulator_data_source(lambda: source)
    stims: list[int] = []
    latencies: list[int] = []
    async with cl.aopen() as neurons:
        async for tick in neurons.aloop(ticks_per_second=1000, stop_after_ticks=50 * PULSES):
            if tick.iteration % 50 == 10:
                neurons.stim(CHANNEL, 1.0)
            stims += [stim.timestamp for stim in tick.analysis.stims]
            for spike in tick.analysis.spikes:
                latencies.append(spike.timestamp - stims[-1])
    print(f"{len(latencies)} of {len(stims)} pulses were answered")
    print(f"latency in the data: {sum(latencies) / len(latencies) / 25:.1f} ms on average")
    print(f"{source.packets} packets")


asyncio.run(main())
