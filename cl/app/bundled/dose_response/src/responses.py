"""What a recording says about the response to each dose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cl

from .config import DoseResponseConfig
from .doses import Dose, doses


@dataclass(frozen=True, eq=False)
class Response:
    """The response to a dose, of all channels together; rates by bin in Hz, NaN in what was blanked."""

    dose: Dose
    pulse_count: int
    edges_s: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    evoked: float
    """Spikes within the window after a pulse, beyond those of the same time at rest; mean over the pulses."""


def responses(file: Path, config: DoseResponseConfig) -> list[Response]:
    """Return the responses that a recording holds, dose by dose."""
    with cl.RecordingView(str(file)) as view:
        return [_response(view, config, dose) for dose in doses(config)]


def _response(view: cl.RecordingView, config: DoseResponseConfig, dose: Dose) -> Response:
    window_s = config.window_ms / 1_000
    found = view.psth(
        None,
        window_s,
        window_s,
        config.bin_ms / 1_000,
        stim_channels=[dose.channel],
        design=dose.design(config.pulse_width_us),
        blank_sec=config.blank_ms / 1_000,
    )
    counts, observed = found.counts.sum(axis=0), found.observed_sec
    rates = np.full(len(counts), np.nan)
    np.divide(counts, observed, out=rates, where=observed > 0)
    before = found.edges_sec[1:] <= 0
    at_rest_hz = counts[before].sum() / max(observed[before].sum(), 1e-9)
    beyond = counts[~before].sum() - at_rest_hz * observed[~before].sum()
    return Response(dose, found.stim_count, found.edges_sec, rates, float(beyond) / max(found.stim_count, 1))
