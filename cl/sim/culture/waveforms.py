"""What spikes and stimulation look like at an electrode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from .random import stream, uniform
from .tissue import PITCH, electrode_positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .config import CultureConfig
    from .tissue import Tissue

FRAME_US: Final = 40.0

# The classical shape of an extracellular spike near the soma (Gold, Henze, Koch & Buzsáki 2006,
# J Neurophysiol 95:3113-3128): a small capacitive rise, the sharp trough of the sodium current, and the slow
# hump of repolarisation.
BEFORE_TROUGH: Final = 16
"""Frames from a waveform's beginning to its trough, whose frame is the spike's timestamp."""
WAVEFORM_FRAMES: Final = 64
BUMPS_MS: Final = ((0.12, -0.25, 0.08), (-1.0, 0.0, 0.11), (0.30, 0.50, 0.25))
"""(height, centre, width) of the three Gaussians; widths and centres vary from neuron to neuron."""
LARGEST_UV: Final = 140.0
"""Trough of a neuron right at the electrode; it falls with distance r as 1 / (1 + (r / 40 µm)²)."""
FALL_UM: Final = 40.0

# A current I spreads from an electrode on a glass plate into the half space above it: at a distance r the
# potential is rho I / (2 pi r). The electrode itself is driven far beyond what the amplifier can take.
# What follows is the amplifier's recovery, Wagenaar & Potter (2002), J Neurosci Methods 120:113-120.
RESISTIVITY_OHM_M: Final = 0.7
OWN_UV_PER_UA: Final = 50_000.0
TAIL: Final = 0.3
TAIL_MS: Final = 1.0
OWN_TAIL_UV_PER_NC: Final = 12_000.0
OWN_TAIL_MS: Final = 3.0
FAINT_UV: Final = 1.0
"""A tail is cut off where it falls below this."""

_SHAPES: Final = 7


class Artifact(NamedTuple):
    """What a pulse adds to the frames from its first one on, int32 in sample units."""

    others: NDArray[np.int32]
    """(frames, 64); zero on the stimulated channel."""
    own: NDArray[np.int32]
    """(frames,), on the stimulated channel."""


def spike_waveforms(config: CultureConfig, tissue: Tissue, uV_per_unit: float) -> NDArray[np.int16]:
    """Return the waveform of each recorded neuron: int16 (units, 64) in sample units, the trough at 16."""
    drawn = uniform(stream(config.seed, _SHAPES), 2, tissue.units)
    width = 0.8 + 0.5 * drawn[0]
    size = LARGEST_UV / (1 + (tissue.unit_distance / FALL_UM) ** 2) * (0.85 + 0.3 * drawn[1])
    ms = (np.arange(WAVEFORM_FRAMES) - BEFORE_TROUGH) * (FRAME_US / 1000) / width[:, None]
    shape = np.zeros(ms.shape)
    for height, centre, sigma in BUMPS_MS:
        shape += height * np.exp(-0.5 * ((ms - centre) / sigma) ** 2)
    shape /= -shape[:, BEFORE_TROUGH, None]
    scaled: NDArray[np.float64] = np.rint(shape * (size / uV_per_unit)[:, None])
    return scaled.astype(np.int16)


def artifact(
    channel: int,
    durations_us: Sequence[float],
    currents_uA: Sequence[float],
    hearing: Sequence[int],
    uV_per_unit: float,
) -> Artifact:
    """Return what a pulse on a channel adds to the frames of the channels in `hearing`."""
    during = _current_per_frame(durations_us, currents_uA)
    last = currents_uA[-1]
    nanocoulomb = abs(last) * durations_us[-1] / 1000
    own_tail = math.copysign(OWN_TAIL_UV_PER_NC * nanocoulomb, last)
    own = _with_tail(during * OWN_UV_PER_UA, own_tail, OWN_TAIL_MS)
    spread = _spread_uV_per_uA(channel, hearing)
    # Each channel is a multiple of the loudest, which decides where the tail ends.
    loudest = float(spread.max(initial=0.0))
    others = np.zeros((0, len(spread)))
    if loudest > 0:
        shape = _with_tail(during * loudest, TAIL * last * loudest, TAIL_MS)
        others = shape[:, None] * (spread / loudest)
    limit = np.iinfo(np.int16).max * 4
    return Artifact(
        np.rint(np.clip(others / uV_per_unit, -limit, limit)).astype(np.int32),
        np.rint(np.clip(own / uV_per_unit, -limit, limit)).astype(np.int32),
    )


def _current_per_frame(durations_us: Sequence[float], currents_uA: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean current within each frame of the pulse, in µA."""
    edges = np.concatenate([[0.0], np.cumsum(durations_us)])
    charge = np.concatenate([[0.0], np.cumsum(np.multiply(durations_us, currents_uA))])
    frames = math.ceil(edges[-1] / FRAME_US)
    until: NDArray[np.float64] = np.interp(np.arange(frames + 1) * FRAME_US, edges, charge)
    return np.diff(until) / FRAME_US


def _with_tail(during: NDArray[np.float64], tail_uV: float, constant_ms: float) -> NDArray[np.float64]:
    loudness = max(abs(tail_uV) / FAINT_UV, 1.0)
    frames = math.ceil(constant_ms * math.log(loudness) * 1000 / FRAME_US)
    ms = np.arange(frames) * (FRAME_US / 1000)
    return np.concatenate([during, tail_uV * np.exp(-ms / constant_ms)])


def _spread_uV_per_uA(channel: int, hearing: Sequence[int]) -> NDArray[np.float64]:
    places = electrode_positions()
    distance_m = np.hypot(*(places - places[channel]).T) * 1e-6
    distance_m[channel] = PITCH * 1e-6
    spread: NDArray[np.float64] = RESISTIVITY_OHM_M / (2 * math.pi * distance_m)  # µV per µA, as V per A
    silent = np.ones(len(places), np.bool_)
    silent[list(hearing)] = False
    silent[channel] = True
    spread[silent] = 0.0
    return spread
