"""Recordings as NWB files: what was recorded is what pynwb reads, and the validators find nothing."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import need_extra
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from interop_files import CREATED, Content, example

import cl
from cl import StimDesign
from cl._store.read.view import RecordingView
from cl.analysis import open_many
from cl.interop.texts import as_json
from cl.sim import Simulator

need_extra("nwb", "pynwb")

import pynwb  # noqa: E402

from cl.interop.nwb import export  # noqa: E402

SUBJECT = {"subject_id": "culture-7", "species": "Rattus norvegicus", "sex": "U", "age": "P30D"}
EXCEPTED = {
    "check_electrodes_location_allen_ccf",  # a culture has no place in a brain
    "check_regular_timestamps",  # a test signal may be regular
    "check_table_values_for_dict",  # entries of streams may be nested
}


def read(path: Path) -> dict[str, Any]:
    """Return what is in a file, in frames."""
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        series = file.acquisition.get("ElectricalSeries")
        module = file.processing.get("ecephys")
        spikes = [] if module is None else list(module.data_interfaces.values())
        return {
            "identifier": file.identifier,
            "start": file.session_start_time,
            "notes": json.loads(file.notes),
            "samples": None if series is None else series.data[:],
            "conversion": None if series is None else (series.conversion, series.rate, series.unit),
            "electrodes": file.electrodes.to_dataframe(),
            "group": file.electrode_groups["array"].description,
            "spikes": {
                one.electrodes.data[0]: (one.timestamps[:], one.data[:, 0], one.conversion) for one in spikes
            },
            "events": {name: table.to_dataframe() for name, table in file.events.items()},
            "texts": {
                name: {"": table.description, **{one.name: one.description for one in table.columns}}
                for name, table in file.events.items()
            },
            "units": None if file.units is None else file.units.to_dataframe(),
            "gaps": None if file.invalid_times is None else file.invalid_times.to_dataframe(),
            "keywords": tuple(file.keywords[:]),
            "subject": file.subject and file.subject.subject_id,
        }


def entries(found: dict[str, Any], table: str) -> list[tuple[int, Any]]:
    """Return the entries of a stream, put together from the columns of its table."""
    rows, words = found["events"][table], found["texts"][table]
    back: list[tuple[int, Any]] = []
    for _, row in rows.astype(object).iterrows():
        entry: Any = {}
        for name in row.index.drop("timestamp"):
            kind, _, key = words[name].partition(": the entry")
            held = _value(row[name], kind)
            if not key:
                entry = held
            elif held is not _NONE:
                entry[json.loads(key.removeprefix("'s "))] = held
        back.append((round(row["timestamp"] * 25_000), entry))
    return back


_NONE = object()


def _value(value: Any, kind: str) -> Any:
    if kind.startswith("values as JSON"):
        return json.loads(value) if value else _NONE
    if "where an entry has none" in kind and (value == "" or value != value):
        return _NONE
    return value.item() if isinstance(value, np.generic) else value


NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.booleans()
VALUES = st.recursive(
    st.none() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["id", "duration", "a/b"]
)
ENTRIES = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=5) | st.lists(VALUES, max_size=5)
DESIGNS = st.sampled_from([None, StimDesign(20, 2.5), StimDesign(160, -1.0, 320, 0.5, 40, -0.1)])
FRAMES = 300


def _events(*more: Any) -> Any:
    row = st.tuples(st.integers(0, FRAMES - 1), st.sampled_from([0, 8, 63]), *more)
    return st.lists(row, max_size=20, unique_by=lambda event: event[:2]).map(
        lambda rows: sorted(rows, key=lambda event: event[:2])
    )


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, NaN to NaN."""
    return as_json(a) == as_json(b) or a == b


@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])  # each takes half a second
@given(
    spikes=_events(), stims=_events(DESIGNS), streams=st.lists(ENTRIES, max_size=2), seed=st.integers(0, 99)
)
def test_what_was_recorded_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, spikes: Any, stims: Any, streams: Any, seed: int
) -> None:
    named = {
        f"stream {i}": [(7 * n, value) for n, value in enumerate(found)] for i, found in enumerate(streams)
    }
    content = Content(frames=FRAMES, spikes=spikes, stims=stims, streams=named, seed=seed)
    path = content.write(tmp_path_factory.mktemp("random") / "random.h5")
    found = read(export(path, compression=None if seed % 2 else "gzip"))
    np.testing.assert_array_equal(found["samples"], content.samples())
    assert set(found["spikes"]) == {channel for _, channel in spikes}
    for channel, (times, waveforms, conversion) in found["spikes"].items():
        chosen = [row for row, spike in enumerate(spikes) if spike[1] == channel]
        assert np.round(times * 25_000).tolist() == [spikes[row][0] for row in chosen]
        np.testing.assert_array_equal(waveforms, content.waveforms()[chosen])
        assert conversion == 1e-6
    check_stims(found["events"].get("stims"), stims)
    for i, wanted in enumerate(streams):
        if wanted:
            back = entries(found, f"stream_{i}")
            assert [frame for frame, _ in back] == [7 * n for n in range(len(wanted))]
            assert all(same(a, b) for (_, a), b in zip(back, wanted, strict=True)), (back, wanted)


def check_stims(rows: Any, stims: list[Any]) -> None:
    assert (rows is None) == (not stims)
    for row, (frame, channel, design) in zip([] if rows is None else rows.itertuples(), stims, strict=True):
        assert (round(row.timestamp * 25_000), row.channel) == (frame, channel)
        phases = (
            []
            if design is None
            else list(zip(design.phase_durations_us, design.phase_currents_uA, strict=True))
        )
        assert row.phases == len(phases)
        for number in range(3):
            held = (getattr(row, f"duration_us_{number + 1}"), getattr(row, f"current_uA_{number + 1}"))
            assert held == phases[number] if number < len(phases) else np.isnan(held).all()
        if phases:
            assert (row.width_us, row.amplitude_uA) == max(phases, key=lambda phase: abs(phase[1]))
            assert row.duration == sum(duration for duration, _ in phases) / 1e6


def test_what_the_file_says(tmp_path: Path) -> None:
    path = example().write(tmp_path / "one.h5", application={"dish": 7}, system={"hostname": "cl1-0042"})
    out = export(path, subject=pynwb.file.Subject(**SUBJECT), units=True, pitch_um=150, keywords=["x"])
    assert out == tmp_path / "one.nwb"
    found = read(out)
    assert (found["conversion"], found["start"]) == ((0.195e-6, 25_000.0, "volts"), CREATED)
    assert (found["subject"], found["keywords"]) == ("culture-7", ("x",))
    electrodes = found["electrodes"]
    assert electrodes.index.tolist() == list(range(64))
    assert (electrodes.rel_x == electrodes.index // 8 * 150).all()
    assert (electrodes.rel_y == electrodes.index % 8 * 150).all()
    assert set(electrodes.index[electrodes.role == "ground"]) == {0, 7, 56, 63}
    assert set(electrodes.index[electrodes.role == "reference"]) == {4}
    assert "150 um is nominal" in found["group"]
    (notes,) = found["notes"]
    assert notes["attributes"]["application"] == {"dish": 7}
    assert notes["data_streams"] == {"empty": 0, "game": 12}
    assert '"about": "game"' in found["texts"]["game"][""]
    units = found["units"]
    assert {c: t.tolist() for c, t in units.spike_times.items()} == {
        c: times.tolist() for c, (times, *_) in found["spikes"].items()
    }
    assert found["gaps"] is None


def test_the_hosts_clocks(tmp_path: Path) -> None:
    clock = [(0, 5, 2**60), (700, 2**60 + 1, 2**60 + 3)]
    paths = [
        Content(frames=700, clock=clock, streams={"host_clock": [(3, 1)]}).write(tmp_path / "a.h5"),
        Content(frames=50, clock=[(0, 6, 7), (50, 8, 9)], start=700).write(tmp_path / "b.h5"),
    ]
    rows = read(export(paths))["events"]["host_clock"]
    assert (rows.timestamp * 25_000).round().tolist() == [0, 700, 750]
    assert rows.monotonic_ns.tolist() == [5, 2**60 + 1, 8]
    assert rows.utc_ns.tolist() == [2**60, 2**60 + 3, 9]


def test_the_identifier_is_that_of_the_recording(tmp_path: Path) -> None:
    path = Content(frames=800).write(tmp_path / "one.h5")
    other = Content(frames=900).write(tmp_path / "other.h5")
    found = [read(export(path, tmp_path / f"{i}.nwb"))["identifier"] for i in range(2)]
    assert found[0] == found[1] != read(export(other))["identifier"]


def inspected(path: Path) -> list[Any]:
    from nwbinspector import Importance, inspect_nwbfile, load_config

    found = inspect_nwbfile(
        nwbfile_path=path,
        config=load_config("dandi"),
        importance_threshold=Importance.BEST_PRACTICE_VIOLATION,
    )
    return [message for message in found if message.check_function_name not in EXCEPTED]


def test_the_validators_find_nothing(tmp_path: Path) -> None:
    need_extra("test-all", "nwbinspector")
    first = example(clock=[(0, 1, 2), (30_000, 3, 4)]).write(tmp_path / "first.h5")
    later = example(start=90_000).write(tmp_path / "later.h5")
    bare = Content(frames=500).write(tmp_path / "bare.h5")
    for name, source, more in (("all", [first, later], {"units": True}), ("bare", bare, {})):
        out = export(source, tmp_path / f"{name}.nwb", subject=SUBJECT, **more)
        assert inspected(out) == []
        assert pynwb.validate(path=str(out)) == []
    assert [m.check_function_name for m in inspected(export(bare, tmp_path / "none.nwb"))] == [
        "check_subject_exists"
    ]


def test_spikeinterface_reads_the_samples(tmp_path: Path) -> None:
    need_extra("spikeinterface", "spikeinterface")
    from spikeinterface.extractors import read_nwb_recording

    content = example()
    found = read_nwb_recording(export(content.write(tmp_path / "one.h5"), units=True))
    np.testing.assert_array_equal(found.get_traces(), content.samples())
    assert found.get_channel_gains().tolist() == pytest.approx([0.195] * 64)


@pytest.mark.parametrize("given_as", ["paths", "view"])
def test_several_recordings_are_one_file_with_its_gaps(tmp_path: Path, given_as: str) -> None:
    parts = [
        example(9_000, start=1000),
        Content(frames=800, start=20_000, spikes=[(5, 60)]),
        Content(frames=100, start=20_800, streams={"game": [(9, {"score": 1.5})]}),
    ]
    paths = [part.write(tmp_path / f"{i}.h5") for i, part in enumerate(parts)]
    if given_as == "view":
        with open_many(paths) as view:
            found = read(export(view, tmp_path / "out.nwb"))
            assert len(list(view.recordings())) == 3, "the view was closed"
    else:
        found = read(export(reversed(paths), tmp_path / "out.nwb"))
    assert len(found["samples"]) == 19_900
    for part in parts:
        first = part.start - 1000
        np.testing.assert_array_equal(found["samples"][first : first + part.frames], part.samples())
    assert not found["samples"][9_000:19_000].any()
    gaps = found["gaps"]
    assert (gaps.start_time * 25_000).round().tolist() == [9_000]
    assert (gaps.stop_time * 25_000).round().tolist() == [19_000]
    assert gaps.tags.tolist() == [["gap"]]
    assert found["spikes"][60][0].tolist() == [19_005 / 25_000]
    assert entries(found, "game")[-1] == (19_809, {"score": 1.5})


def test_a_recording_without_an_end_and_one_that_grows(tmp_path: Path, accelerated: None) -> None:
    content = example()
    killed = read(export(content.write(tmp_path / "killed.h5", ended=False)))
    np.testing.assert_array_equal(killed["samples"], content.samples())
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(20_000)
        with RecordingView(recording.file["path"]) as view:
            held = len(view.samples)
            neurons.read(20_000)
            found = read(export(view, tmp_path / "growing.nwb"))
        recording.stop()
    assert len(found["samples"]) == held
    with recording.open() as view:
        np.testing.assert_array_equal(found["samples"], view.samples[:held])


def test_a_series_whose_last_recording_grows(tmp_path: Path, accelerated: None) -> None:
    with cl.open() as neurons:
        first = neurons.record(file_suffix="first")
        neurons.read(10_000)
        first.stop()
        neurons.read(5_000)
        last = neurons.record(file_suffix="last")
        neurons.read(20_000)
        with open_many([first.file["path"], last.file["path"]]) as joined:
            frames, spans = joined.attributes["duration_frames"], joined.spans()
            neurons.read(20_000)
            found = read(export(joined, tmp_path / "out.nwb"))
        last.stop()
    assert len(found["samples"]) == frames
    wanted = []
    for recording, (start, length) in zip((first, last), spans, strict=True):
        with recording.open() as view:
            np.testing.assert_array_equal(found["samples"][start : start + length], view.samples[:length])
            wanted += [
                int(spike["timestamp"]) + start for spike in view.spikes if spike["timestamp"] < length
            ]
    times = [time for times, *_ in found["spikes"].values() for time in times]
    assert sorted(np.round(np.array(times) * 25_000)) == wanted


def test_where_only_some_of_several_have_samples(tmp_path: Path) -> None:
    paths = [
        Content(frames=100).write(tmp_path / "a.h5"),
        Content(frames=50, start=100).write(tmp_path / "b.h5", include_raw_samples=False),
        Content(frames=30, start=150).write(tmp_path / "c.h5"),
    ]
    found = read(export(paths))
    assert len(found["samples"]) == 180
    (gap,) = found["gaps"].itertuples()
    assert (round(gap.start_time * 25_000), round(gap.stop_time * 25_000)) == (100, 150)
    assert gap.tags == ["no samples"]


def test_parts_that_were_not_recorded(tmp_path: Path) -> None:
    header = {f"include_{part}": False for part in ("raw_samples", "spikes", "stims", "data_streams")}
    found = read(export(Content().write(tmp_path / "nothing.h5", **header), units=True))
    assert (found["samples"], found["spikes"], found["events"], found["units"]) == (None, {}, {}, None)
    (notes,) = found["notes"]
    assert [notes[name] for name in ("samples", "spikes", "stims", "data_streams")] == [None, None, None, {}]


def test_names_that_nwb_has_itself_or_does_not_take(tmp_path: Path) -> None:
    entry = {"timestamp": 1, "columns": "x", "a/b": 2.5, "": True, "a:b": -1, "duration": "long"}
    names = ["stims", "a/b".replace("/", ":"), "µ-V"]
    content = example(frames=3000)
    content.streams = {name: [(3, entry), (5, entry)] for name in names}
    found = read(export(content.write(tmp_path / "one.h5")))
    assert {"stims", "stims_2", "a_b", "µ_V"} == set(found["events"])
    assert entries(found, "stims_2") == [(3, entry), (5, entry)]
    assert '"data_stream": "a:b"' in found["texts"]["a_b"][""]


def test_an_output_that_exists(tmp_path: Path) -> None:
    path = Content(frames=100).write(tmp_path / "one.h5")
    out = tmp_path / "one.nwb"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match=r"one\.nwb exists"):
        export(path)
    assert out.read_text() == "mine"
    with pytest.raises(ValueError, match="is the recording itself"):
        export(path, path, overwrite=True)
    assert len(read(export(path, overwrite=True))["samples"]) == 100
    assert sorted(os.listdir(tmp_path)) == ["one.h5", "one.nwb"]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"compression": "zip"}, ValueError, "compression must be 'gzip', 'lzf' or None, not 'zip'"),
        ({"pitch_um": 0}, ValueError, "pitch_um must be above 0"),
        ({"pitch_um": "wide"}, TypeError, "pitch_um"),
        ({"electrode_location": " "}, ValueError, "electrode_location"),
        ({"nonsense": 1}, TypeError, "nonsense"),
        ({"subject": {"colour": "red"}}, TypeError, "colour"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: Any, error: type[Exception], text: str) -> None:
    path = Content(frames=100).write(tmp_path / "one.h5")
    with pytest.raises(error, match=text):
        export(path, **arguments)
    assert os.listdir(tmp_path) == ["one.h5"]


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(ValueError, match=r"text\.h5 is not an HDF5 file"):
        export(tmp_path / "text.h5")
    with pytest.raises(FileNotFoundError):
        export(tmp_path / "missing.h5")
    assert os.listdir(tmp_path) == ["text.h5"]


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(ImportError, match=r"cl-aio\[nwb\]"):
        export(tmp_path / "one.h5")


@pytest.mark.parametrize("kilobytes", [0, 40, 2000])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, kilobytes: int) -> None:
    path = example(40_000).write(tmp_path / "one.h5")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, before[1]))
    try:
        with pytest.raises(OSError, match=r"one\.nwb"):
            export(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["one.h5"]


SECONDS = int(os.environ.get("CL_EXPORT_SECONDS", "60"))
SECOND = 25_000
MEMORY = """
import resource, sys
import h5py, pynwb
from cl.interop.nwb import export
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (int(sys.argv[2]) << 20),) * 2)
export(sys.argv[1])
"""


@pytest.mark.timeout(120 + SECONDS)
def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    """`CL_EXPORT_SECONDS=3600` has it try an hour, of 11.5 GB."""
    with cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        recording = neurons.record(file_location=str(tmp_path))
        for _ in range(SECONDS):
            neurons.read(SECOND)
        recording.stop()
    source = Path(recording.file["path"])
    path = os.pathsep.join([str(Path(cl.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(source), "150"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=100 + SECONDS,
    )
    assert done.returncode == 0, done.stderr
    with recording.open() as view, pynwb.NWBHDF5IO(str(source.with_suffix(".nwb")), "r") as io:
        series = io.read().acquisition["ElectricalSeries"]
        assert len(series.data) == SECONDS * SECOND
        for second in {0, SECONDS // 2, SECONDS - 1}:
            part = slice(second * SECOND, (second + 1) * SECOND)
            np.testing.assert_array_equal(series.data[part], view.samples[part])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cl.__main__ import main

    path = Content(frames=100).write(tmp_path / "one.h5")
    arguments = [
        "export",
        "nwb",
        str(path),
        "--subject-id",
        "c7",
        "--sex",
        "U",
        "--keyword",
        "a",
        "--keyword",
        "b",
    ]
    assert main([*arguments, "--session-start-time", "2026-01-02T03:04:05"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'one.nwb'}\n"
    found = read(tmp_path / "one.nwb")
    assert (found["subject"], found["keywords"], found["start"].hour) == ("c7", ("a", "b"), 3)
    assert main(arguments) == 1
    assert "exists" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--session-start-time", "now"]) == 1
    assert "--session-start-time must be a time in ISO 8601, not 'now'" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0
