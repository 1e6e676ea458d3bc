"""The values that stimulation is described with."""

from cl import BurstDesign, ChannelSet, StimDesign

# Select channels 8, 9 and 10
print(ChannelSet(8, 9, 10))

# Pass in a list to select same channels
example_set = [8, 9, 10]
print(ChannelSet(example_set))

# Monophasic stim with current of -1.0 uA, pulse width of 160 us.
print(StimDesign(160, -1.0))

# Biphasic stim with current of 1.0 uA, pulse width of 160 us and negative leading edge.
print(StimDesign(160, -1.0, 160, 1.0))

# Triphasic stim with current of 1.0 uA, pulse width of 160 us and negative leading edge.
print(StimDesign(160, -1.0, 160, 1.0, 160, -1.0))

# A burst containing 10 stims operating at 150 Hz:
print(BurstDesign(10, 150))
