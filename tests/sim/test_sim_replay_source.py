"""The replay source: a recording, looped."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl.sim.sources.replay_source import ReplaySource

SPIKE = np.dtype([("timestamp", "<i8"), ("channel", "u1"), ("samples", "<f4", (75,))])


def write(
    path: Path,
    samples: NDArray[np.int16] | None,
    spikes: list[tuple[int, int]],
    mean: float = 0.0,
    **attributes: object,
) -> Path:
    """Write a small recording; the spikes' samples are cut from the frames, less a mean in sample units."""
    rows = np.zeros(len(spikes), SPIKE)
    for row, (timestamp, channel) in zip(rows, spikes, strict=True):
        row["timestamp"], row["channel"] = timestamp, channel
        if samples is not None:
            window = np.arange(timestamp - 25, timestamp + 50)
            cut = np.where(
                (window >= 0) & (window < len(samples)), samples[window % len(samples), channel % 64], 0
            )
            row["samples"] = (cut - mean) * 0.195
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "channel_count": 64,
                "frames_per_second": 25_000,
                "uV_per_sample_unit": 0.195,
                "start_timestamp": 777,
                "duration_frames": 1_000,
                **attributes,
            }
        )
        if samples is not None:
            file["samples"] = samples
        file["spikes"] = rows
    return path


def noise(frames: int, seed: int = 1) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-90, 90, (frames, 64), dtype=np.int16)


def opened(path: Path, **arguments: object) -> ReplaySource:
    source = ReplaySource(path, **arguments)  # type: ignore[arg-type]
    source.open()
    return source


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spikes = [(0, 3), (0, 9), (1, 60), (30, 3), (2_499, 8), (2_500, 8), (5_000, 1), (6_002, 62)]
    return write(tmp_path_factory.mktemp("replay") / "r.h5", noise(6_003), spikes)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 6_002),
    st.integers(-20_000, 20_000),
    st.lists(st.integers(0, 9_000), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
    st.sampled_from([0, 123_456]),
)
def test_any_window_of_the_endless_loop(
    looped: Path, offset: int, first: int, gaps: list[int], order: random.Random, start: int
) -> None:
    windows = list(pairwise(accumulate(gaps, initial=first + start)))
    mixed = order.sample(windows, len(windows))  # It may end the example, so before the file is open.
    source = opened(looped, start_offset=offset, start_timestamp=start)
    samples = noise(6_003)
    spikes = {(t, c) for t, c in zip(*source.spikes(start - offset, start - offset + 6_003), strict=True)}
    assert {t - start + offset for t, _ in spikes} == {0, 1, 30, 2_499, 2_500, 5_000, 6_002}
    for low, high in mixed:
        positions = (np.arange(low, high) - start + offset) % 6_003
        assert (source.frames(low, high) == samples[positions]).all()
        wanted = [
            (t, c)
            for t, p in zip(range(low, high), positions.tolist(), strict=True)
            for c in sorted(c for s, c in spikes if s - start + offset == p)
        ]
        timestamps, channels = source.spikes(low, high)
        assert list(zip(timestamps, channels, strict=True)) == wanted
    source.close()


def test_the_reference_recording(shared_data: Path) -> None:
    reference = shared_data / "reference_recording.h5"
    source = opened(reference, start_offset=0)
    with h5py.File(reference) as file:
        samples, spikes = file["samples"][:], file["spikes"][:]
    assert source.duration_frames == 25_000
    assert source.uV_per_sample_unit == 0.195
    assert source.start_timestamp == 0
    assert (source.frames(0, 25_000) == samples).all()
    assert (source.frames(25_000, 50_000) == samples).all()
    timestamps, channels = source.spikes(0, 25_000)
    assert sorted(zip(timestamps, channels, strict=True)) == sorted(
        zip(spikes["timestamp"].tolist(), spikes["channel"].tolist(), strict=True)
    )
    for row in spikes:
        found = source.waveform(int(row["timestamp"]) + 75_000, int(row["channel"]))
        assert found is not None
        assert (found[0] == row["samples"]).all()
        # In this file the samples are the frames in µV; nothing was subtracted.
        assert found[1] == pytest.approx(0, abs=1e-5)
    source.close()


def test_the_subtracted_mean_is_derived(tmp_path: Path) -> None:
    samples = noise(1_000)
    spikes = [(3, 10), (500, 11), (990, 12)]
    path = write(tmp_path / "r.h5", samples, spikes, mean=12.5)
    source = opened(path, start_offset=400)
    for timestamp, channel in spikes:
        found = source.waveform(timestamp - 400, channel)
        assert found is not None
        waveform, mean = found
        assert waveform.dtype == np.float32
        assert waveform.shape == (75,)
        assert mean == pytest.approx(12.5, abs=1e-4)
        low, high = max(timestamp - 25, 0), min(timestamp + 50, 1_000)
        inside = waveform[low - timestamp + 25 : high - timestamp + 25]
        np.testing.assert_allclose(inside, (samples[low:high, channel] - 12.5) * 0.195, atol=1e-4)
    assert source.waveform(100, 13) is None
    assert source.waveform(101, 11) is None
    source.close()


def test_a_waveform_belongs_to_the_caller(tmp_path: Path) -> None:
    source = opened(write(tmp_path / "r.h5", noise(100), [(50, 5)]), start_offset=0)
    first, again = source.waveform(50, 5), source.waveform(50, 5)
    assert first is not None
    assert again is not None
    first[0][:] = 0
    assert again[0].any()
    third = source.waveform(50, 5)
    assert third is not None
    assert (third[0] == again[0]).all()
    source.close()


def test_without_samples_it_plays_zeros_and_warns(tmp_path: Path) -> None:
    path = write(tmp_path / "r.h5", None, [(10, 5), (900, 6)])
    source = ReplaySource(path, 0)
    with pytest.warns(UserWarning, match=r"r\.h5 has no samples: its spikes are replayed in frames of zeros"):
        source.open()
    assert source.spikes(0, 2_000) == ([10, 900, 1_010, 1_900], [5, 6, 5, 6])
    frames = source.frames(0, 3_000)
    assert frames.shape == (3_000, 64)
    assert not frames.any()
    found = source.waveform(10, 5)
    assert found is not None
    assert found[1] == 0.0
    source.close()


def test_the_offset_is_drawn_by_the_callers_generator(looped: Path) -> None:
    drawn = []
    for _ in range(2):
        source = opened(looped, rng=random.Random(5))
        drawn.append(source.start_offset)
        assert (source.frames(0, 50) == noise(6_003)[(np.arange(50) + drawn[-1]) % 6_003]).all()
        source.close()
    assert drawn[0] == drawn[1] == random.Random(5).randrange(6_003)
    offsets = set()
    for _ in range(6):
        source = opened(looped)
        offsets.add(source.start_offset)
        source.close()
    assert len(offsets) > 1


def test_a_recording_of_one_frame(tmp_path: Path) -> None:
    source = opened(write(tmp_path / "r.h5", noise(1), [(0, 9)]))
    assert (source.frames(-3, 700) == noise(1)).all()
    assert source.spikes(-2, 2_000) == (list(range(-2, 2_000)), [9] * 2_002)
    source.close()


def test_spikes_outside_the_frames_are_left_out(tmp_path: Path) -> None:
    source = opened(
        write(tmp_path / "r.h5", noise(100), [(-4, 1), (0, 1), (99, 2), (100, 3), (500, 4)]), start_offset=0
    )
    assert source.spikes(0, 200) == ([0, 99, 100, 199], [1, 2, 1, 2])
    source.close()


@pytest.mark.parametrize("offset", [-1, 6_003, 10**12])
def test_an_offset_that_is_not_there(looped: Path, offset: int) -> None:
    with pytest.raises(
        ValueError, match=rf"CL_SDK_REPLAY_START_OFFSET\) is {offset}; .*6003 frames.* 0 to 6002"
    ):
        ReplaySource(looped, offset)
    with h5py.File(looped, "r+"):  # It would still be locked if the source had left it open.
        pass


def test_files_that_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        ReplaySource(tmp_path / "missing.h5")
    foreign = tmp_path / "foreign.h5"
    foreign.write_text("not a recording at all")
    with pytest.raises(ValueError, match=r"foreign\.h5"):
        ReplaySource(foreign)
    with pytest.raises(ValueError, match="no frames"):
        ReplaySource(write(tmp_path / "empty.h5", noise(0), []))
    with pytest.raises(ValueError, match="on channel 64"):
        ReplaySource(write(tmp_path / "channel.h5", noise(10), [(5, 64)]))
    with pytest.raises(TypeError):
        ReplaySource(write(tmp_path / "good.h5", noise(10), []), "0")  # type: ignore[arg-type]


def test_damage_inside_names_the_file_and_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"channel_count": 64, "frames_per_second": 25_000})
        samples = file.create_dataset("samples", data=noise(6_000), chunks=(500, 64), fletcher32=True)
        place = samples.id.get_chunk_info_by_coord((3_000, 0)).byte_offset
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(b"\xff" * 64)
    source = opened(path, start_offset=0)
    assert (source.frames(0, 2_500) == noise(6_000)[:2_500]).all()
    with pytest.raises(RuntimeError, match=r"r\.h5: frames 2500 to 5000 cannot be read"):
        source.frames(2_600, 2_650)
    source.close()
    source.close()


def test_waveforms_of_many_spikes_are_their_own(tmp_path: Path) -> None:
    # More than are read together, and not in the order that the file has them in.
    rng = np.random.default_rng(3)
    times = rng.permutation(5_000)[:1_500]
    spikes = [(int(time), int(rng.integers(1, 60))) for time in times]
    source = ReplaySource(write(tmp_path / "r.h5", noise(5_000), spikes), 0)
    with h5py.File(tmp_path / "r.h5") as file:
        rows = {(int(row["timestamp"]), int(row["channel"])): row["samples"] for row in file["spikes"][:]}
    for timestamp, channel in rng.permutation(list(rows)).tolist():
        found = source.waveform(timestamp, channel)
        assert found is not None
        np.testing.assert_array_equal(found[0], rows[timestamp, channel])
    source.close()
