"""A recording has all root attributes of its file, the program's own under `application`."""

import cl

with cl.open() as neurons:
    recording = neurons.record(stop_after_frames=100, attributes={"subject": "a dish"})
    recording.wait_until_stopped()
    print(recording.attributes["duration_frames"], recording.attributes["duration_seconds"])
    print(recording.attributes["application"], recording.attributes["channel_count"])

# prints:
#   100 0.004
#   {'subject': 'a dish'} 64
