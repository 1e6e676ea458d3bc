"""A live source hands its metadata to its base, by name or first, and knows where it has come to."""

from dropin_sources import Live

import cl

for start in (0, 500):
    source = Live(start)
    print(source.metadata.channel_count, source.metadata.supports_accelerated)
    print(source.current_read_timestamp, source.next_write_timestamp)
cl.sim.set_simulator_data_source("dropin_sources:Live", {"start": 500})
with cl.open() as neurons:
    frames = neurons.read(60)
    print(int(frames[0, 1]), int(frames[-1, 63]))
cl.sim.clear_simulator_data_source()

# prints:
#   64 True
#   0 0
#   64 True
#   500 500
#   5 5
