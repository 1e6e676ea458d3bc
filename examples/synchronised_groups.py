"""Two groups of channels that wait for each other, run twice from one plan."""

import cl

left = cl.ChannelSet(9, 10, 11)
right = cl.ChannelSet(49, 50, 51)
design = cl.StimDesign(160, -1.0, 160, 1.0)

with cl.open() as neurons:
    plan = neurons.create_stim_plan()
    plan.stim(left, design, cl.BurstDesign(3, 50))  # three pulses on the left ...
    plan.sync(left | right)  # ... then, together, ...
    plan.stim(left | right, design)  # ... one on both sides
    for channel, channel_plan in plan.preview().channels.items():
        print(channel, channel_plan.pulse_timestamps)

    for run in (1, 2):
        start = neurons.timestamp()
        plan.run()
        stims = neurons.read(2500, analysis=True).stims
        print(f"run {run}:", sorted({stim.timestamp - start for stim in stims}))
