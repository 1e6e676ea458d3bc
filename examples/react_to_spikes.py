"""Answer each spike with a stim on its channel, at 25 kHz for a second."""

import cl

with cl.open() as neurons:
    # Loop at 25 kHz for 25000 ticks, respond to spikes
    # with a stim on the same channel, and collect all
    # detected spikes and stims.
    spikes = []
    stims = []
    stim_design = cl.StimDesign(160, -1, 160, 1)
    for tick in neurons.loop(ticks_per_second=25000, stop_after_ticks=25000):
        # Respond to each detected spike with a stim on the same channel.
        for spike in tick.analysis.spikes:
            neurons.stim(spike.channel, stim_design)
        # Collect the spikes and stims from the previous tick
        spikes.extend(tick.analysis.spikes)
        stims.extend(tick.analysis.stims)

for spike_or_stim in sorted(spikes + stims, key=lambda x: x.timestamp):
    print(spike_or_stim)
