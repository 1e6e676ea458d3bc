"""Where the neurons lie under the array, what each electrode hears, and whom a pulse reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.constants import CHANNEL_COUNT, GROUNDED, REFERENCE

from .random import stream, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .config import CultureConfig

PITCH: Final = 200.0
"""Distance between neighbouring electrodes in µm."""
MARGIN: Final = 200.0
"""How far the culture reaches beyond the outer electrodes, in µm."""
HEARING: Final = 55.0
"""An electrode records neurons up to this distance, in µm; further ones drown in the noise."""
UNITS_PER_CHANNEL: Final = 8
"""At most so many neurons are recorded by an electrode. The sum of their spikes fits an int16."""

# Stoney, Thompson & Asanuma (1968), J Neurophysiol 31:659-669: the threshold current of a neuron at
# distance r is I0 + k r². I0 and k are chosen so that 1 µA for 160 µs recruits neurons up to about 0.15 mm.
THRESHOLD_AT_ZERO: Final = 0.05
"""I0 in µA."""
THRESHOLD_PER_AREA: Final = 17.5e-6
"""k in µA/µm²."""
# Strength and duration after Weiss and Lapicque: a phase of duration d is as effective as d / (d + chronaxie)
# of its current; about 0.2 ms for cortical axons, Nowak & Bullier (1998), Exp Brain Res 118:477-488.
CHRONAXIE_US: Final = 200.0
# The cathodic phase excites, best when it leads; an anodic phase before it takes part of that back, and
# an anodic phase by itself needs several times the current: Merrill, Bikson & Jefferys (2005), J Neurosci
# Methods 141:171-198; on arrays Wagenaar, Pine & Potter (2004), J Neurosci Methods 138:27-37.
CATHODIC_LATER: Final = 0.6
ANODIC: Final = 0.25

_POSITIONS, _KINDS = 1, 2


class Tissue:
    """The neurons' places; those that an electrode records come first.

    `positions` float64 (size, 2) in µm, electrode (row r, column c) being at (200 c, 200 r);
    `inhibitory` bool (size,); `unit_channel` int (units,) and `unit_distance` float64 (units,) in µm: the
    electrode that records neuron i, and how far away it is, for the first `units` neurons.
    """

    def __init__(self, config: CultureConfig) -> None:
        deaf = {*GROUNDED, REFERENCE, *config.silent_channels}
        self.live_channels = [channel for channel in range(CHANNEL_COUNT) if channel not in deaf]
        places = uniform(stream(config.seed, _POSITIONS), config.size, 2)
        places = places * (7 * PITCH + 2 * MARGIN) - MARGIN
        distance = _distances(electrode_positions(), places)
        units, channels = _recorded(distance, self.live_channels)
        others = np.setdiff1d(np.arange(config.size), units)
        order = np.concatenate([units, others])
        self.positions: NDArray[np.float64] = places[order]
        self.unit_channel: NDArray[np.intp] = channels
        self.unit_distance: NDArray[np.float64] = distance[channels, units]
        self.inhibitory: NDArray[np.bool_] = np.zeros(config.size, np.bool_)
        ranking = np.argsort(uniform(stream(config.seed, _KINDS), config.size), kind="stable")
        self.inhibitory[ranking[: round(config.inhibitory_fraction * config.size)]] = True
        self._excitability = self._excitabilities(distance[:, order])

    @property
    def units(self) -> int:
        """Return how many neurons are recorded."""
        return len(self.unit_channel)

    def excitability(self, channel: int) -> NDArray[np.float32]:
        """Return 1 / threshold current (per µA) of every neuron for pulses on a channel; 0 out of reach."""
        row: NDArray[np.float32] = self._excitability[channel]
        return row

    def _excitabilities(self, distance: NDArray[np.float64]) -> NDArray[np.float32]:
        threshold = THRESHOLD_AT_ZERO + THRESHOLD_PER_AREA * distance**2
        result = np.zeros(distance.shape, np.float32)
        result[self.live_channels] = 1.0 / threshold[self.live_channels]
        return result


def electrode_positions() -> NDArray[np.float64]:
    """Return the places of the 64 electrodes in µm: channel = row + 8 * column."""
    column, row = np.divmod(np.arange(CHANNEL_COUNT), 8)
    return np.stack([column, row], axis=1) * PITCH


def strength(durations_us: Sequence[float], currents_uA: Sequence[float]) -> float:
    """Return the current in µA of the infinitely long cathodic pulse that excites as well as this one.

    The most effective phase decides. See the constants above for the sources.
    """
    best = 0.0
    for number, (duration, current) in enumerate(zip(durations_us, currents_uA, strict=True)):
        cathodic = CATHODIC_LATER if number else 1.0
        polarity = cathodic if current < 0 else ANODIC
        best = max(best, abs(current) * polarity * duration / (duration + CHRONAXIE_US))
    return best


def _distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = a[:, None, :] - b[None, :, :]
    result: NDArray[np.float64] = np.sqrt(steps[..., 0] ** 2 + steps[..., 1] ** 2)
    return result


def _recorded(
    distance: NDArray[np.float64], channels: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the neurons that are recorded and their channels: the nearest ones of each electrode.

    The electrodes are so far apart that no neuron is within reach of two.
    """
    neurons, owners = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for channel in channels:
        nearest = np.argsort(distance[channel], kind="stable")[:UNITS_PER_CHANNEL]
        nearest = nearest[distance[channel, nearest] <= HEARING]
        neurons.append(nearest)
        owners.append(np.full(len(nearest), channel, np.intp))
    return np.concatenate(neurons), np.concatenate(owners)
