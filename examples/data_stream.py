"""Publish values beside the device's data: they go into recordings and to the live page."""

import numpy

import cl

with cl.open() as neurons:
    # Create a named data stream - by default, it will be added to any active or future recordings.
    data_stream = neurons.create_data_stream(
        name="example_data_stream", attributes={"score": 0, "another_attribute": [0, 1, 2, 3]}
    )

    # Start a recording
    recording = neurons.record(stop_after_seconds=1)

    timestamp = neurons.timestamp()  # Get current timestamp

    # Add some data stream entries with unique, ascending timestamps:
    data_stream.append(timestamp + 0, {"arbitrary": "data"})
    data_stream.append(timestamp + 1, ["of", "arbitrary", "size"])
    data_stream.append(timestamp + 2, "and type.")
    data_stream.append(timestamp + 3, numpy.array([2**64 - 1, 2**64 - 2, 2**64 - 3], dtype=numpy.uint64))

    # Update a single attribute
    data_stream.set_attribute("score", 1)

    # Update multiple attributes at once
    data_stream.update_attributes({"score": 2, "new_attribute": 9.9})

    recording.wait_until_stopped()  # Wait until 1 second which was requested by the neurons.record

with recording.open() as view:
    stream = view.data_streams["example_data_stream"]
    print(stream.attributes["application"])
    # Loop through and extract each timestamp and item:
    for timestamp, data in stream.items():
        print(timestamp, data)
