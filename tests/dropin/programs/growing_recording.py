"""A recording that is being written can be looked at; a view is one moment of it."""

import cl

with cl.open() as neurons:
    recording = neurons.record()
    neurons.read(50_000)
    with cl.RecordingView(recording.file["path"]) as view:
        frames = len(view.samples)
        neurons.read(50_000)
        print(len(view.samples) == frames, view.samples[:].shape == (frames, 64), view.complete)
    recording.stop()

# prints:
#   True True False
# cl-sdk is not asked: a file that is being written cannot be relied on there
