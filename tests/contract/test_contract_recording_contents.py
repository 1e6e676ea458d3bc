"""Recordings: what is in the file (contract, section 7)."""

from __future__ import annotations

import numpy as np
import pytest
import tables
from recording_tools import (
    Window,
    closed_loop,
)

import cl

SECOND = 25_000
accelerated = pytest.mark.usefixtures("accelerated")


@accelerated
@pytest.mark.parametrize(
    "left_out", ["include_spikes", "include_stims", "include_raw_samples", "include_data_streams"]
)
def test_a_part_that_is_left_out(left_out: str, source: str) -> None:
    with cl.open() as neurons:
        neurons.create_data_stream("scores").append(0, 1)
        without = neurons.record(stop_after_seconds=0.2, **{left_out: False})
        everything = neurons.record(stop_after_seconds=0.2)
        closed_loop(neurons, 0.21)
        without.wait_until_stopped()
        everything.wait_until_stopped()
    with without.open() as view, everything.open() as whole:
        parts = {
            "include_spikes": (view.spikes, whole.spikes),
            "include_stims": (view.stims, whole.stims),
            "include_raw_samples": (view.samples, whole.samples),
        }
        for name, (part, reference) in parts.items():
            assert (part is None) == (name == left_out)
            if part is not None:
                np.testing.assert_array_equal(part[:], reference[:])
        assert (view.data_streams is None) == (left_out == "include_data_streams")
        assert view.attributes["duration_frames"] == 5_000
        assert view.complete


@accelerated
def test_nothing_but_time_can_be_recorded() -> None:
    with cl.open() as neurons:
        recording = neurons.record(
            include_spikes=False, include_stims=False, include_raw_samples=False, include_data_streams=False
        )
        neurons.read(1_000)
        recording.stop()
    with recording.open() as view:
        assert (view.samples, view.spikes, view.stims, view.data_streams) == (None, None, None, None)
        assert view.attributes["duration_frames"] == 1_000


@accelerated
def test_the_attributes_of_the_file() -> None:
    with cl.open() as neurons:
        neurons.read(500)
        recording = neurons.record(attributes={"dish": 7, "tags": ["a", "b"], "nested": {"x": 1.5}})
        neurons.read(2_500)
        recording.stop()
        system = cl.get_system_attributes()
    with recording.open() as view:
        found = view.attributes
        assert found.application == {"dish": 7, "tags": ["a", "b"], "nested": {"x": 1.5}}
        for name in ("hostname", "project_id", "cell_batch_id"):
            assert found[name] == system[name]
        assert (found.channel_count, found.sampling_frequency, found.frames_per_second) == (
            64,
            25_000,
            25_000,
        )
        assert found.uV_per_sample_unit == pytest.approx(0.195)
        assert (found.start_timestamp, found.end_timestamp) == (500, 3_000)
        assert (found.duration_frames, found.duration_seconds) == (2_500, 0.1)
        assert found.created_utc < found.ended_utc
        assert found.file_format["version"] == "SDK"
        assert found.file_format["stim_and_spike_timestamps_relative_to_start"] is True
        names = (
            "application hostname created_localtime ended_localtime git_hash git_branch git_tags git_status"
        )
        assert set(names.split()) <= set(found)


@accelerated
def test_a_recording_has_all_root_attributes_of_its_file() -> None:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"dish": 7}, stop_after_frames=6_000)
        neurons.read(100)
        before = recording.attributes
        assert (before["application"], before["start_timestamp"], before["ended_utc"]) == ({"dish": 7}, 0, "")
        assert before["duration_frames"] <= 100
        before["application"]["dish"] = 8
        recording.wait_until_stopped()
        found = recording.attributes
        assert (found["duration_frames"], found["end_timestamp"], found["duration_seconds"]) == (
            6000,
            6000,
            0.24,
        )
        assert found["application"] == {"dish": 7}
    with recording.open() as view:
        assert dict(view.attributes) == found
        assert [type(found[name]) for name in view.attributes] == [type(v) for v in view.attributes.values()]


@accelerated
def test_application_attributes_are_as_they_stand_at_the_end() -> None:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"a": 1, "b": 2}, stop_after_frames=1_000)
        assert recording.attributes["application"] == {"a": 1, "b": 2}
        recording.set_attribute("a", 10)
        neurons.read(500)
        recording.update_attributes({"b": np.arange(3), "c": "x" * 5_000})
        with pytest.raises(TypeError, match="attributes"):
            recording.update_attributes({"a": 0, "d": object()})
        with pytest.raises(ValueError, match="at most"):
            recording.set_attribute("e", bytes(17 << 20))
        neurons.read(500)
        assert recording.has_stopped()
        with pytest.raises(RuntimeError, match="has stopped"):
            recording.set_attribute("a", 11)
        assert set(recording.attributes["application"]) == {"a", "b", "c"}
        assert recording.attributes["application"]["a"] == 10
    with recording.open() as view:
        found = view.attributes.application
        assert (found["a"], found["b"].tolist(), found["c"]) == (10, [0, 1, 2], "x" * 5_000)


@accelerated
def test_pytables_reads_what_was_recorded() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("game", {"level": 3})
        recording = neurons.record(attributes={"dish": 7})
        for tick in neurons.loop(100, stop_after_ticks=50):
            stream.append(neurons.timestamp(), {"n": tick.iteration})
            neurons.stim(9, 1.0)
        recording.stop()
        window = Window(neurons, 0, 12_500)
    with tables.open_file(recording.file["path"]) as file:
        root = file.root
        assert isinstance(root.spikes, tables.Table) and isinstance(root.samples, tables.EArray)
        np.testing.assert_array_equal(root.samples[:], window.frames)
        assert root.spikes.col("timestamp").tolist() == [t for t, _, _ in window.spikes]
        assert root.stims.col("channel").tolist() == [c for _, c in window.stims]
        assert root._v_attrs.application == {"dish": 7}
        assert root.data_stream.game._v_attrs.application == {"level": 3}
        assert root.data_stream.game.index.nrows == 50
