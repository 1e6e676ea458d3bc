"""A plan that was made for a device: thousands of stims and syncs."""

import cl

with cl.open() as neurons:
    plan = neurons.create_stim_plan()
    for _ in range(1_100):
        plan.stim(cl.ChannelSet(8, 9), 1.0)
    plan.run()
    plan = neurons.create_stim_plan()
    for _ in range(4_100):
        plan.stim(20, 1.0)
    plan.run()
    neurons.interrupt(~cl.ChannelSet())
    print("ran")

# prints:
#   ran
