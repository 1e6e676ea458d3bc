"""The detector gives the same, however the frames are cut: against a plain description of the method."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl.sim.user.detector import (
    BLOCK_FRAMES,
    BLOCKS_KEPT,
    MEAN_FRAMES,
    MIN_SIGMA,
    NORMAL_MEDIAN,
    STRIDE,
    Detector,
)

FRAMES = 3 * BLOCK_FRAMES + 400


def plainly(frames: NDArray[np.int16], threshold: float, refractory: int) -> list[tuple[int, int]]:
    """The method in its own words, over a whole stream, in 64-bit numbers."""
    x = frames.astype(np.int64)
    sums = np.cumsum(np.vstack([np.zeros((MEAN_FRAMES, x.shape[1]), np.int64), x]), axis=0)
    level = np.abs(MEAN_FRAMES * x - (sums[MEAN_FRAMES:] - sums[:-MEAN_FRAMES]))
    spikes = []
    for channel in range(x.shape[1]):
        medians: list[int] = []
        last, was_above = -(10**9), False
        for block in range(0, len(x), BLOCK_FRAMES):
            if medians:
                middle = sorted(medians[-BLOCKS_KEPT:])[len(medians[-BLOCKS_KEPT:]) // 2]
                limit = int(threshold * max(middle / NORMAL_MEDIAN, MIN_SIGMA * MEAN_FRAMES))
                for timestamp in range(block, min(block + BLOCK_FRAMES, len(x))):
                    above = bool(level[timestamp, channel] > limit)
                    if above and not was_above and timestamp - last >= refractory:
                        last = timestamp
                        spikes.append((timestamp, channel))
                    was_above = above
            samples = np.sort(level[block : block + BLOCK_FRAMES : STRIDE, channel])
            medians.append(int(samples[len(samples) // 2]))
    return sorted(spikes)


def recording(seed: int, scale: float) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((FRAMES, 4)) * scale
    x[rng.random(x.shape) < 0.01] *= 8
    x[:, 3] = 0
    return np.clip(np.rint(x), -32_768, 32_767).astype(np.int16)


def in_pieces(frames: NDArray[np.int16], cuts: list[int], threshold: float) -> list[tuple[int, int]]:
    detector = Detector(frames.shape[1], threshold, 1)
    edges = [0, *sorted(cuts), len(frames)]
    return [spike for a, b in pairwise(edges) for spike in detector.feed(frames[a:b])]


@pytest.mark.parametrize("refractory", [1, 25])
@pytest.mark.parametrize(("seed", "scale"), [(1, 25.0), (2, 3.0), (3, 20_000.0)])
def test_it_does_what_it_says(seed: int, scale: float, refractory: int) -> None:
    frames = recording(seed, scale)
    # At the largest scale the noise is as large as can be: a lower threshold, or there is nothing beyond it.
    threshold = 1.5 if scale > 1_000 else 5.0
    expected = plainly(frames, threshold, refractory)
    assert len(expected) > 50
    assert Detector(4, threshold, refractory).feed(frames) == expected


@pytest.mark.parametrize("size", [1, 7, 25, 249, 250, 251, 2_500, 5_000])
def test_windows_of_one_size(size: int) -> None:
    frames = recording(4, 25.0)
    whole = Detector(4, 4.0, 1).feed(frames)
    assert len(whole) > 50
    assert in_pieces(frames, list(range(size, len(frames), size)), 4.0) == whole


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, FRAMES), max_size=60))
def test_windows_of_any_size(cuts: list[int]) -> None:
    frames = recording(5, 25.0)
    assert in_pieces(frames, cuts, 4.0) == Detector(4, 4.0, 1).feed(frames)


def test_frames_need_not_be_contiguous() -> None:
    frames = recording(6, 25.0)
    wide = np.zeros((len(frames), 8), np.int16)
    wide[:, ::2] = frames
    assert Detector(4).feed(wide[:, ::2]) == Detector(4).feed(frames)


def test_the_frames_fed_stay_as_they_are() -> None:
    frames = recording(7, 25.0)
    frames.flags.writeable = False
    before = frames.copy()
    Detector(4).feed(frames)
    assert np.array_equal(frames, before)
