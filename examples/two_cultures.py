"""Two cultures on one virtual time, and one controller: each is told of what the other does.

A burst of spikes in one culture is answered with a pulse to the other one. Both live on one clock, so that a
run is the same every time, whatever the host does; the timestamps of both count from the same moment.

python examples/two_cultures.py
python examples/two_cultures.py --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio

import cl
from cl.sim import Simulator

TICKS_PER_SECOND = 100
WANTED_SPIKES = 5
ELECTRODE = 27


class Coupling:
    """What the two have to do with each other."""

    def __init__(self) -> None:
        self.spikes = {"left": 0, "right": 0}
        self.pulses: list[tuple[int, str]] = []

    async def couple(self, name: str, neurons: cl.Neurons, other: cl.Neurons, seconds: float) -> None:
        """Listen to one culture, and stimulate the other one."""
        loop = neurons.aloop(TICKS_PER_SECOND, stop_after_seconds=seconds)
        async for tick in loop:
            spikes = len(tick.analysis.spikes)
            self.spikes[name] += spikes
            if spikes >= WANTED_SPIKES:
                # Both stand at this moment: the pulse begins now in the other culture, too.
                other.stim(ELECTRODE, 1.0)
                self.pulses.append((other.timestamp(), name))


async def main(seconds: float) -> None:
    time = cl.VirtualTime()
    left, right = (
        Simulator("cl.sim.culture:create", seed=seed, time=time, name=name)
        for seed, name in ((1, "left"), (2, "right"))
    )
    coupling = Coupling()
    async with cl.aopen(device=left) as one, cl.aopen(device=right) as two, asyncio.TaskGroup() as tasks:
        with time.hold("starting"):
            tasks.create_task(coupling.couple("left", one, two, seconds))
            tasks.create_task(coupling.couple("right", two, one, seconds))
    for name, spikes in coupling.spikes.items():
        pulses = sum(1 for _, giver in coupling.pulses if giver == name)
        print(f"{name}: {spikes} spikes, which gave {pulses} pulses to the other one")
    print("the first five:", coupling.pulses[:5])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    asyncio.run(main(parser.parse_args().seconds))
