"""The network of the culture: leaky integrate-and-fire neurons with synapses that tire.

The model is that of Tsodyks, Uziel & Markram (2000), "Synchrony generation in recurrent networks with
frequency-dependent synapses", J Neurosci 20:RC50, which fires population bursts by itself: a burst
ignites where a few neurons fire together by chance, spreads by recurrent excitation, and dies of the
depression of its own synapses (Tsodyks & Markram 1997, PNAS 94:719-723) and of a slow adaptation
of its neurons, as Masquelier & Deco (2013), PLoS ONE 8:e75824, found in cultures on arrays; its
rhythm is that of their recovery. Efficacies and drive are tuned, so that a thousand neurons fire at the rates
and intervals that Wagenaar, Pine & Potter (2006), BMC Neuroscience 7:11, report of dense cultures.

Every neuron is advanced by exact integration in steps of 1 ms (25 frames). Voltages are in mV
above rest. Only +, -, * and look-ups are used once the network is built, so that the same wiring gives
the same spikes on every processor.
"""

from __future__ import annotations

import math
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Final

import numpy as np

from .plasticity import Plasticity
from .random import normal_quantiles, stream, uniform, words
from .wiring import DELAYS, Wiring

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .config import CultureConfig
    from .tissue import Tissue

# Tsodyks, Uziel & Markram (2000): threshold 15 mV, release 0.5 and recovery in 800 ms (here a smaller
# release, so that bursts last longer); time constants of membrane and synapses are common choices.
THRESHOLD: Final = 15.0
RESET: Final = 0.0
MEMBRANE_MS: Final = 20.0
EXCITATION_MS: Final = 8.0
INHIBITION_MS: Final = 6.0
RELEASE: Final = 0.3
RECOVERY_MS: Final = 800.0
ADAPTATION: Final = 0.02
"""Hyperpolarising drive that one spike adds, in mV/ms."""
ADAPTATION_MS: Final = 2_000.0
DRIVE: Final = 4.0
"""Mean of the constant drive, as the depolarisation in mV that it alone would cause."""
DRIVE_SPREAD: Final = 2.2
NOISE: Final = 0.9
"""Standard deviation of the background current of each ms, in mV."""
KICK_LIMIT: Final = 40.0
"""The most that stimulation can depolarise a neuron within one step, in mV."""

NOISE_STEPS: Final = 40
"""Steps for which noise is drawn at a time; a multiple of 4, so that no random word is left over."""
INBOX_STEPS: Final = 64

_DRIVE, _NOISE = 3, 4
_STATE = (
    "_voltage", "_next_voltage", "_noise", "_over", "_synapses", "_inbox", "_adaptation", "_missing",
    "_last_spike",
)  # fmt: skip
"""The arrays that a step changes."""


class Network:
    """The state of all neurons; `step` advances it by 1 ms.

    `fired` holds the neurons that fired in the last step, ascending.
    """

    def __init__(self, config: CultureConfig, tissue: Tissue) -> None:
        size = config.size
        self._units = tissue.units
        self._size = size
        self.wiring = Wiring(config, tissue)
        self._plasticity = Plasticity(self.wiring, tissue.inhibitory) if config.plasticity else None
        self._source = stream(config.seed, _NOISE)
        quantiles = normal_quantiles()
        self._noise_table = (NOISE * config.background * quantiles).astype(np.float32)
        spread = (uniform(stream(config.seed, _DRIVE), size) * len(quantiles)).astype(np.intp)
        drive = config.background * (DRIVE + DRIVE_SPREAD * quantiles[spread])
        self._voltage: NDArray[np.float32] = drive.astype(np.float32)
        self._leak = np.float32(math.exp(-1 / MEMBRANE_MS))
        self._drive: NDArray[np.float32] = (drive * (1 - math.exp(-1 / MEMBRANE_MS))).astype(np.float32)
        self._noise = np.zeros((NOISE_STEPS, size), np.float32)
        self._next_voltage = np.zeros(size, np.float32)
        self._over = np.zeros(size, np.bool_)
        self._synapses = np.zeros((2, size), np.float32)
        self._synapse_decay = _decays([EXCITATION_MS, INHIBITION_MS], size)
        self._inbox = np.zeros((INBOX_STEPS + DELAYS, 2, size), np.float32)
        self._inbox_flat = self._inbox.reshape(-1)
        self._slot = 0
        self._adaptation = np.zeros(size, np.float32)
        self._adaptation_decay = np.float32(math.exp(-1 / ADAPTATION_MS))
        # What is missing of the synaptic resources of each neuron as of its last spike, and what is
        # still missing n steps later.
        self._missing = np.zeros(size, np.float32)
        self._last_spike = np.zeros(size, np.intp)
        self._still_missing = _recovery()
        self.steps = 0
        self.fired: NDArray[np.intp] = np.zeros(0, np.intp)
        self._fired_before = self.fired

    def copy(self) -> Network:
        """Return a network in the same state, which goes its own way from here on."""
        twin = copy(self)
        for name in _STATE:
            setattr(twin, name, getattr(self, name).copy())
        twin._inbox_flat = twin._inbox.reshape(-1)
        twin._source = deepcopy(self._source)
        if self._plasticity is not None:
            twin.wiring = self.wiring.copy()
            twin._plasticity = self._plasticity.copy(twin.wiring)
        return twin

    def step(self, kick: NDArray[np.float32] | None = None) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Advance by 1 ms; `kick` is what stimulation adds to the voltages, float32 (size,) in mV.

        Return the recorded neurons that fired, ascending, and when within the step, in (0, 1].
        """
        voltage = self._integrate()
        if kick is not None:
            voltage += kick
        # Refractory for two steps: held at the reset voltage.
        voltage[self.fired] = RESET
        voltage[self._fired_before] = RESET
        np.greater_equal(voltage, THRESHOLD, out=self._over)
        fired = self._over.nonzero()[0]
        units = fired[: fired.searchsorted(self._units)]
        before = self._voltage[units]
        when = (THRESHOLD - before) / (voltage[units] - before)
        if fired.size:
            self._send(fired)
            voltage[fired] = RESET
        if self._plasticity is not None:
            self._plasticity.step(fired)
        self._fired_before, self.fired = self.fired, fired
        self._voltage, self._next_voltage = voltage, self._voltage
        self._advance_inbox()
        self.steps += 1
        return units, when

    def _integrate(self) -> NDArray[np.float32]:
        row = self.steps % NOISE_STEPS
        if row == 0:
            self._draw_noise()
        synapses = self._synapses
        np.multiply(synapses, self._synapse_decay, out=synapses)
        np.add(synapses, self._inbox[self._slot], out=synapses)
        np.multiply(self._adaptation, self._adaptation_decay, out=self._adaptation)
        voltage = self._next_voltage
        np.multiply(self._voltage, self._leak, out=voltage)
        np.add(voltage, synapses[0], out=voltage)
        np.subtract(voltage, synapses[1], out=voltage)
        np.subtract(voltage, self._adaptation, out=voltage)
        np.add(voltage, self._noise[row], out=voltage)
        return voltage

    def _draw_noise(self) -> None:
        drawn = words(self._source, NOISE_STEPS * self._size).reshape(NOISE_STEPS, self._size)
        self._noise_table.take(drawn, out=self._noise, mode="clip")
        np.add(self._noise, self._drive, out=self._noise)

    def _send(self, fired: NDArray[np.intp]) -> None:
        """Let the synapses of the neurons that fired release, after Tsodyks & Markram (1997)."""
        since = np.minimum(self.steps - self._last_spike[fired], len(self._still_missing) - 1)
        available = 1 - self._missing[fired] * self._still_missing[since]
        released = RELEASE * available
        self._missing[fired] = 1 - (available - released)
        self._last_spike[fired] = self.steps
        self._adaptation[fired] += ADAPTATION
        self.wiring.deliver(fired, released, self._inbox_flat, self._slot * 2 * self._size)

    def _advance_inbox(self) -> None:
        self._slot += 1
        if self._slot == INBOX_STEPS:
            self._inbox[:DELAYS] = self._inbox[INBOX_STEPS:]
            self._inbox[DELAYS:] = 0
            self._slot = 0


def _decays(constants_ms: list[float], size: int) -> NDArray[np.float32]:
    column = np.array([[math.exp(-1 / constant)] for constant in constants_ms], np.float32)
    return np.repeat(column, size, axis=1)


def _recovery() -> NDArray[np.float32]:
    """Return exp(-n / RECOVERY_MS) for n steps, as far as a float32 sum can tell it from 0."""
    steps = round(RECOVERY_MS * 17)
    table = np.array([math.exp(-n / RECOVERY_MS) for n in range(steps)] + [0.0])
    return table.astype(np.float32)
