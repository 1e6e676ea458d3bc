"""What is in the culture's frames: noise, spikes where they are reported, artifacts of stimulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl.sim.culture import Culture, create
from cl.sim.culture.config import CultureConfig
from cl.sim.culture.drawn import Drawn
from cl.sim.culture.frames import FrameMaker
from cl.sim.culture.tissue import Tissue
from cl.sim.culture.waveforms import BEFORE_TROUGH, WAVEFORM_FRAMES, artifact, spike_waveforms
from cl.sim.user.data_source import DataSourceStim
from cl.sim.user.detector import Detector

UV = 0.195
GROUNDED = [0, 7, 56, 63]
OTHERS = [channel for channel in range(64) if channel not in (0, 4, 7, 56, 63)]


def pulse(timestamp: int, channel: int, current: float = -1.0, duration: int = 160) -> DataSourceStim:
    return DataSourceStim(timestamp, channel, timestamp, (duration, duration), (current, -current))


def frames_of(culture: Culture, count: int) -> NDArray[np.int16]:
    frames = culture.read(culture.position, count).frames
    assert frames is not None
    return frames


def test_noise() -> None:
    frames = frames_of(create(background=0), 50_000)
    assert not frames[:, GROUNDED].any()
    deviation = frames[:, OTHERS].std(axis=0) * UV
    assert np.all(np.abs(deviation - 5.0) < 0.1)
    assert np.all(np.abs(frames[:, OTHERS].mean(axis=0)) < 1.0)
    assert abs(frames[:, 4].std() * UV - 1.25) < 0.05
    # Neighbouring samples and channels have nothing to do with one another.
    assert abs(np.corrcoef(frames[1:, 20], frames[:-1, 20])[0, 1]) < 0.02
    assert abs(np.corrcoef(frames[:, 20], frames[:, 21])[0, 1]) < 0.02


def test_the_noise_can_be_chosen() -> None:
    assert not frames_of(create(background=0, noise_uV=0), 5_000).any()
    loud = frames_of(create(background=0, noise_uV=20, metadata={"uV_per_sample_unit": 0.5}), 25_000)
    assert abs(loud[:, 20].std() * 0.5 - 20) < 0.5


def test_waveforms_look_like_spikes() -> None:
    config = CultureConfig()
    tissue = Tissue(config)
    waveforms = spike_waveforms(config, tissue, UV)
    assert waveforms.shape == (tissue.units, WAVEFORM_FRAMES)
    assert np.all(waveforms.argmin(axis=1) == BEFORE_TROUGH)
    troughs = waveforms.min(axis=1) * UV
    assert np.all((troughs < -35) & (troughs > -165))
    # They begin and end near zero, and a slow, smaller hump follows the trough.
    assert np.all(np.abs(waveforms[:, 0]) * UV < 5) and np.all(np.abs(waveforms[:, -1]) * UV < 5)
    humps = waveforms[:, BEFORE_TROUGH:].max(axis=1) * UV
    assert np.all(humps > -0.15 * troughs) and np.all(humps < -0.5 * troughs)
    # The nearer, the larger.
    assert np.corrcoef(tissue.unit_distance, troughs)[0, 1] > 0.8


def test_every_spike_is_in_the_frames_and_every_deflection_is_a_spike() -> None:
    culture = create(seed=2, noise_uV=0)
    batch = culture.read(0, 100_000)
    assert batch.frames is not None
    unexplained = batch.frames.astype(np.int32)
    spikes = [(spike.timestamp, spike.channel) for spike in batch.spikes if spike.timestamp < 99_900]
    assert len(spikes) > 300
    visible = 0
    for timestamp, channel in spikes:
        around = batch.frames[timestamp - 3 : timestamp + 4, channel]
        visible += int(batch.frames[timestamp, channel] == around.min() and around.min() * UV < -30)
        unexplained[timestamp - BEFORE_TROUGH : timestamp + WAVEFORM_FRAMES, channel] = 0
    # Where two neurons of one channel fire at once, one trough hides the other.
    assert visible > 0.9 * len(spikes)
    # What is left are the neurons that fired within the dead time of another one's spike, and ended after it.
    assert np.count_nonzero(unexplained[:99_900]) < 0.001 * unexplained.size


def test_a_detector_finds_them() -> None:
    culture = create(seed=4)
    batch = culture.read(0, 150_000)
    assert batch.frames is not None
    truth = {(s.timestamp, s.channel) for s in batch.spikes if s.timestamp > 2_600}
    found = Detector(refractory_frames=25).feed(batch.frames)

    def near(spike: tuple[int, int], spikes: set[tuple[int, int]]) -> bool:
        return any((spike[0] + late, spike[1]) in spikes for late in range(-12, 13))

    assert len(truth) > 300
    assert sum(near(spike, set(found)) for spike in truth) > 0.85 * len(truth)
    assert sum(near(spike, truth) for spike in found) > 0.85 * len(found)


def test_the_artifact_is_all_that_a_pulse_adds_at_first() -> None:
    config = {"seed": 1, "background": 0, "silent_channels": [27]}
    plain, stimulated = create(**config), create(**config)
    stimulated.on_stims([pulse(1_007, 27)])
    added = frames_of(stimulated, 5_000).astype(np.int32) - frames_of(plain, 5_000)
    assert not added[:1_007].any()
    assert np.all(added[1_007][OTHERS] != 0)
    assert not added[:, [*GROUNDED, 4]].any()
    # The sign of the current: cathodic first, then anodic; on the channel itself to the amplifier's limits.
    assert np.all(added[1_007:1_011, OTHERS] < 0) and np.all(added[1_011:1_015, OTHERS] > 0)
    own = frames_of_one(pulse(1_007, 27), 27, config)
    assert set(own[1_007:1_011]) == {-32_768} and set(own[1_011:1_015]) == {32_767}
    # On the others it falls with the distance, and it is gone after some milliseconds.
    assert added[1_007, 28] == pytest.approx(-0.7 / (2 * np.pi * 200e-6) / UV, abs=1)
    assert added[1_007, 29] == pytest.approx(added[1_007, 28] / 2, abs=1)
    assert np.abs(added[1_007 + 250 :, [c for c in OTHERS if c != 27]]).max() < 10
    assert not added[1_007 + 1_000 :].any()


def frames_of_one(stim: DataSourceStim, channel: int, config: dict[str, object]) -> list[int]:
    culture = create(**config)
    culture.on_stims([stim])
    result: list[int] = frames_of(culture, stim.timestamp + 100)[:, channel].tolist()
    return result


def test_artifacts_add_up_before_they_saturate() -> None:
    def on_20(*stims: DataSourceStim) -> list[int]:
        culture = create(background=0, noise_uV=0, silent_channels=[20, 21])
        culture.on_stims(stims)
        result: list[int] = frames_of(culture, 200)[:, 20].tolist()
        return result

    one = on_20(pulse(100, 21, -3.0))
    assert one[100] == round(-3 * 0.7 / (2 * np.pi * 200e-6) / UV)
    assert on_20(pulse(100, 21, -3.0), pulse(100, 19, 3.0))[100:104] == [0] * 4
    assert on_20(pulse(100, 21, -3.0), pulse(100, 20, 1.0))[100] == 32_767
    # Equal and opposite far beyond what the converter takes: still nothing is left.
    assert on_20(pulse(100, 20, -1.0), pulse(100, 20, 1.0))[100:104] == [0] * 4


def test_without_the_artifact_the_answer_is_the_same() -> None:
    with_, without = create(seed=1), create(seed=1, artifact=False)
    for culture in (with_, without):
        culture.on_stims([pulse(1_000, 27, -2.0)])
    a, b = with_.read(0, 20_000), without.read(0, 20_000)
    assert list(a.spikes) == list(b.spikes)
    assert a.frames is not None and b.frames is not None
    assert np.array_equal(a.frames[:1_000], b.frames[:1_000])
    assert not np.array_equal(a.frames[1_000:2_000], b.frames[1_000:2_000])
    assert np.array_equal(a.frames[3_000:], b.frames[3_000:])
    assert np.abs(b.frames).max() * UV < 400


def test_phases_within_a_frame_are_averaged() -> None:
    shape = artifact(20, (20, 20), (-1.0, 1.0), OTHERS, UV)
    assert shape.own[0] == 0 and not shape.others[0].any()
    shape = artifact(20, (60, 60), (-1.0, 1.0), OTHERS, UV)
    loudest = 0.7 / (2 * np.pi * 200e-6) / UV
    assert [int(row[21]) for row in shape.others[:3]] == [round(-loudest), 0, round(loudest)]


def test_one_phase_and_three_phases() -> None:
    one = artifact(20, (160,), (-1.0,), OTHERS, UV)
    three = artifact(20, (80, 160, 80), (-1.0, 1.0, -1.0), OTHERS, UV)
    assert one.others[3, 21] < 0 and one.others[4, 21] < 0
    assert [np.sign(three.others[frame, 21]) for frame in (0, 2, 6, 8)] == [-1, 1, -1, -1]


def test_shapes_of_artifacts_are_bounded() -> None:
    maker = FrameMaker(CultureConfig(size=50), UV)
    for k in range(300):
        maker.draw_artifact(k, 20, (160, 160), (-0.001 * k - 0.001, 0.001 * k + 0.001))
        maker.make(k, 1)
    assert len(maker._shapes) <= 256
    maker.make(300, 2_000)
    assert maker._artifacts == [] and maker._spikes == []


@given(
    st.lists(st.tuples(st.integers(0, 2_500), st.integers(0, 2), st.integers(1, 1_500)), max_size=12),
    st.lists(st.integers(1, 1_200), min_size=1, max_size=12),
)
@settings(deadline=None, max_examples=50)
def test_drawings_come_out_once_however_they_are_cut(
    drawings: list[tuple[int, int, int]], windows: list[int]
) -> None:
    """Drawings are on one channel, on another, or on all; each is told of when its window comes."""
    whole = np.zeros((4_100, 64), np.int32)
    for first, kind, length in drawings:
        whole[first : first + length, slice(None) if kind == 2 else kind] += length
    drawn, at = Drawn(np.int32), 0
    for count in windows:
        for first, kind, length in drawings:
            if at <= first < at + count:
                shape = (length, 64) if kind == 2 else (length,)
                channel = slice(None) if kind == 2 else kind
                drawn.add(np.full(shape, length, np.int32), first - at, channel)
        twin = drawn.copy()
        found = drawn.take(count)
        expected = whole[at : at + count]
        assert np.array_equal(found, expected[: len(found)]) and not expected[len(found) :].any()
        assert np.array_equal(twin.take(count), found)
        twin.add(np.full(64, 7, np.int32), 0, 3)  # It goes its own way.
        at += count
        if at > 2_500:
            break


def test_an_artifact_is_drawn_once_not_in_every_window() -> None:
    maker, whole = (FrameMaker(CultureConfig(size=50), UV) for _ in range(2))
    for one in (maker, whole):
        one.draw_artifact(10, 20, (160, 160), (-1.0, 1.0))
    pieces = [maker.make(at, 25) for at in range(0, 1_000, 25)]
    assert np.array_equal(np.concatenate(pieces), whole.make(0, 1_000))
    again = FrameMaker(CultureConfig(size=50), UV)
    again.draw_artifact(10, 20, (160, 160), (-1.0, 1.0))
    again.make(0, 25)
    assert again._artifacts == []
