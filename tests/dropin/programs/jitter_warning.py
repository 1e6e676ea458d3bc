"""The first loop says that jitter is not detected, and how that is switched on."""

import sys

import cl

sys.stderr = sys.stdout
with cl.open() as neurons:
    for _ in range(2):
        for _tick in neurons.loop(1000, stop_after_ticks=2):
            pass

# prints:
#   Warning: Jitter detection is currently not supported in cl-sdk. This may lead to unexpected
#   loop timing behaviour if your loop body takes a long time to execute.
#   It is off on the simulator unless it is asked for: CL_SDK_JITTER_DETECTION=1 switches it on.
# cl-sdk is not asked: it has its own words for it, once a process
