"""The synapses of the culture: who projects to whom, how strongly and how late."""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, Final

import numpy as np

from .random import normal_quantiles, stream, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .config import CultureConfig
    from .tissue import Tissue

EXCITATION: Final = 0.87
"""Efficacy of an excitatory synapse, all its resources released at once, in mV/ms."""
INHIBITION: Final = 3.2
EFFICACY_SPREAD: Final = 0.5
"""Of the logarithm: efficacies are log-normal, Song et al. (2005), PLoS Biol 3:e68."""
REFERENCE_FAN_OUT: Final = 100
"""The fan-out K that these efficacies hold for. They go with 1 / sqrt(K), as Barral & Reyes (2016), Nat
Neurosci 19:1690-1696, measured in cultures: so large and small networks burst alike."""
LEAST_FAN_OUT: Final = 10
"""Below this fan-out they are scaled no further: a single synapse shall not fire its neuron."""
REACH_UM: Final = 500.0
"""Connections thin out by 1/e over this distance."""
SPEED_UM_PER_MS: Final = 300.0
"""Conduction velocity of unmyelinated axons, 0.3 m/s."""
DELAYS: Final = 16
"""Delays are below this number of steps."""

_TARGETS, _EFFICACIES = 5, 6


class Wiring:
    """The synapses, `fan_out` of each neuron: row i belongs to the axon of neuron i.

    `targets` intp (size, fan_out), ascending in each row; `delays` intp, in steps of 1 ms; `efficacy`
    float32, in mV/ms, positive also where the neuron inhibits.
    """

    def __init__(self, config: CultureConfig, tissue: Tissue) -> None:
        size, fan_out = config.size, config.fan_out
        self.targets, distance = _choose(config, tissue)
        self.delays: NDArray[np.intp] = np.minimum(1 + distance / SPEED_UM_PER_MS, DELAYS - 1).astype(np.intp)
        quantiles = normal_quantiles()
        drawn = uniform(stream(config.seed, _EFFICACIES), size, fan_out) * len(quantiles)
        spread = np.exp(EFFICACY_SPREAD * quantiles[drawn.astype(np.intp)] - EFFICACY_SPREAD**2 / 2)
        scale = np.where(tissue.inhibitory, INHIBITION, EXCITATION)
        scale *= math.sqrt(REFERENCE_FAN_OUT / max(fan_out, LEAST_FAN_OUT))
        self.efficacy: NDArray[np.float32] = (scale[:, None] * spread).astype(np.float32)
        # Where in the network's inbox, float32 (steps, 2, size), a synapse delivers, from the present step.
        kind = np.where(tissue.inhibitory, size, 0)[:, None]
        self._address = self.delays * (2 * size) + kind + self.targets

    def copy(self) -> Wiring:
        """Return the same synapses with efficacies of their own."""
        twin = copy(self)
        twin.efficacy = self.efficacy.copy()
        return twin

    def deliver(
        self,
        fired: NDArray[np.intp],
        released: NDArray[np.float32],
        inbox: NDArray[np.float32],
        present: int,
    ) -> None:
        """Add what the neurons that fired release to the flat inbox, whose present step is at `present`."""
        address = self._address[fired]
        address += present
        amount = self.efficacy[fired]
        amount *= released[:, None]
        np.add.at(inbox, address.reshape(-1), amount.reshape(-1))


def _choose(config: CultureConfig, tissue: Tissue) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Draw each neuron's targets, nearer ones likelier, and return them with their distances.

    The `fan_out` largest of log(p) + Gumbel noise are a sample without replacement with weights p:
    Efraimidis & Spirakis (2006), Inf Process Lett 97:181-185.
    """
    size, fan_out = config.size, config.fan_out
    source = stream(config.seed, _TARGETS)
    targets = np.zeros((size, fan_out), np.intp)
    distances = np.zeros((size, fan_out))
    for neuron in range(size):
        steps = tissue.positions - tissue.positions[neuron]
        distance = np.sqrt(steps[:, 0] ** 2 + steps[:, 1] ** 2)
        key = -distance / REACH_UM - np.log(-np.log(np.maximum(uniform(source, size), 2.0**-53)))
        key[neuron] = -np.inf
        chosen = np.sort(np.argpartition(-key, fan_out)[:fan_out])
        targets[neuron], distances[neuron] = chosen, distance[chosen]
    return targets, distances
