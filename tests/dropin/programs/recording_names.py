"""The name of a recording begins with the time, and ends with what it is given."""

import re

import cl

with cl.open() as neurons:
    recording = neurons.record(file_suffix="game", stop_after_frames=1)
    recording.wait_until_stopped()
    print(re.sub(r"\d", "0", recording.file["name"].removesuffix(".h5")), recording.file["name"][-3:])

# prints:
#   0000_00_00_00_00_00_game .h5
# cl-sdk prints:
#   0000-00-00_00-00-00.000+00-00_game .h5
# because: the name is made as its documentation has it
