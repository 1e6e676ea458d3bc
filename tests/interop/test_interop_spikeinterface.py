"""Recordings as SpikeInterface sees them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extras import need_extra
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from interop_files import Content
from interop_recordings import record

import cl
from cl import StimDesign
from cl._values.constants import GROUNDED, REFERENCE
from cl.recording import RecordingView

need_extra("spikeinterface", "spikeinterface")
need_extra("analysis", "pydantic", "scipy")

import spikeinterface  # noqa: E402
import spikeinterface.preprocessing as preprocessing  # noqa: E402

from cl.interop.spikeinterface import read_cl, read_cl_spikes, read_cl_stims  # noqa: E402

ROOT = Path(cl.__file__).parents[1]
PAGE = ROOT / "docs" / "spikeinterface.md"


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No bars, whose monitor is a thread that stays; and what their lock starts, before files are counted."""
    from multiprocessing import resource_tracker

    import tqdm.auto

    resource_tracker.ensure_running()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tqdm.tqdm, "monitor_interval", 0)
        spikeinterface.set_global_job_kwargs(progress_bar=False, n_jobs=1)
        yield
        spikeinterface.reset_global_job_kwargs()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spikeinterface")


@pytest.fixture(scope="module")
def paths(folder: Path) -> list[Path]:
    """Two recordings of one second, the second one after a gap of 500 frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CL_SDK_ACCELERATED_TIME", "1")
        patch.setenv("CL_SDK_RANDOM_SEED", "5")
        first = record(folder, "first")
        second = record(folder, "second", before=25_500, stims=False)
    with h5py.File(first) as one, h5py.File(second, "r+") as two:
        two.attrs["start_timestamp"] = one.attrs["start_timestamp"] + len(one["samples"]) + 500
    return [first, second]


@pytest.fixture(scope="module")
def path(paths: list[Path]) -> Path:
    return paths[0]


def test_samples_are_those_of_the_file(path: Path) -> None:
    recording = read_cl(path)
    with RecordingView(path) as view:
        expected = view.samples[:]
        assert recording.get_sampling_frequency() == view.attributes["frames_per_second"]
        start = view.attributes["start_timestamp"]
    assert recording.get_annotation("start_timestamps") == [start]
    assert recording.get_num_segments() == 1
    assert recording.dtype == np.int16
    np.testing.assert_array_equal(recording.get_traces(), expected)
    np.testing.assert_array_equal(recording.get_traces(start_frame=3, end_frame=9), expected[3:9])
    np.testing.assert_array_equal(recording.get_traces(channel_ids=[9, 3]), expected[:, [9, 3]])
    in_uV = recording.get_traces(return_in_uV=True)
    np.testing.assert_array_equal(in_uV, expected.astype(np.float32) * np.float32(0.195))


def test_the_probe_has_the_array(path: Path) -> None:
    recording = read_cl(path, pitch_um=100)
    places = recording.get_channel_locations()
    assert places[17].tolist() == [200, 100], "channel = row + 8·column"
    roles = recording.get_property("role")
    assert np.flatnonzero(roles == "ground").tolist() == list(GROUNDED)
    assert np.flatnonzero(roles == "reference").tolist() == [REFERENCE]


def test_a_segment_a_file(paths: list[Path]) -> None:
    recording = read_cl(paths)
    assert recording.get_num_segments() == 2
    with RecordingView(paths[1]) as view:
        np.testing.assert_array_equal(recording.get_traces(segment_index=1), view.samples[:])


def test_one_segment_for_all(paths: list[Path]) -> None:
    recording = read_cl(reversed(paths), joined=True)
    with RecordingView(paths[0]) as one, RecordingView(paths[1]) as two:
        gap = np.zeros((500, 64), np.int16)
        expected = np.concatenate([one.samples[:], gap, two.samples[:]])
        frames = two.spikes.times_and_channels()[0]
        before = len(one.spikes)
        end = len(one.samples) + 500
    np.testing.assert_array_equal(recording.get_traces(), expected)
    np.testing.assert_array_equal(
        recording.get_traces(start_frame=24_990, end_frame=25_510), expected[24_990:25_510]
    )
    vector = read_cl_spikes(paths, joined=True).to_spike_vector()
    np.testing.assert_array_equal(np.sort(vector["sample_index"][before:]), np.sort(frames) + end)


FRAMES = 200
DESIGNS = st.sampled_from([None, StimDesign(20, 2.5), StimDesign(160, -1.0, 320, 0.5, 40, -0.1)])


def _events(*more: Any) -> Any:
    row = st.tuples(st.integers(0, FRAMES - 1), st.sampled_from([0, 8, 63]), *more)
    return st.lists(row, max_size=12).map(lambda rows: sorted(rows, key=lambda event: event[:2]))


FILES = st.lists(
    st.builds(
        Content,
        frames=st.sampled_from([FRAMES, FRAMES + 7]),
        spikes=_events(),
        stims=_events(DESIGNS),
        start=st.integers(0, 90),  # after the file before
        seed=st.integers(0, 99),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(contents=FILES, joined=st.booleans(), window=st.tuples(*[st.integers(0, 2 * FRAMES)] * 2))
def test_what_was_recorded_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, contents: list[Content], joined: bool, window: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("random")
    at, starts, paths = 5, [], []
    for number, content in enumerate(contents):
        content.start += at
        starts.append(content.start - contents[0].start)
        at = content.start + content.frames
        paths.append(content.write(folder / f"{number}.h5"))
    recording, spikes, stims = (
        read(paths, joined=joined) for read in (read_cl, read_cl_spikes, read_cl_stims)
    )
    segments = [list(zip(starts, contents, strict=True))] if joined else [[(0, c)] for c in contents]
    assert recording.get_num_segments() == spikes.get_num_segments() == stims.get_num_segments()
    assert recording.get_num_segments() == len(segments)
    for segment, parts in enumerate(segments):
        expected = np.zeros((parts[-1][0] + parts[-1][1].frames, 64), np.int16)
        for start, content in parts:
            expected[start : start + content.frames] = content.samples()
        np.testing.assert_array_equal(recording.get_traces(segment), expected)
        first, last = sorted(min(frame, len(expected)) for frame in window)
        found = recording.get_traces(segment, start_frame=first, end_frame=last)
        np.testing.assert_array_equal(found, expected[first:last])
        _check_spikes(spikes, segment, parts)
        _check_stims(stims, segment, parts)
    recording.close()


def _check_spikes(sorting: Any, segment: int, parts: list[tuple[int, Content]]) -> None:
    found = [
        (frame, unit)
        for unit in sorting.unit_ids.tolist()
        for frame in sorting.get_unit_spike_train(unit, segment_index=segment).tolist()
    ]
    assert sorted(found) == sorted((start + at, channel) for start, c in parts for at, channel in c.spikes)


def _check_stims(events: Any, segment: int, parts: list[tuple[int, Content]]) -> None:
    found = [
        (int(event["frame"]), channel, _design(event))
        for channel in events.channel_ids
        for event in events.get_events(channel, segment_index=segment)
    ]
    wanted = [
        (start + at, channel, () if design is None else _phases(design))
        for start, content in parts
        for at, channel, design in content.stims
    ]
    assert sorted(found) == sorted(wanted)


def _phases(design: StimDesign) -> tuple[tuple[int, float], ...]:
    return tuple(zip(design.phase_durations_us, design.phase_currents_uA, strict=True))


def _design(event: Any) -> tuple[tuple[int, float], ...]:
    assert event["time"] == event["frame"] / 25_000
    assert event["duration"] == pytest.approx(event["duration_us"].sum() * 1e-6)
    there = slice(int(event["phases"]))
    assert not event["duration_us"][there.stop :].any() and not event["current_uA"][there.stop :].any()
    durations, currents = event["duration_us"][there].tolist(), event["current_uA"][there].tolist()
    return tuple(zip(durations, currents, strict=True))


def test_spikes_are_units_of_their_channels(paths: list[Path]) -> None:
    sorting = read_cl_spikes(paths)
    for segment, path in enumerate(paths):
        with RecordingView(path) as view:
            frames, channels = view.spikes.times_and_channels()
        for unit in sorting.unit_ids:
            found = sorting.get_unit_spike_train(unit, segment_index=segment)
            np.testing.assert_array_equal(found, np.sort(frames[channels == unit]))
        assert set(channels.tolist()) <= set(sorting.unit_ids.tolist())


def test_files_without_spikes_are_segments_as_well(path: Path, tmp_path: Path) -> None:
    quiet = _copy(path, tmp_path / "quiet.h5")
    with h5py.File(quiet, "r+") as file:
        file["spikes"].resize(0, axis=0)
    assert read_cl_spikes([path, quiet]).get_num_segments() == 2
    empty = read_cl_spikes(quiet)
    assert (empty.get_num_segments(), len(empty.unit_ids)) == (1, 0)


def test_stims_have_their_designs(paths: list[Path]) -> None:
    stims = read_cl_stims(paths)
    assert list(stims.channel_ids) == [9, 10]
    (event,) = stims.get_events(9, segment_index=0)
    with RecordingView(paths[0]) as view:
        assert event["frame"] == view.stims[0]["timestamp"]
    assert event["time"] == event["frame"] / 25_000
    assert event["duration"] == pytest.approx(320e-6)
    assert event["current_uA"].tolist() == [-1, 1, 0]
    assert len(stims.get_events(9, segment_index=1)) == 0
    assert len(stims.get_events(9, segment_index=0, start_time=float(event["time"]) + 1e-6)) == 0
    assert stims.get_event_times(10, segment_index=0).tolist() == [event["time"]]


def test_another_process_loads_it_by_its_class(paths: list[Path], tmp_path: Path) -> None:
    read_cl(paths, joined=True, pitch_um=150).dump_to_json(tmp_path / "saved.json")
    code = (
        "import sys, json, spikeinterface as si; found = si.load(sys.argv[1]);"
        "place = found.get_channel_locations()[1].tolist();"
        "total = int(found.get_traces().astype('i8').sum());"
        "print(json.dumps([type(found).__module__, found.get_num_frames(), place, total]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "saved.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    total = sum(int(h5py.File(path)["samples"][:].astype("i8").sum()) for path in paths)
    expected = ["cl.interop.spikeinterface.recording", 50_500, [0, 150], total]
    assert json.loads(done.stdout) == expected


def test_a_filter_and_an_analyzer_run(path: Path) -> None:
    recording = read_cl(path)
    filtered = preprocessing.bandpass_filter(recording, freq_min=300, freq_max=6000)
    assert filtered.get_traces(end_frame=100).shape == (100, 64)
    analyzer = spikeinterface.create_sorting_analyzer(read_cl_spikes(path), recording, sparse=False)
    analyzer.compute(["random_spikes", "waveforms", "templates"], verbose=False)
    assert analyzer.get_extension("templates").get_data("average").shape[2] == 64
    recording.close()


def test_many_files_need_few_descriptors(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    recording = read_cl([path] * 40)
    assert len(os.listdir("/proc/self/fd")) == before, "they are opened when they are read"
    recording.close()


def test_only_the_last_files_stay_open(path: Path, tmp_path: Path) -> None:
    copies = [_copy(path, tmp_path / f"{number}.h5") for number in range(20)]
    before = len(os.listdir("/proc/self/fd"))
    recording = read_cl(copies)
    for segment in range(20):
        assert recording.get_traces(segment, end_frame=5).shape == (5, 64)
    assert len(os.listdir("/proc/self/fd")) <= before + 2 * 16
    recording.close()
    assert len(os.listdir("/proc/self/fd")) == before


def _copy(path: Path, to: Path) -> Path:
    shutil.copy(path, to)
    return to


@pytest.mark.parametrize(
    ("attribute", "value", "text"),
    [("frames_per_second", 20_000, "25000 frames/s.*20000"), ("uV_per_sample_unit", 0.2, "0.195 µV.*0.2")],
)
def test_files_must_be_alike(path: Path, tmp_path: Path, attribute: str, value: Any, text: str) -> None:
    other = _copy(path, tmp_path / "other.h5")
    with h5py.File(other, "r+") as file:
        file.attrs[attribute] = value
    with pytest.raises(ValueError, match=text):
        read_cl([path, other])


def test_bad_input_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_cl(tmp_path / "nowhere.h5")
    (tmp_path / "text.h5").write_text("no recording")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        read_cl(tmp_path / "text.h5")
    bare = _copy(path, tmp_path / "bare.h5")
    with h5py.File(bare, "r+") as file:
        for name in ("samples", "spikes", "stims"):
            del file[name]
    for read, what in ((read_cl, "samples"), (read_cl_spikes, "spikes"), (read_cl_stims, "stims")):
        with pytest.raises(ValueError, match=f"no {what}"):
            read(bare)
    with pytest.raises(ValueError, match="at least one"):
        read_cl([])
    with pytest.raises(ValueError, match="pitch_um"):
        read_cl(path, pitch_um=0)
    with pytest.raises(ValueError, match="before"):
        read_cl([path, path], joined=True)


def test_the_page_does_what_it_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not PAGE.is_file():
        pytest.skip("an installed package has no docs")
    _copy(path, tmp_path / "recording.h5")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S))
    exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})  # noqa: S102
    assert "(2500, 59)" in capsys.readouterr().out
