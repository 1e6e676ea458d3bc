"""`tick.timestamp` is the moment at which the tick's window begins."""

import warnings

import cl

warnings.simplefilter("ignore")
with cl.open() as neurons:
    loop = neurons.loop(100, stop_after_ticks=3)
    for tick in loop:
        start = loop.start_timestamp
        print(tick.timestamp - start, tick.analysis.start_timestamp - start, tick.iteration_timestamp - start)

# prints:
#   0 0 250
#   250 250 500
#   500 500 750
# cl-sdk prints:
#   timestamp is deprecated, use tick.analysis.start_timestamp instead
#   0 0 250
#   250 250 500
#   500 500 750
# because: it is told once there that the name is deprecated, by a warning of Python in ours
