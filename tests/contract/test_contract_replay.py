"""The replay source through the public API (contract, section 8)."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import cl

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.fixture
def reference(shared_data: Path) -> Path:
    return shared_data / "reference_recording.h5"


@pytest.fixture
def replayed(reference: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", str(reference))
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "0")
    return reference


def recorded(path: Path) -> tuple[np.ndarray, list[tuple[int, int]], np.ndarray]:
    with h5py.File(path) as file:
        spikes = file["spikes"][:]
        order = np.lexsort((spikes["channel"], spikes["timestamp"]))
        keys = [(int(t), int(c)) for t, c in zip(spikes["timestamp"], spikes["channel"], strict=True)]
        return file["samples"][:], [keys[i] for i in order], spikes["samples"][order]


def test_a_replay_plays_the_recording_and_loops(replayed: Path) -> None:
    samples, spikes, waveforms = recorded(replayed)
    with cl.open() as neurons:
        frames = neurons.read(50_000)
        found = neurons.read(50_000, 0, analysis=True).spikes
        assert np.array_equal(frames[:25_000], samples)
        assert np.array_equal(frames[25_000:], samples)
        keys = [(s.timestamp, s.channel) for s in found]
        assert keys == spikes + [(t + 25_000, c) for t, c in spikes]
        assert np.array_equal(found[0].samples, waveforms[0])


def test_a_loop_over_a_replay_sees_every_spike(replayed: Path) -> None:
    _, spikes, _ = recorded(replayed)
    with cl.open() as neurons:
        seen = [s for t in neurons.loop(1000, stop_after_seconds=1) for s in t.analysis.spikes]
    assert [(s.timestamp, s.channel) for s in seen] == spikes


def test_the_offset_is_where_it_begins(replayed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "24000")
    samples, _, _ = recorded(replayed)
    with cl.open() as neurons:
        assert np.array_equal(neurons.read(2000), np.concatenate((samples[24_000:], samples[:1000])))


def test_without_an_offset_it_is_drawn_and_the_seed_fixes_it(
    replayed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CL_SDK_REPLAY_START_OFFSET")

    def beginning() -> bytes:
        with cl.open() as neurons:
            data: bytes = neurons.read(50).tobytes()
            return data

    with_seed = {beginning() for _ in range(3)}
    monkeypatch.delenv("CL_SDK_RANDOM_SEED")
    without = {beginning() for _ in range(8)}
    assert len(with_seed) == 1
    assert len(without) > 1


def test_a_user_recording_of_spikes_only_plays_zero_frames(
    reference: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = tmp_path / "spikes_only.h5"
    with h5py.File(reference) as source, h5py.File(copy, "w") as file:
        for name, value in source.attrs.items():
            file.attrs[name] = value
        source.copy("spikes", file)
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", str(copy))
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "0")
    with pytest.warns(UserWarning, match="no samples"), cl.open() as neurons:  # noqa: PT031
        assert not neurons.read(25_000).any()
        assert len(neurons.read(25_000, 0, analysis=True).spikes) == 240


@pytest.mark.parametrize("fault", ["missing", "truncated", "foreign", "no recording"])
def test_a_file_that_cannot_be_played_is_told(
    reference: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    path = tmp_path / "file.h5"
    if fault == "truncated":
        path.write_bytes(reference.read_bytes()[:100_000])
    elif fault == "foreign":
        path.write_text("not HDF5")
    elif fault == "no recording":
        h5py.File(path, "w").close()
    monkeypatch.setenv("CL_SDK_REPLAY_PATH", str(path))
    with (
        pytest.raises(ValueError, match=r"^CL_SDK_REPLAY_PATH='.*file.h5' cannot be replayed: .*file.h5"),
        cl.open(),
    ):
        pass
    monkeypatch.delenv("CL_SDK_REPLAY_PATH")
    with cl.open() as neurons:
        assert len(neurons.read(1)) == 1


def test_an_offset_outside_of_the_recording_is_told(replayed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_REPLAY_START_OFFSET", "25000")
    with pytest.raises(ValueError, match=r"CL_SDK_REPLAY_START_OFFSET\) is 25000; .* 0 to 24999"), cl.open():
        pass
