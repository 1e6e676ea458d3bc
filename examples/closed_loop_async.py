"""Three tasks on one device: a fast controller, a slow supervisor, and a task that sleeps on device time.

python examples/closed_loop_async.py
CL_SDK_ACCELERATED_TIME=1 python examples/closed_loop_async.py
"""

from __future__ import annotations

import asyncio

import cl

SECONDS = 3
PULSE = cl.StimDesign(160, -1.0, 160, 1.0)


class Experiment:
    """What the tasks share."""

    def __init__(self, neurons: cl.Neurons) -> None:
        self.neurons = neurons
        self.spikes = 0
        self.stims = 0
        self.enabled = True

    async def control(self) -> None:
        """Answer spikes within a millisecond."""
        loop = self.neurons.aloop(ticks_per_second=1000, stop_after_seconds=SECONDS)
        async for tick in loop:
            self.stims += len(tick.analysis.stims)
            for spike in tick.analysis.spikes:
                self.spikes += 1
                if self.enabled:
                    self.neurons.stim(spike.channel, PULSE)
        print(f"controller: {loop.statistics()}")

    async def supervise(self) -> None:
        """Look at the whole, twice a second."""
        async for tick in self.neurons.aloop(ticks_per_second=2, stop_after_seconds=SECONDS):
            print(f"{(tick.iteration + 1) / 2:4.1f} s: {self.spikes} spikes, {self.stims} stims")

    async def pause(self) -> None:
        """Switch stimulation off for the middle second."""
        await self.neurons.asleep(1)
        self.enabled = False
        await self.neurons.asleep(1)
        self.enabled = True


async def main() -> None:
    async with cl.aopen() as neurons, asyncio.TaskGroup() as tasks:
        experiment = Experiment(neurons)
        tasks.create_task(experiment.control())
        tasks.create_task(experiment.supervise())
        tasks.create_task(experiment.pause())
    print(f"done: {experiment.spikes} spikes, {experiment.stims} stims")


asyncio.run(main())
