"""The same program for the simulator and for a device: answer spikes, record, and say how it went.

On the simulator:

    python examples/device_or_simulator.py

On a device, here the emulator of one, in a terminal of its own:

    python -m cl.hw.emulator --socket /tmp/cl1.sock
    CL_DEVICE=unix:/tmp/cl1.sock python examples/device_or_simulator.py

Nothing in the program knows which of them it is.
"""

from __future__ import annotations

from collections import Counter

import cl

SECONDS = 1
PULSE = cl.StimDesign(160, -1.0, 160, 1.0)

attributes = cl.get_system_attributes()
print(f"{'simulator' if cl.is_simulator() else 'device'} {attributes['system_id']}")

spikes: Counter[int] = Counter()
latencies: list[int] = []
asked: dict[int, int] = {}
"""By channel: the spike that the next stim there answers."""

with cl.open() as neurons:
    recording = neurons.record(file_suffix="answers", stop_after_seconds=SECONDS)
    # On a device a body that takes too long raises a TimeoutError. A machine that emulator and program share
    # is busy at times; with a device of your own leave the tolerance at 0.
    loop = neurons.loop(1000, stop_after_seconds=SECONDS, jitter_tolerance_frames=20_000)
    for tick in loop:
        for spike in tick.analysis.spikes:
            spikes[spike.channel] += 1
            if spike.channel not in asked:
                asked[spike.channel] = spike.timestamp
                neurons.stim(spike.channel, PULSE)
        for stim in tick.analysis.stims:
            latencies.append(stim.timestamp - asked.pop(stim.channel))
    recording.wait_until_stopped()

latencies.sort()
print(f"{spikes.total()} spikes on {len(spikes)} channels, {len(latencies)} answered")
if latencies:  # a machine that stands still for the second sees no answer
    print(f"from spike to pulse: {latencies[len(latencies) // 2] * 0.04:.2f} ms in the median")
print(f"the loop: {loop.statistics()}")
with recording.open() as view:
    print(f"recorded: {len(view.samples)} frames, {len(view.spikes)} spikes, {len(view.stims)} stims")
