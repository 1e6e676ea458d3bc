"""Plasticity of the culture: excitatory synapses change with the timing of spikes."""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .wiring import Wiring

# Pairs of spikes, all with all, after Song, Miller & Abbott (2000), Nat Neurosci 3:919-926: windows of
# 20 ms, depression a little stronger than potentiation. The changes are soft-bounded, which keeps the
# network from running away; that depression goes with the efficacy is from van Rossum, Bi & Turrigiano
# (2000), J Neurosci 20:8812-8821.
WINDOW_MS: Final = 20.0
POTENTIATION: Final = 0.005
DEPRESSION: Final = 0.00525
CEILING: Final = 2.0
"""A synapse grows to at most this multiple of what it began with."""


class Plasticity:
    """Changes the efficacies of a wiring as its neurons fire.

    A presynaptic spike takes `DEPRESSION` times its efficacy from a synapse for every recent spike of
    its target, a postsynaptic one adds `POTENTIATION` times what is missing to its ceiling for every recent
    spike of its source; "recent" fades with e^(-t / 20 ms). Conduction delays are not regarded, and spikes of
    the same step do not count as a pair.
    """

    def __init__(self, wiring: Wiring, inhibitory: NDArray[np.bool_]) -> None:
        size, fan_out = wiring.targets.shape
        self._targets = wiring.targets
        self._efficacy = wiring.efficacy
        self._flat = wiring.efficacy.reshape(-1)
        self._ceiling: NDArray[np.float32] = self._flat * np.float32(CEILING)
        self._excites = ~inhibitory
        self._fan_out = fan_out
        self._incoming = _incoming(wiring.targets, inhibitory)
        self._trace = np.zeros(size, np.float32)
        self._decay = np.float32(math.exp(-1 / WINDOW_MS))

    def copy(self, wiring: Wiring) -> Plasticity:
        """Return a plasticity in the same state, of a copy of the wiring."""
        twin = copy(self)
        twin._efficacy = wiring.efficacy
        twin._flat = wiring.efficacy.reshape(-1)
        twin._trace = self._trace.copy()
        return twin

    def step(self, fired: NDArray[np.intp]) -> None:
        """Take the neurons that fired in one step of 1 ms, ascending."""
        trace = self._trace
        np.multiply(trace, self._decay, out=trace)
        if not fired.size or not self._fan_out:
            return
        axons = fired[self._excites[fired]]
        rows = self._efficacy[axons]
        rows -= np.float32(DEPRESSION) * rows * trace[self._targets[axons]]
        self._efficacy[axons] = rows
        for neuron in fired.tolist():
            self._potentiate(self._incoming[neuron])
        trace[fired] += 1

    def _potentiate(self, synapses: NDArray[np.intp]) -> None:
        efficacy = self._flat[synapses]
        missing = self._ceiling[synapses] - efficacy
        efficacy += np.float32(POTENTIATION) * missing * self._trace[synapses // self._fan_out]
        self._flat[synapses] = efficacy


def _incoming(targets: NDArray[np.intp], inhibitory: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return for each neuron the excitatory synapses on it, as places in the flat matrix of synapses."""
    size, fan_out = targets.shape
    synapses = np.flatnonzero(np.repeat(~inhibitory, fan_out))
    posts = targets.reshape(-1)[synapses]
    ordered = synapses[np.argsort(posts, kind="stable")]
    return np.split(ordered, np.cumsum(np.bincount(posts, minlength=size))[:-1])
