"""Record three seconds of everything."""

import time

import cl

with cl.open() as neurons:
    recording = neurons.record()
    # Recording has started, place your application code here
    time.sleep(3)
    recording.stop()

print(f"{recording.file['path']}: {recording.status}")
