"""The same program for the simulator, a device at hand, and one elsewhere; it says what the way there costs.

On the simulator, or a device of this machine:

    python examples/across_the_network.py
    CL_DEVICE=unix:/tmp/cl1.sock python examples/across_the_network.py

On a device that another machine serves (here: this one), in a terminal of its own:

    python -m cl serve --port 8125
    CL_DEVICE=ws://127.0.0.1:8125 python examples/across_the_network.py

A CL1 as it ships is served by its own Python: `python cl1_bridge.py --port 8125`. Nothing in the program
knows which of them it is. A loop pays a round trip for each answer; a plan that is given its time ahead is
exact across any of them.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median

import cl

SECONDS = 1
AHEAD = 12_500
"""Frames that a plan is given ahead: half a second, more than any way there takes."""
PULSE = cl.StimDesign(160, -1.0, 160, 1.0)


def answer_spikes(neurons: cl.Neurons) -> str:
    """Answer spikes in a loop, and return how long that took in device time, from spike to pulse."""
    asked: dict[int, int] = {}
    latencies = []
    for tick in neurons.loop(200, stop_after_seconds=SECONDS, ignore_jitter=True):
        for stim in tick.analysis.stims:
            if stim.channel in asked:
                latencies.append((stim.timestamp - asked.pop(stim.channel)) * 0.04)
        for spike in tick.analysis.spikes:
            if spike.channel not in asked:
                asked[spike.channel] = spike.timestamp
                neurons.stim(spike.channel, PULSE)
    neurons.interrupt(cl.ChannelSet(range(64)))
    return f"{median(latencies):.1f} ms in the median of {len(latencies)}" if latencies else "no spikes"


def stimulate_at(neurons: cl.Neurons) -> str:
    """Stimulate at times that were chosen ahead, and return by how many frames it missed them."""
    plan = neurons.create_stim_plan()
    plan.stim(cl.ChannelSet(8, 9), PULSE)
    at = neurons.timestamp() + AHEAD
    plan.run(at_timestamp=at)
    stims = neurons.read(AHEAD + 250, at - AHEAD, analysis=True).stims
    missed = {stim.timestamp - (at + 2) for stim in stims if stim.channel in (8, 9) and stim.timestamp >= at}
    return f"off by {sorted(missed)} frames"


async def command_from_a_task() -> str:
    """Give commands from a task, and return how long it waited for each."""
    async with cl.aopen() as neurons:
        times = []
        for _ in range(20):
            before = time.perf_counter()
            await neurons.astim(12, PULSE)
            times.append((time.perf_counter() - before) * 1000)
            await neurons.asleep(0.01)
        await neurons.ainterrupt(12)
    return f"{median(times):.2f} ms in the median"


attributes = cl.get_system_attributes()
print(f"{'simulator' if cl.is_simulator() else 'device'} {attributes['system_id']}")
with cl.open() as neurons:
    recording = neurons.record(file_suffix="across")
    print(f"from spike to pulse: {answer_spikes(neurons)}")
    print(f"at a time given ahead: {stimulate_at(neurons)}")
    recording.stop()
with recording.open() as view:
    lost = view.attributes.get("frames_lost", 0)
    print(f"recorded: {len(view.samples)} frames, {lost} lost, {len(view.stims)} stims")
print(f"a command of a task: {asyncio.run(command_from_a_task())}")
