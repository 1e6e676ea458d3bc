"""Data streams, and what recordings have of them (contract, section 7)."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording_tools import duration, entries

import cl

pytestmark = pytest.mark.usefixtures("accelerated")


def attributes(recording: cl.Recording, name: str) -> dict[str, Any]:
    with recording.open() as view:
        assert view.data_streams is not None
        found: dict[str, Any] = view.data_streams[name].attributes["application"]
        return found


def test_the_listing_of_the_documentation() -> None:
    with cl.open() as neurons:
        neurons.read(2_664)
        stream = neurons.create_data_stream(
            name="example_data_stream", attributes={"score": 0, "another_attribute": [0, 1, 2, 3]}
        )
        recording = neurons.record(stop_after_seconds=1)
        timestamp = neurons.timestamp()
        numbers = np.array([2**64 - 1, 2**64 - 2, 2**64 - 3], dtype=np.uint64)
        stream.append(timestamp + 0, {"arbitrary": "data"})
        stream.append(timestamp + 1, ["of", "arbitrary", "size"])
        stream.append(timestamp + 2, "and type.")
        stream.append(timestamp + 3, numbers)
        stream.set_attribute("score", 1)
        stream.update_attributes({"score": 2, "new_attribute": 9.9})
        recording.wait_until_stopped()
    found = dict(entries(recording, "example_data_stream"))
    assert list(found) == [0, 1, 2, 3]
    assert [found[0], found[1], found[2]] == [{"arbitrary": "data"}, ["of", "arbitrary", "size"], "and type."]
    assert found[3].dtype == np.uint64 and found[3].tolist() == numbers.tolist()
    assert attributes(recording, "example_data_stream") == {
        "score": 2,
        "another_attribute": [0, 1, 2, 3],
        "new_attribute": 9.9,
    }


def test_a_stream_goes_into_active_and_later_recordings() -> None:
    with cl.open() as neurons:
        early = neurons.record()
        neurons.read(1_000)
        stream = neurons.create_data_stream("s", {"v": 0})
        stream.append(1_000, "a")
        neurons.read(1_000)
        late = neurons.record(from_frames_ago=500)
        stream.append(2_000, "b")
        stream.set_attribute("v", 1)
        late.stop()
        stream.append(2_500, "c")
        stream.set_attribute("v", 2)
        early.stop()
        last = neurons.record()
        last.stop()
    assert entries(early, "s") == [(1_000, "a"), (2_000, "b"), (2_500, "c")]
    assert entries(late, "s") == [(500, "b")]
    # What was appended before is in a recording too, if its timestamp lies in the window.
    assert entries(last, "s") == [(0, "b"), (500, "c")]
    assert [attributes(r, "s")["v"] for r in (early, late, last)] == [2, 1, 2]


def test_attributes_that_were_written_already_are_replaced() -> None:
    with cl.open() as neurons:
        recording, shorter = neurons.record(), neurons.record(stop_after_frames=12_000)
        stream = neurons.create_data_stream("s", {"v": 0, "old": 1})
        neurons.read(11_000)
        with cl.RecordingView(recording.file["path"]) as view:
            assert view.data_streams["s"].attributes["application"] == {"v": 0, "old": 1}
        stream.update_attributes({"v": 1, "new": [1, 2]})
        neurons.read(11_000)
        assert shorter.has_stopped()
        stream.set_attribute("v", 2)
        recording.stop()
    assert attributes(shorter, "s") == {"v": 1, "old": 1, "new": [1, 2]}
    assert attributes(recording, "s") == {"v": 2, "old": 1, "new": [1, 2]}


def test_the_past_has_its_entries() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        for tick in neurons.loop(100, stop_after_ticks=10):
            stream.append(neurons.timestamp(), tick.iteration)
        recording = neurons.record(from_frames_ago=1_000)
        recording.stop()
    assert entries(recording, "s") == [(0, 5), (250, 6), (500, 7), (750, 8), (1_000, 9)]


def test_what_is_appended_meanwhile_is_recorded_whatever_its_timestamp() -> None:
    """A program may count its entries from 0, or take the times of what was before the recording."""
    with cl.open() as neurons:
        stream, counted = neurons.create_data_stream("s"), neurons.create_data_stream("counted")
        neurons.read(1_000)
        stream.append(900, "before")
        counted.append(0, "before")
        recording = neurons.record()
        stream.append(970, "late")
        for i in range(1, 4):
            counted.append(i, i)
        neurons.read(100)
        stream.append(1_100, "after")
        recording.stop()
        with recording.open() as view:
            assert view.data_streams["s"][-30] == "late"
            assert view.data_streams["s"].items_for_range(-30, 0) == [(-30, "late")]
    assert entries(recording, "s") == [(-30, "late"), (100, "after")]
    assert entries(recording, "counted") == [(-999, 1), (-998, 2), (-997, 3)]


@pytest.mark.parametrize("source", ["random", "culture"])
def test_what_was_appended_before_the_end_is_recorded(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if source == "culture":
        monkeypatch.setenv("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        ended = neurons.record(stop_after_frames=2_500)
        stopped = neurons.record()
        for tick in neurons.loop(100, stop_after_ticks=12):
            stream.append(neurons.timestamp(), tick.iteration)
        stopped.stop()
        ended.wait_until_stopped()
    assert entries(ended, "s") == [(250 * (i + 1), i) for i in range(9)]
    # The last one was appended at the very moment of the stop.
    assert entries(stopped, "s") == [(250 * (i + 1), i) for i in range(12)]


@pytest.mark.parametrize("accelerated_time", ["0", "1"])
def test_nothing_is_lost_at_the_moment_of_the_stop(
    accelerated_time: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread appends all the while: what it had appended before the stop is there."""
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", accelerated_time)
    appended = 0
    over = threading.Event()

    def append() -> None:
        nonlocal appended
        at = 0
        while not over.wait(0.0002):
            at += 1
            stream.append(100_000 + at, at)
            appended = at

    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        thread = threading.Thread(target=append)
        thread.start()
        try:
            while appended < 10:
                neurons.read(1)
            for _ in range(4):
                recording = neurons.record()
                neurons.read(25)
                before = appended
                recording.stop()
                after = appended
                found = [value for _, value in entries(recording, "s")]
                # Old ones may have left the history.
                assert found == list(range(found[0], found[-1] + 1))
                assert before <= found[-1] <= after + 1
        finally:
            over.set()
            thread.join()


def test_entries_while_virtual_time_stands_still_are_recorded() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        stream = neurons.create_data_stream("s")
        for i in range(20_000):
            stream.append(i, i)
        recording.stop()
        assert neurons.timestamp() == 0
    assert [value for _, value in entries(recording, "s")] == list(range(20_000))


def test_choosing_streams() -> None:
    arguments: list[tuple[dict[str, Any], set[str] | None]] = [
        ({}, {"a", "b", "c"}),
        ({"include_data_streams": True}, {"a", "b", "c"}),
        ({"include_data_streams": False}, None),
        ({"include_data_streams": []}, set()),
        ({"include_data_streams": ["a", "none such"]}, {"a"}),
        ({"include_data_streams": ("a", "c"), "exclude_data_streams": ["c"]}, {"a"}),
        ({"exclude_data_streams": ["a", "c"]}, {"b"}),
        ({"include_data_streams": False, "exclude_data_streams": ["a"]}, None),
    ]
    with cl.open() as neurons:
        streams = [neurons.create_data_stream(name) for name in "ab"]
        recordings = [neurons.record(**kwargs) for kwargs, _ in arguments]
        # It is there before its first entry, and comes when the recordings run.
        streams.append(neurons.create_data_stream("c"))
        neurons.read(10)
        for stream in streams[:2]:
            stream.append(10, stream.name)
        for recording in recordings:
            recording.stop()
    for recording, (_, names) in zip(recordings, arguments, strict=True):
        with recording.open() as view:
            found = view.data_streams
            assert (None if found is None else set(found)) == names
            for name in names or ():
                assert found is not None
                assert list(found[name].items()) == ([] if name == "c" else [(10, name)])


def test_timestamps_ascend() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        recording = neurons.record()
        stream.append(5, "a")
        for timestamp in (5, 4, 0):
            with pytest.raises(
                RuntimeError, match=f"'s': timestamp {timestamp} does not come after the last, 5"
            ):
                stream.append(timestamp, "b")
        stream.append(np.int64(6), "c")
        other = neurons.create_data_stream("t")
        other.append(1, "d")
        recording.stop()
    assert entries(recording, "s") == [(5, "a"), (6, "c")]
    assert entries(recording, "t") == [(1, "d")]


@pytest.mark.parametrize(
    ("timestamp", "data", "error"),
    [
        (-1, 1, ValueError),
        (1.0, 1, TypeError),
        ("1", 1, TypeError),
        (True, 1, TypeError),
        (1, object(), TypeError),
        (2**63, 1, ValueError),
        (10**30, 1, ValueError),
        (1, {1, 2}, TypeError),
        (1, 2**64, ValueError),
        (1, np.array([object()]), TypeError),
    ],
)
def test_bad_entries_are_refused(timestamp: Any, data: Any, error: type[Exception]) -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        with pytest.raises(error):
            stream.append(timestamp, data)
        stream.append(0, "still the first")


@pytest.mark.parametrize(
    ("name", "error"),
    [("", ValueError), ("a/b", ValueError), (".", ValueError), (7, TypeError), ("x" * 256, ValueError)],
)
def test_bad_names_are_refused(name: Any, error: type[Exception]) -> None:
    with cl.open() as neurons, pytest.raises(error):
        neurons.create_data_stream(name)


def test_a_name_can_be_had_once() -> None:
    with cl.open() as neurons:
        neurons.create_data_stream("s")
        with pytest.raises(ValueError, match="a data stream 's' already"):
            neurons.create_data_stream("s")
    with cl.open() as neurons:
        assert neurons.create_data_stream("s").name == "s"


def test_bad_attributes_change_nothing() -> None:
    with cl.open() as neurons:
        with pytest.raises(TypeError):
            neurons.create_data_stream("s", {"x": object()})
        stream = neurons.create_data_stream("s", {"x": 1})
        with pytest.raises(TypeError):
            stream.update_attributes({"x": 2, "y": object()})
        with pytest.raises(ValueError, match="at most"):
            stream.set_attribute("y", bytes(17 << 20))
        with pytest.raises(TypeError):
            stream.set_attribute(3, 4)  # type: ignore[arg-type]
        assert stream.attributes == {"x": 1}
        stream.attributes["x"] = 5
        assert stream.attributes == {"x": 1}
        stream.set_attribute("z", [1])
        stream.attributes["z"].append(2)
        assert stream.attributes == {"x": 1, "z": [1]}
        assert repr(stream) == "DataStream('s')"


def test_the_data_is_taken_as_it_is() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        recording = neurons.record()
        data = {"x": [1, 2], "y": np.zeros(3)}
        stream.append(1, data)
        data["x"].append(3)  # type: ignore[union-attr]
        data["y"][:] = 7  # type: ignore[index]
        recording.stop()
    ((_, found),) = entries(recording, "s")
    assert found["x"] == [1, 2]
    assert found["y"].tolist() == [0, 0, 0]


def test_long_entries() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        recording = neurons.record()
        images = [np.full((700, 1_000), i, np.uint8) for i in range(12)]
        for i, image in enumerate(images):
            stream.append(i, image)
        recording.stop()
    for (_, found), image in zip(entries(recording, "s"), images, strict=True):
        np.testing.assert_array_equal(found, image)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name != "." and not re.match("_[cfgipv]_", name)
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.lists(values, max_size=6), max_size=5), st.integers(0, 3))
def test_whatever_goes_in_comes_out(published: dict[str, list[Any]], at: int) -> None:
    """Any number of streams, created and filled before and while a recording runs."""
    with cl.open() as neurons:
        recording = None
        for number, (name, items) in enumerate(published.items()):
            if number == at:
                recording = neurons.record()
            stream = neurons.create_data_stream(name, {"items": items})
            for i, item in enumerate(items):
                stream.append(i * 7, item)
            neurons.read(1)
        if recording is None:
            recording = neurons.record(from_timestamp=0)
        recording.stop()
        start = recording.start_timestamp
    with recording.open() as view:
        assert view.data_streams is not None
        assert set(view.data_streams) == set(published)
        for number, (name, items) in enumerate(published.items()):
            stream_view = view.data_streams[name]
            since = 0 if number >= at else start  # of what was appended before, only the window's
            expected = [(i * 7 - start, item) for i, item in enumerate(items) if i * 7 >= since]
            assert list(stream_view.items()) == expected
            assert stream_view.attributes["application"] == {"items": items}
            assert stream_view.attributes["name"] == name


def test_streams_alone() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        recording = neurons.record(include_spikes=False, include_stims=False, include_raw_samples=False)
        for tick in neurons.loop(1_000, stop_after_ticks=300):
            stream.append(neurons.timestamp(), tick.iteration)
        recording.stop()
    assert duration(recording) == 7_500
    assert len(entries(recording, "s")) == 300


def test_closing_a_stream_frees_its_name() -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("s")
        with pytest.raises(ValueError, match="'s' already"):
            neurons.create_data_stream("s")
        stream.close()
        stream.close()
        again = neurons.create_data_stream("s", {"v": 1})
        stream.close()
        with pytest.raises(ValueError, match="'s' already"):
            neurons.create_data_stream("s")
        again.append(0, "a")
        assert again.attributes == {"v": 1}


def test_a_closed_stream_takes_nothing_more() -> None:
    with cl.open() as neurons:
        with neurons.create_data_stream("s", {"v": 0}) as stream:
            stream.append(1, "a")
        for call in (
            lambda: stream.append(2, "b"),
            lambda: stream.set_attribute("v", 1),
            lambda: stream.update_attributes({"v": 1}),
        ):
            with pytest.raises(RuntimeError, match="data stream 's' was closed"):
                call()
        assert stream.attributes == {"v": 0}
    stream.close()


def test_recordings_keep_what_a_closed_stream_had() -> None:
    """Also where it came and went between two looks of theirs, and those of its past that begin later."""
    with cl.open() as neurons:
        early = neurons.record()
        with neurons.create_data_stream("s", {"v": 0}) as stream:
            stream.append(10, "a")
            stream.set_attribute("v", 1)
        neurons.read(6_000)
        late = neurons.record(from_timestamp=0)
        neurons.read(250_000)
        last = neurons.record()
        for recording in (early, late, last):
            recording.stop()
    for recording in (early, late):
        assert entries(recording, "s") == [(10, "a")]
        assert attributes(recording, "s") == {"v": 1}


def test_a_later_stream_of_a_name_goes_on_where_the_first_one_ended() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        with neurons.create_data_stream("s", {"v": 0}) as first:
            first.append(10, "a")
        neurons.read(300_000)
        second = neurons.create_data_stream("s", {"v": 1})
        with pytest.raises(RuntimeError, match="timestamp 10 does not come after the last, 10"):
            second.append(10, "b")
        second.append(11, "b")
        neurons.read(6_000)
        recording.stop()
    assert entries(recording, "s") == [(10, "a"), (11, "b")]
    assert attributes(recording, "s") == {"v": 1}


def test_closed_streams_are_forgotten_in_time() -> None:
    with cl.open() as neurons:
        for trial in range(50):
            with neurons.create_data_stream(f"trial {trial}") as stream:
                stream.append(0, trial)
            neurons.read(10_000)
        recordings = neurons._recordings
        assert recordings.streams() == []
        kept = (neurons._engine.history_frames + neurons._engine.backlog.spare) // 10_000
        assert len(recordings._closed_streams) <= kept + 2


def test_streams_come_and_go_in_threads() -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        made = []

        def publish(count: int) -> None:
            for _ in range(count):
                try:
                    stream = neurons.create_data_stream("s")
                except ValueError:
                    continue
                made.append(stream)
                stream.append(len(made) * 100 + threading.get_native_id() % 100, None)
                stream.close()

        threads = [threading.Thread(target=publish, args=(50,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        neurons.create_data_stream("s").close()
        recording.stop()
    times = [time for time, _ in entries(recording, "s")]
    assert times == sorted({*times})
    assert len(times) == len(made) > 0
