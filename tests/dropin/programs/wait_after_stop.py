"""`wait_until_stopped` returns once a recording has stopped, however."""

import cl

with cl.open() as neurons:
    recording = neurons.record()
    neurons.read(100)
    recording.stop()
    print(recording.wait_until_stopped(), recording.has_stopped(), recording.status)

# prints:
#   None True stopped
