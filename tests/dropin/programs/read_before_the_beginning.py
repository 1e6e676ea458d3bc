"""Just opened, the last second reads as zeros."""

import cl

with cl.open() as neurons:
    now = neurons.timestamp()
    frames = neurons.read(25000, now - 25000)
    print(frames.shape, frames.dtype, frames.any())
    print(neurons.read(25000, neurons.timestamp() - 25000).shape)

# prints:
#   (25000, 64) int16 False
#   (25000, 64)
# cl-sdk prints:
#   (25000, 64) int16 True
#   (25000, 64)
# because: what lies before the beginning of the timeline is silence in ours, and random data there
