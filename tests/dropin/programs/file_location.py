"""The folder of a recording is made, with its parents."""

import os

import cl

with cl.open() as neurons:
    recording = neurons.record(file_location="new/folder", stop_after_frames=10)
    recording.wait_until_stopped()
print(len(os.listdir("new/folder")), os.path.dirname(recording.file["path"]).endswith("new/folder"))

# prints:
#   1 True
