"""A loop body that takes longer than its tick: a TimeoutError on a device.

The simulator only warns, unless CL_SDK_JITTER_DETECTION=1 asks it to raise as well.
"""

from time import time_ns

import cl

with cl.open() as neurons:
    for tick in neurons.loop(ticks_per_second=25000, stop_after_ticks=25000):
        # Consume approximately 35 μs, exceeding the 25 kHz per-iteration budget
        wait_until_ns = time_ns() + 35_000
        while time_ns() < wait_until_ns:
            pass

print("Done")
