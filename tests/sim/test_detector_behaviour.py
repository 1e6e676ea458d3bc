"""What the detector finds, and when it says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cl.sim.user.detector import BLOCK_FRAMES, MEAN_FRAMES, Detector

SIGMA = 25.0


def noise(frames: int, seed: int = 1, sigma: float = SIGMA) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return np.rint(rng.standard_normal((frames, 64)) * sigma).astype(np.int16)


def plant(frames: NDArray[np.int16], timestamp: int, channel: int, size: float) -> None:
    """Add a spike of three frames, the largest in the middle, that leaves the baseline at `timestamp`."""
    frames[timestamp : timestamp + 3, channel] += np.rint(size * np.array([0.6, 1.0, 0.5])).astype(np.int16)


def test_planted_spikes_are_found_and_nothing_else() -> None:
    frames = noise(25_000)
    planted = [(3_000 + 97 * i, (11 * i) % 64) for i in range(200)]
    for timestamp, channel in planted:
        plant(frames, timestamp, channel, -15 * SIGMA)
    found = Detector().feed(frames)
    assert [channel for _, channel in found] == [channel for _, channel in planted]
    late = [found[i][0] - planted[i][0] for i in range(200)]
    assert set(late) <= {0, 1}
    # 0.6 * 15 sigma is far above the threshold: hardly ever does noise hide the first frame.
    assert late.count(0) > 190


@pytest.mark.parametrize("sign", [-1, 1])
def test_both_polarities_count(sign: int) -> None:
    frames = noise(5_000)
    plant(frames, 4_000, 9, sign * 15 * SIGMA)
    assert Detector().feed(frames) == [(4_000, 9)]


def test_noise_alone_gives_hardly_any_spikes() -> None:
    # One in 20 minutes and channel is one in 19 s of 64 channels; three in 2 s would be a wonder.
    assert len(Detector().feed(noise(50_000, seed=3))) <= 2


def test_the_threshold_is_in_multiples_of_the_noise() -> None:
    frames = noise(30_000, seed=5)
    low = Detector(threshold=3.0).feed(frames)
    # In white noise nearly every sample beyond the threshold is a crossing of its own: P(|x| > 3 sigma).
    expected = 0.0027 * 64 * (30_000 - BLOCK_FRAMES)
    assert expected * 0.8 < len(low) < expected * 1.2


def test_the_noise_estimate_is_right_and_robust() -> None:
    frames = noise(25_000)
    detector = Detector()
    detector.feed(frames)
    assert detector.noise is not None
    assert np.abs(detector.noise / SIGMA - 1).max() < 0.2
    assert abs(detector.noise.mean() / SIGMA - 1) < 0.02
    # Spikes of three frames at 100/s on every channel make the standard deviation more than twice as large.
    for timestamp in range(0, 24_900, 250):
        for channel in range(64):
            plant(frames, timestamp + 3 * channel, channel, -25 * SIGMA)
    busy = Detector()
    busy.feed(frames)
    assert busy.noise is not None
    assert busy.noise.mean() < 1.2 * SIGMA < 2 * SIGMA < frames.std()


def test_the_estimate_follows_the_noise() -> None:
    detector = Detector()
    detector.feed(noise(25_000))
    detector.feed(noise(25_000, seed=2, sigma=4 * SIGMA))
    assert detector.noise is not None
    assert abs(detector.noise.mean() / (4 * SIGMA) - 1) < 0.05


def test_a_burst_of_noise_does_not_deafen() -> None:
    detector = Detector()
    detector.feed(noise(25_000))
    before = detector.noise
    detector.feed(noise(2 * BLOCK_FRAMES, seed=2, sigma=20 * SIGMA))
    assert before is not None and detector.noise is not None
    assert detector.noise.mean() < 1.2 * before.mean()


def test_offsets_do_not_matter() -> None:
    frames = noise(10_000)
    plant(frames, 6_000, 1, -12 * SIGMA)
    offsets = (np.arange(64) * 300 - 9_000).astype(np.int16)
    assert Detector().feed(frames + offsets) == Detector().feed(frames) == [(6_000, 1)]


def test_slow_waves_do_not_matter() -> None:
    frames = noise(50_000)
    wave = np.rint(100 * SIGMA * np.sin(2 * math.pi * 2 * np.arange(50_000) / 25_000)).astype(np.int16)
    plant(frames, 30_000, 20, -15 * SIGMA)
    assert Detector().feed(frames + wave[:, None]) == [(30_000, 20)]


def test_noiseless_frames_have_a_threshold_of_one_unit_of_noise() -> None:
    frames = np.zeros((6_000, 64), np.int16)
    frames[4_000, 5] = -6
    frames[4_000, 6] = -5
    frames[5_000, 7] = 6
    assert Detector().feed(frames) == [(4_000, 5), (5_000, 7)]


def test_nothing_is_found_before_the_first_estimate() -> None:
    frames = noise(2 * BLOCK_FRAMES)
    plant(frames, BLOCK_FRAMES - 10, 8, -1_000)
    plant(frames, BLOCK_FRAMES + 50, 8, -1_000)
    detector = Detector()
    assert detector.feed(frames[: BLOCK_FRAMES - 1]) == []
    assert detector.noise is None
    assert detector.feed(frames[BLOCK_FRAMES - 1 :]) == [(BLOCK_FRAMES + 50, 8)]


def test_a_spike_is_reported_by_the_call_that_is_fed_its_frame() -> None:
    frames = np.zeros((4_000, 64), np.int16)
    frames[3_500, 30] = -100
    detector = Detector()
    assert detector.feed(frames[:3_500]) == []
    assert detector.feed(frames[3_500:3_501]) == [(3_500, 30)]
    assert detector.feed(frames[3_501:]) == []


def test_the_refractory_time_is_per_channel() -> None:
    frames = noise(4_000)
    for timestamp, channel in [(3_000, 1), (3_024, 1), (3_024, 2), (3_030, 1), (3_100, 1), (3_125, 1)]:
        frames[timestamp, channel] = -1_000
    expected = [(3_000, 1), (3_024, 2), (3_030, 1), (3_100, 1), (3_125, 1)]
    assert Detector(refractory_frames=25).feed(frames) == expected
    assert (3_024, 1) in Detector(refractory_frames=24).feed(frames)


def test_a_long_excursion_is_one_spike() -> None:
    frames = np.zeros((4_000, 64), np.int16)
    frames[2_990 : 2_990 + MEAN_FRAMES // 2, 3] = -1_000
    # Its end leaves the mean far from zero, which is no crossing either: the level was never below.
    assert Detector(refractory_frames=1).feed(frames) == [(2_990, 3)]


def test_start_timestamp_only_shifts() -> None:
    frames = noise(8_000)
    plant(frames, 5_000, 12, -400)
    first, second = Detector(), Detector(start_timestamp=123_457)
    assert [(t + 123_457, c) for t, c in first.feed(frames)] == second.feed(frames) == [(128_457, 12)]
    assert second.position == 123_457 + 8_000


def test_other_channel_counts() -> None:
    frames = np.zeros((3_000, 3), np.int16)
    frames[2_700, 2] = 50
    assert Detector(channel_count=3).feed(frames) == [(2_700, 2)]


@pytest.mark.parametrize(
    ("frames", "error", "text"),
    [
        (np.zeros((5, 64), np.int32), TypeError, "int32"),
        (np.zeros((5, 64), np.float32), TypeError, "float32"),
        ([[0] * 64], TypeError, "list"),
        (np.zeros((5, 63), np.int16), ValueError, r"\(5, 63\)"),
        (np.zeros(64, np.int16), ValueError, r"\(64,\)"),
    ],
)
def test_bad_frames_change_nothing(frames: object, error: type[Exception], text: str) -> None:
    detector = Detector()
    with pytest.raises(error, match=text):
        detector.feed(frames)  # type: ignore[arg-type]
    assert detector.position == 0
    assert detector.feed(np.zeros((0, 64), np.int16)) == []


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("channel_count", 0, ValueError),
        ("channel_count", 64.0, TypeError),
        ("threshold", 0, ValueError),
        ("threshold", math.inf, ValueError),
        ("threshold", math.nan, ValueError),
        ("threshold", "5", TypeError),
        ("threshold", True, TypeError),
        ("refractory_frames", 0, ValueError),
        ("refractory_frames", 2.5, TypeError),
        ("start_timestamp", None, TypeError),
        ("start_timestamp", False, TypeError),
    ],
)
def test_bad_arguments_are_named(name: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        Detector(**{name: value})  # type: ignore[arg-type]


def test_a_threshold_beyond_every_sample_finds_nothing() -> None:
    frames = np.zeros((3_000, 64), np.int16)
    frames[2_600] = -32_768
    assert Detector(threshold=1e12).feed(frames) == []
