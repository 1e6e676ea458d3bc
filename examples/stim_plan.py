"""Two sets of channels with designs of their own, stimulated at the same time by one plan."""

import cl
from cl import BurstDesign, ChannelSet, StimDesign

# First set of channels and stims
channel_set1 = ChannelSet(20, 42, 51, 60)
stim_design1 = StimDesign(200, -2.0, 200, 2.0)

# Second set of channels and stims
channel_set2 = ChannelSet(2, 6, 12, 18)
stim_design2 = StimDesign(100, -1.5, 100, 1.5)

# Share a common burst design for both stims
burst_design = BurstDesign(20, 40)

with cl.open() as neurons:
    stim_plan = neurons.create_stim_plan()  # Create Stim Plan
    stim_plan.stim(channel_set1, stim_design1, burst_design)  # Add first set to plan
    stim_plan.stim(channel_set2, stim_design2, burst_design)  # Add second set to plan
    print(stim_plan.preview())  # What it would do, before anything is delivered

    stim_plan.run()
    delivered = neurons.read(15_000, analysis=True).stims
    print(f"{len(delivered)} pulses from {delivered[0]} to {delivered[-1]}")
