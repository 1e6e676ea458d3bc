"""Deliver a single stim and a burst on four channels, and watch them arrive."""

import cl
from cl import BurstDesign, ChannelSet, StimDesign

with cl.open() as neurons:
    # Deliver a single stim
    channel_set = ChannelSet(20, 42, 51, 60)
    stim_design = StimDesign(200, -2.0, 200, 2.0)
    neurons.stim(channel_set, stim_design)

    # Deliver the same stim as a burst of 20 at 40 Hz
    burst_design = BurstDesign(20, 40)
    neurons.stim(channel_set, stim_design, burst_design)

    # Commands only queue: the pulses are delivered as time goes on
    delivered = neurons.read(15_000, analysis=True).stims
    print(f"{len(delivered)} pulses, the first {delivered[0]}, the last {delivered[-1]}")
