"""The Lempel-Ziv complexity of spike trains."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cl._values.numbers import whole
from cl.analysis.arguments import bin_seconds, nearest_frames, truth
from cl.analysis.kernels import phrases
from cl.analysis.recorded import rate_of
from cl.analysis.results.lempel_ziv import AnalysisResultComplexityLempelZiv
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import Bins, window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable


def analyse_lempel_ziv_complexity(
    view: Analysable, bin_size_sec: float, min_bin_count: int, normalise: bool, use_binary: bool
) -> AnalysisResultComplexityLempelZiv:
    """Return how many phrases each channel's bins are made of (LZ78: Ziv & Lempel 1978, IEEE TIT 24:530).

    A bin is 1 with spikes and 0 without; with `use_binary=False` it is the number of spikes. c is the number
    of phrases, each the shortest not seen before; a rest at the end that was seen before does not count (K5).
    `normalise`: c · log_k(B) / B for k symbols and B bins (Lempel & Ziv 1976, IEEE TIT 22:75), 0 at B = 1.
    Short sequences exceed 1. 0 below `min_bin_count` bins, and where there is one symbol only, as in a silent
    channel that is not binary; one that is scores above 0. Of several recordings no phrase goes on into the
    next.

    antropy's `lziv_complexity` counts the components of LZ76: other numbers.
    `bin_size_sec`: above 0, rounded to whole frames, at least one. `min_bin_count`: at least 0.
    """
    seconds = bin_seconds(bin_size_sec)
    least = whole(min_bin_count, "min_bin_count", 0)
    normalised, binary = truth(normalise, "normalise"), truth(use_binary, "use_binary")
    size = nearest_frames(seconds, rate_of(view))
    window = window_of(view)
    bins = Bins(window, size)
    order = np.argsort(window.channels, kind="stable")
    bounds = np.cumsum(np.bincount(window.channels, minlength=window.channel_count))
    by_channel = np.split(bins.of(window.frames[order]), bounds[:-1])
    scores = np.zeros((window.channel_count, 1))
    if len(bins) >= max(least, 1):
        for channel, found in enumerate(by_channel):
            scores[channel, 0] = _score(
                np.bincount(found, minlength=len(bins)), bins.firsts, normalised, binary
            )
    return AnalysisResultComplexityLempelZiv(
        metadata=metadata_of(view), bin_size_sec=seconds, lzc_scores_per_channel=scores
    )


def _score(counts: NDArray[np.int64], firsts: NDArray[np.int64], normalised: bool, binary: bool) -> float:
    """Return the score of one channel; `firsts` are the bins in which recordings begin."""
    symbols = (counts > 0).astype(np.int64) if binary else counts
    alphabet = 2 if binary else len(np.unique(counts))
    if alphabet < 2:
        return 0.0
    known: dict[tuple[int, int], int] = {}
    for first, last in pairwise(firsts.tolist()):
        phrases(symbols[first:last].tolist(), known)
    count = len(counts)
    return len(known) * (math.log(count) / math.log(alphabet)) / count if normalised else float(len(known))
