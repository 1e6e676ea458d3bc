"""The random source: its distribution, its consistency, its determinism, its limits."""

from __future__ import annotations

import threading
from functools import cache
from itertools import accumulate, pairwise
from random import Random
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl._values.constants import GROUNDED, REFERENCE
from cl.sim.sources.poisson import CentredPoisson
from cl.sim.sources.random_source import SPIKING, RandomSource

MINUTE = 60 * 25_000


@cache
def long_run() -> NDArray[np.int16]:
    return RandomSource(20_260_101).frames(0, 200_000)


def crossings(frames: NDArray[np.int16], threshold: int, start: int = 0) -> tuple[list[int], list[int]]:
    beyond = np.abs(frames.astype(np.int32)) > threshold
    beyond[:, REFERENCE] = False
    places = np.argwhere(beyond)
    return (places[:, 0] + start).tolist(), places[:, 1].tolist()


def chi_square(observed: NDArray[np.int64], expected: NDArray[np.float64]) -> tuple[float, int]:
    """Pearson's statistic with the rare values put together, and its degrees of freedom."""
    often = expected >= 10
    observed = np.append(observed[often], observed[~often].sum()).astype(np.float64)
    expected = np.append(expected[often], expected[~often].sum())
    if expected[-1] < 10:
        observed, expected = observed[:-1], expected[:-1]
    return float(((observed - expected) ** 2 / expected).sum()), len(expected) - 1


@pytest.mark.parametrize(
    ("mean", "percentile"), [(170, 99.995), (170, 100), (170, 60), (12.5, 99.9), (3000, 99)]
)
def test_the_samples_are_poisson(mean: float, percentile: float) -> None:
    frames = RandomSource(7, mean, percentile).frames(0, 100_000)[:, list(SPIKING)]
    noise = CentredPoisson(mean)
    shifted = frames.reshape(-1).astype(np.int64) - int(noise.values[0])
    observed = np.bincount(shifted, minlength=len(noise.pmf))
    statistic, freedom = chi_square(observed, noise.pmf * frames.size)
    assert abs(statistic - freedom) < 4.5 * np.sqrt(2 * freedom)


def test_the_tails_are_poisson_too() -> None:
    # A look-up table of 65 536 entries alone would fail here: its steps are as large as these probabilities.
    frames = long_run()[:, list(SPIKING)]
    noise = CentredPoisson(170)
    for limit in (45, 50, 55, 60):
        for beyond, tail in (
            (frames > limit, noise.values > limit),
            (frames < -limit, noise.values < -limit),
        ):
            expected = float(noise.pmf[tail].sum()) * frames.size
            assert abs(int(beyond.sum()) - expected) < 4.5 * np.sqrt(expected)


def test_every_channel_has_its_own_noise() -> None:
    frames = long_run().astype(np.float64)
    assert not frames[:, list(GROUNDED)].any()
    spread = frames.std(axis=0)
    assert np.all(np.abs(spread[list(SPIKING)] - np.sqrt(170)) < 0.15)
    assert spread[REFERENCE] == pytest.approx(np.sqrt(170 / 4), rel=0.02)
    live = frames[:, [c for c in range(64) if c not in GROUNDED]]
    correlation = np.corrcoef(live, rowvar=False) - np.eye(60)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(frames))


@pytest.mark.parametrize("lag", [1, 2, 16, 2_500])
def test_there_is_no_memory_in_time(lag: int) -> None:
    live = long_run()[:, list(SPIKING)].astype(np.float64)
    a, b = live[:-lag].reshape(-1), live[lag:].reshape(-1)
    assert abs(float((a * b).mean())) / 170 < 5 / np.sqrt(a.size)


def test_other_seeds_give_other_noise() -> None:
    first = RandomSource(1).frames(0, 50_000)[:, list(SPIKING)].astype(np.float64)
    for seed in (2, 3, 2**40, 2**200):
        other = RandomSource(seed).frames(0, 50_000)[:, list(SPIKING)].astype(np.float64)
        assert abs(float((first * other).mean())) / 170 < 5 / np.sqrt(first.size)


def test_the_rate_is_that_of_the_percentile() -> None:
    timestamps, channels = RandomSource(11).spikes(0, 10 * MINUTE)
    assert len(timestamps) == pytest.approx(74.675 * 600, abs=4.5 * np.sqrt(74.675 * 600))
    counts = np.bincount(channels, minlength=64)
    expected = len(timestamps) / len(SPIKING)
    assert not counts[[*GROUNDED, REFERENCE]].any()
    statistic = float(((counts[list(SPIKING)] - expected) ** 2 / expected).sum())
    assert abs(statistic - 58) < 4.5 * np.sqrt(2 * 58)
    per_second = np.bincount(np.array(timestamps) // 25_000, minlength=600)
    assert per_second.var() == pytest.approx(per_second.mean(), rel=0.25)


PARAMETERS = [
    {},
    {"spike_visibility": True},
    {"start_timestamp": 1_234_567},
    {"sample_mean": 0},
    {"sample_mean": 0, "spike_percentile": 0},
    {"sample_mean": 0.3},
    {"sample_mean": 2.5, "spike_percentile": 99},
    {"sample_mean": 10_000},
    {"sample_mean": 1_000_000, "spike_percentile": 0, "spike_visibility": True},
    {"spike_percentile": 100},
    {"spike_percentile": 99.9999999},
    {"spike_percentile": 99.7},
    {"spike_percentile": 50},
    {"spike_percentile": 0},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_spikes_are_exactly_the_samples_beyond_the_threshold(parameters: dict[str, float]) -> None:
    source = RandomSource(5, **parameters)  # type: ignore[arg-type]
    start, stop = source.start_timestamp - 2_600, source.start_timestamp + 5_100
    frames = source.frames(start, stop)
    assert source.spikes(start, stop) == crossings(frames, source.threshold, start)


def test_over_a_minute_spikes_and_frames_agree() -> None:
    source = RandomSource(8)
    found: tuple[list[int], list[int]] = ([], [])
    for start in range(0, MINUTE, 25_000):
        for into, part in zip(found, crossings(source.frames(start, start + 25_000), 53, start), strict=True):
            into.extend(part)
    assert source.threshold == 53
    assert RandomSource(8).spikes(0, MINUTE) == found
    assert len(found[0]) > 4_000


def test_extreme_percentiles() -> None:
    assert RandomSource(3, spike_percentile=100).spikes(0, MINUTE) == ([], [])
    source = RandomSource(3, spike_percentile=0)
    frames = source.frames(0, 1_000)[:, list(SPIKING)]
    assert source.threshold == 0
    assert len(source.spikes(0, 1_000)[0]) == np.count_nonzero(frames) > 0.95 * frames.size
    flat = RandomSource(3, sample_mean=0, spike_percentile=0)
    assert not flat.frames(0, 5_000).any()
    assert flat.spikes(0, MINUTE) == ([], [])


def test_visibility_triples_the_spikes_and_nothing_else() -> None:
    plain, visible = RandomSource(4), RandomSource(4, spike_visibility=True)
    assert plain.spikes(0, 50_000) == visible.spikes(0, 50_000)
    wanted = plain.frames(0, 50_000)
    timestamps, channels = plain.spikes(0, 50_000)
    wanted[timestamps, channels] *= 3
    assert (visible.frames(0, 50_000) == wanted).all()


def test_visibility_stays_within_an_int16() -> None:
    source = RandomSource(4, sample_mean=1_000_000, spike_percentile=0, spike_visibility=True)
    frames = source.frames(0, 1_000)[:, list(SPIKING)]
    assert np.abs(frames.astype(np.int32)).max() <= 3 * 6_000
    assert not (frames % 3).any()


def test_the_start_moves_the_data() -> None:
    early, late = RandomSource(6), RandomSource(6, start_timestamp=1_000_003)
    assert (early.frames(10, 6_000) == late.frames(1_000_013, 1_006_003)).all()
    timestamps, channels = early.spikes(0, 30_000)
    assert late.spikes(1_000_003, 1_030_003) == ([t + 1_000_003 for t in timestamps], channels)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(-60_000, 120_000),
    st.lists(st.integers(0, 9_000), min_size=1, max_size=6),
    st.sampled_from([99.995, 99.9, 90.0]),
    st.randoms(use_true_random=False),
)
def test_chunking_changes_nothing(first: int, gaps: list[int], percentile: float, order: Random) -> None:
    windows = list(pairwise(accumulate(gaps, initial=first)))
    mixed = order.sample(windows, len(windows))
    source = RandomSource(9, spike_percentile=percentile)
    pieces = {window: (source.frames(*window), *source.spikes(*window)) for window in mixed}
    whole = RandomSource(9, spike_percentile=percentile)
    timestamps, channels = whole.spikes(first, windows[-1][1])
    assert [t for window in windows for t in pieces[window][1]] == timestamps
    assert [c for window in windows for c in pieces[window][2]] == channels
    for window in windows:
        assert (pieces[window][0] == whole.frames(*window)).all()
    assert sorted(zip(timestamps, channels, strict=True)) == list(zip(timestamps, channels, strict=True))


@pytest.mark.parametrize("edge", [0, 2_500, 25_000, 50_000, -25_000])
@pytest.mark.parametrize("percentile", [99.995, 99.0])
def test_block_boundaries(edge: int, percentile: float) -> None:
    source = RandomSource(12, spike_percentile=percentile)
    whole = source.frames(edge - 100, edge + 100)
    for cut in range(edge - 3, edge + 4):
        again = RandomSource(12, spike_percentile=percentile)
        assert (np.concatenate([again.frames(edge - 100, cut), again.frames(cut, edge + 100)]) == whole).all()
        parts = again.spikes(edge - 100, cut), again.spikes(cut, edge + 100)
        assert (parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]) == source.spikes(edge - 100, edge + 100)


def test_empty_windows() -> None:
    source = RandomSource(1)
    for at in (-1, 0, 24_999, 25_000, 10**12):
        assert source.spikes(at, at) == ([], [])
        assert source.frames(at, at).shape == (0, 64)
    with pytest.raises(ValueError, match="before the start"):
        source.frames(5, 4)


def test_far_away_it_is_the_same_source() -> None:
    far = 25_000 * 3_600 * 24 * 365 * 50
    a, b = RandomSource(2), RandomSource(2)
    a.frames(0, 100)
    assert (a.frames(far, far + 5_000) == b.frames(far, far + 5_000)).all()
    assert a.spikes(far, far + 5_000) == crossings(b.frames(far, far + 5_000), 53, far)


def test_the_caller_owns_its_data() -> None:
    source = RandomSource(1)
    frames = source.frames(0, 25)
    frames[:] = 0
    assert source.frames(0, 25).any()
    timestamps, channels = source.spikes(0, 25_000)
    timestamps.clear()
    channels.clear()
    assert source.spikes(0, 25_000)[0]
    assert source.frames(0, 25).dtype == np.int16


def test_open_close_and_waveform() -> None:
    source = RandomSource(1)
    source.open()
    before = source.frames(0, 100)
    source.close()
    assert (source.frames(0, 100) == before).all()
    assert source.waveform(10, 3) is None
    assert source.uV_per_sample_unit == 0.195


def test_many_threads_see_the_same_data() -> None:
    source, reference = RandomSource(21), RandomSource(21)
    whole, spikes = reference.frames(0, 60_000), reference.spikes(0, 60_000)
    wrong: list[object] = []

    def reader(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for start in rng.integers(0, 59_000, 60).tolist():
                stop = start + int(rng.integers(1, 1_000))
                low, high = np.searchsorted(spikes[0], (start, stop)).tolist()
                if source.spikes(start, stop) != (spikes[0][low:high], spikes[1][low:high]):
                    wrong.append((start, stop))
                if not (source.frames(start, stop) == whole[start:stop]).all():
                    wrong.append((start, stop))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=reader, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1, it must be at least 0"),
        ({"sample_mean": -0.1}, "sample_mean is -0.1, it must be from 0 to 1e"),
        ({"sample_mean": 1_000_001}, "sample_mean is 1000001"),
        ({"sample_mean": float("nan")}, "sample_mean is nan"),
        ({"sample_mean": float("inf")}, "sample_mean is inf"),
        ({"spike_percentile": -1}, "spike_percentile is -1, it must be from 0 to 100"),
        ({"spike_percentile": 100.001}, "spike_percentile is 100.001"),
    ],
)
def test_values_out_of_range(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomSource(**{"seed": 1, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [{"seed": "1"}, {"seed": 1.5}, {"sample_mean": "170"}, {"sample_mean": True}, {"spike_percentile": None}],
)
def test_wrong_types(arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        RandomSource(**{"seed": 1, **arguments})  # type: ignore[arg-type]


def test_the_data_of_a_seed_stay_what_they_are() -> None:
    # Users repeat runs by their seed, also with a later version of this package.
    source = RandomSource(42)
    timestamps, channels = source.spikes(0, 25_000)
    assert list(zip(timestamps, channels, strict=True))[:4] == [(46, 46), (513, 5), (534, 42), (592, 29)]
    frames = source.frames(0, 25_000)
    assert frames[0, :12].tolist() == [0, 18, 7, 8, 1, 39, 22, 0, -21, -14, -25, -9]
    assert crc32(frames.tobytes()) == 1_949_865_018
    assert crc32(repr(source.spikes(0, 250_000)).encode()) == 794_069_250
