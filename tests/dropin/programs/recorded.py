"""What is in a recording: parts, shapes, entries, attributes."""

import cl

with cl.open() as neurons:
    stream = neurons.create_data_stream("score", {"unit": "points"})
    recording = neurons.record(stop_after_seconds=1, attributes={"a": [1, 2]})
    for tick in neurons.loop(100, stop_after_ticks=50):
        stream.append(tick.iteration_timestamp, {"tick": tick.iteration})
        if tick.iteration % 10 == 0:
            neurons.stim(cl.ChannelSet(8, 9), cl.StimDesign(160, -1.0, 160, 1.0))
    recording.wait_until_stopped()
with recording.open() as view:
    print(view.samples.shape, view.samples.dtype)
    print(view.spikes.dtype)
    print(view.stims.dtype)
    print(len(view.stims), sorted({int(row["channel"]) for row in view.stims}), len(view.spikes) > 20)
    score = view.data_streams["score"]
    print(len(score), list(score.items())[:2], score.attributes["application"])
    attributes = view.attributes
    print([attributes[name] for name in ("duration_frames", "sampling_frequency", "channel_count")])
    print(attributes["application"], attributes["file_format"]["version"])
    print(type(view.file.root.spikes).__name__, type(view.file.root.samples).__name__)

# prints:
#   (25000, 64) int16
#   [('timestamp', '<i8'), ('channel', 'u1'), ('samples', '<f4', (75,))]
#   [('timestamp', '<i8'), ('channel', 'u1')]
#   10 [8, 9] True
#   50 [(250, {'tick': 0}), (500, {'tick': 1})] {'unit': 'points'}
#   [25000, 25000, 64]
#   {'a': [1, 2]} SDK
#   Table EArray
# cl-sdk prints:
#   (np.int64(25000), np.int64(64)) int16
#   [('timestamp', '<i8'), ('channel', 'u1'), ('samples', '<f4', (75,))]
#   [('timestamp', '<i8'), ('channel', 'u1')]
#   10 [8, 9] True
#   50 [(250, {'tick': 0}), (500, {'tick': 1})] {'unit': 'points'}
#   [25000, 25000, 64]
#   {'a': [1, 2]} SDK
#   Table EArray
# because: shapes are plain integers in ours
