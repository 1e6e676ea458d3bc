"""Keep what led to an event: a recording that begins before it was asked for, and ends by itself.

The last five seconds at least are there at any time.
"""

import cl

with cl.open() as neurons:
    before: list[int] = []
    for tick in neurons.loop(ticks_per_second=100, stop_after_seconds=10):
        before = [*before[-99:], len(tick.analysis.spikes)]
        if tick.iteration >= 200 and sum(before) > 85:
            print(f"{sum(before)} spikes in a second at timestamp {tick.iteration_timestamp}")
            break
    recording = neurons.record(
        file_suffix="event",
        from_seconds_ago=2,
        stop_after_seconds=3,
        attributes={"spikes_before": sum(before), "event_timestamp": tick.iteration_timestamp},
        include_raw_samples=False,
    )
    recording.wait_until_stopped()

with recording.open() as view:
    event = view.attributes["application"]["event_timestamp"] - view.attributes["start_timestamp"]
    times = view.spikes.col("timestamp")
    print(f"{view.attributes['duration_seconds']} s in {recording.file['name']}")
    print(f"{(times < event).sum()} spikes before the event, {(times >= event).sum()} after it")
