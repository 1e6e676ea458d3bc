"""The entropy of how many channels are active."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cl._values.numbers import real
from cl.analysis.arguments import bin_seconds, nearest_frames, number
from cl.analysis.kernels import count_active
from cl.analysis.recorded import rate_of
from cl.analysis.results.information_entropy import AnalysisResultInformationEntropy
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import Bins, window_of

if TYPE_CHECKING:
    from cl._store.read.analysable import Analysable


def analyse_information_entropy(
    view: Analysable, bin_size_sec: float, fillna: float | None, log_base: float | None
) -> AnalysisResultInformationEntropy:
    """Return −(p log p + (1 − p) log(1 − p)) of each bin, p the share of channels with a spike in it.

    The entropy of one channel's being active or not (Shannon 1948, BSTJ 27:379), in nats, or to another base.
    All channels count, those that cannot spike as well (K4). `fillna` would take the place of NaN, which does
    not occur. antropy's `spectral_entropy`, `perm_entropy` and their like are entropies of one signal's
    values or patterns, not of the channels of a bin.

    `bin_size_sec`: above 0, rounded to whole frames, at least one. `log_base`: finite, above 0, not 1.
    """
    seconds = bin_seconds(bin_size_sec)
    if fillna is not None:
        real(fillna, "fillna")
    base = None if log_base is None else number(log_base, "log_base", above=0)
    if base == 1:
        raise ValueError("log_base must not be 1, to which there is no logarithm")
    size = nearest_frames(seconds, rate_of(view))
    window = window_of(view)
    bins = Bins(window, size)
    active = count_active(window.channels, bins.of(window.frames), window.channel_count, len(bins))
    entropies = np.array([_entropy(n / window.channel_count) for n in range(window.channel_count + 1)])
    if base is not None:
        entropies /= math.log(base)
    return AnalysisResultInformationEntropy(
        metadata=metadata_of(view), bin_size_sec=seconds, information_entropy_per_time_bin=entropies[active]
    )


def _entropy(p: float) -> float:
    return -(p * math.log(p) + (1 - p) * math.log(1 - p)) if 0 < p < 1 else 0.0
