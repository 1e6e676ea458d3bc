"""Arguments by the names that they have in cl-sdk."""

import cl
from cl.data_stream import DataStream
from cl.neurons import Neurons
from cl.recording import Recording
from cl.util.recording_view import RecordingView

with cl.open() as neurons:
    stream = neurons.create_data_stream(name="game", attributes={"score": 0})
    recording = neurons.record(stop_after_frames=1000)
    print(isinstance(neurons, Neurons), isinstance(stream, DataStream), isinstance(recording, Recording))
    start = recording.start_timestamp
    for at in (10, 20, 30):
        stream.append(start + at, {"at": at})
    ticks: list[int] = []
    neurons.loop(ticks_per_second=100, stop_after_ticks=2).run(
        loop_body_callback=lambda tick: ticks.append(1)
    )
    recording.wait_until_stopped()
view = RecordingView(file_path=recording.file["path"])
game = view.data_streams.game
print(len(ticks), [*game.keys_for_range(start_timestamp=10, end_timestamp=30)])
print([*game.values_for_range(20, 40)], [*game.items_for_range(start_timestamp=0, end_timestamp=11)])
print(view.close(safe_mode=True))

# prints:
#   True True True
#   2 [10, 20]
#   [{'at': 20}, {'at': 30}] [(10, {'at': 10})]
#   None
# cl-sdk prints:
#   True True True
#   2 [np.int64(10), np.int64(20)]
#   [{'at': 20}, {'at': 30}] [(np.int64(10), {'at': 10})]
#   None
# because: numbers of recordings are plain integers in ours
