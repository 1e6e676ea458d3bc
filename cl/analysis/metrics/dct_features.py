"""The discrete cosine transform of where a culture fires."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.numbers import whole
from cl.analysis.layout import SIDE, check_channels, check_layout, grid
from cl.analysis.results.dct_features import AnalysisResultDctFeatures
from cl.analysis.results.metadata import metadata_of
from cl.analysis.window import window_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

_MOST: Final = 1000
"""Frequencies each way: a million of features."""


def analyse_dct_features(view: Analysable, k: int) -> AnalysisResultDctFeatures:
    """Return the k × k lowest frequencies of the spikes over the electrode grid (DCT-II).

    Ahmed, Natarajan & Rao 1974, IEEE Trans Comput C-23:90; on cultures: Kagan et al. 2022, Neuron 110:3952.
    `scipy.fft.dctn(grid, norm="ortho")[i, j]`, but for row and column 0, which are twice as large (K6). Only
    the first eight rows of the basis are of their own: those beyond repeat them, or are about 0.

    `k`: 1 to 1000. `ValueError` for a recording that has not the common layout of 64 channels (looked at in
    all of the recording).
    """
    size = whole(k, "k", 1, _MOST)
    check_channels(view)
    window = window_of(view)
    check_layout(view)
    layout = grid()
    basis = _basis(size)
    features = basis @ window.trains().counts[np.array(layout)] @ basis.T
    return AnalysisResultDctFeatures(
        metadata=metadata_of(view),
        mea_layout=layout,
        k=size,
        dct_height_coefficients=basis,
        dct_width_coefficients=basis,
        dct_features={f"dct{i}{j}_firing": float(features[i, j]) for i in range(size) for j in range(size)},
    )


def _basis(k: int) -> NDArray[np.float64]:
    """Return the functions of the first k frequencies, (k, 8)."""
    frequencies, places = np.arange(k)[:, None], np.arange(SIDE)
    basis: NDArray[np.float64] = math.sqrt(2 / SIDE) * np.cos(np.pi / SIDE * (places + 0.5) * frequencies)
    basis[0] = 1 / math.sqrt(2)
    return basis
