"""Print every spike, a thousand times a second for five seconds."""

import cl

with cl.open() as neurons:
    # Loop 1000 times per second for 5 seconds
    for tick in neurons.loop(ticks_per_second=1000, stop_after_seconds=5):
        # Loop through each detected spike object
        for spike in tick.analysis.spikes:
            # Print out the spike object
            print(spike)
