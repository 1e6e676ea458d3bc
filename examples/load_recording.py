"""Load a recording and look into it; without an argument it makes one first.

python examples/load_recording.py 2025_10_29_11_53_42_my_application.h5
"""

import sys

import cl
from cl import RecordingView


def make_one() -> str:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("example_data_stream")
        recording = neurons.record(file_suffix="my_application")
        for tick in neurons.loop(ticks_per_second=100, stop_after_seconds=2):
            for spike in tick.analysis.spikes:
                neurons.stim(spike.channel, cl.StimDesign(160, -1.0, 160, 1.0))
            if tick.iteration % 50 == 0:
                stream.append(tick.iteration_timestamp, {"spikes": len(tick.analysis.spikes)})
        recording.stop()
        return recording.file["path"]


path = sys.argv[1] if len(sys.argv) > 1 else make_one()

# Files are timestamped in a `YYYY_MM_DD_HH_MM_SS` format, UTC
with RecordingView(path) as recording:
    # Access core datasets; a part that was not recorded is None
    print(recording.samples)  # Raw voltage samples array with shape (duration_frames × channel_count)
    print(recording.spikes)  # Detected spike events with metadata
    print(recording.stims)  # Stimulus timestamps and channels
    print(recording.attributes)  # Global recording metadata
    print(recording.data_streams)  # User defined data streams (e.g., gamestate)

    # Count total spikes, and those of two channels in the first second
    num_spikes = len(recording.spikes)
    print(f"Detected spikes: {num_spikes}")
    found = recording.spikes.read_where("((channel == 8) | (channel == 9)) & (timestamp < 25000)")
    print(f"On channels 8 and 9 in the first second: {len(found)}")

    # Loop through and extract each timestamp and item of a data stream
    if "example_data_stream" in recording.data_streams:
        for timestamp, data in recording.data_streams["example_data_stream"].items():
            print(timestamp, data)
