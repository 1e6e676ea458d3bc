"""A plan that was made for a device: thousands of stims and syncs."""

import cl

with cl.open() as neurons:
    plan = neurons.create_stim_plan()
    for number in range(22_209):
        plan.stim(20 + number % 30, 1.0)
        if number % 10 == 0:
            plan.sync(cl.ChannelSet(8, 9))
    plan.run()
    plan = neurons.create_stim_plan()
    for _ in range(4_100):
        plan.stim(60, 1.0)
    plan.run()
    neurons.interrupt(~cl.ChannelSet())
    print("ran")

# prints:
#   ran
