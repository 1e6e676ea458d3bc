"""`stop` stops now, also where a later end was set; a warning says that the recording is empty."""

import cl

with cl.open() as neurons:
    recording = neurons.record(stop_after_seconds=2)
    recording.stop()
with recording.open() as view:
    print(len(view.samples))

# prints:
#   0
# cl-sdk prints:
#   50000
# because: stop() stops at once, as its documentation says; there it waits for the end
