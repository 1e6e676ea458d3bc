"""A culture of neurons that answers to stimulation, as a data source.

It is a test subject, not biology: a small model network whose purpose is to give programs something that
behaves like a culture on an 8x8 array (background activity, network bursts, answers that depend on channel,
charge and polarity), so that a closed loop can be developed and tested. Nothing that it does is evidence
about neurons.

Chosen with `CL_SDK_DATA_SOURCE=cl.sim.culture:create` and configured by CL_SDK_DATA_SOURCE_CONFIG, for
example `{"size": 1000, "seed": 7, "plasticity": true}`; see `CultureConfig` for the keys.

How it works. Neurons lie at random under the electrodes (channel = row + 8 * column, 200 µm apart); an
electrode records those within 55 µm. The network (`_culture_network`) is advanced in steps of 25 frames
(1 ms). What a step does is known when it begins: a spike computed for it appears in the frames from the
interpolated moment on, and its timestamp is the frame of the waveform's trough, 16 frames later. A pulse
leaves its artifact in the frames from its first one on, and reaches the neurons two steps after the one it
falls into, so that direct answers come 1.6 to 3.7 ms after it and synaptic ones in the 50 ms that follow.
So everything is the same however the frames are read, and nothing happens before its cause.

Channels 0, 7, 56 and 63 are zero. Channel 4, the reference, is quiet; pulses on these five, and on
`silent_channels`, reach no neuron. Spikes of one channel closer than 1 ms are reported as one, as a detector
would; a spike's samples are those in the frames.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from cl._values.constants import CHANNEL_COUNT
from cl.sim.user.data_source import DataSourceBatch, DataSourceSpike, SimulatorDataSource
from cl.sim.user.seed import default_seed

from .config import CultureConfig, load_config, load_metadata
from .frames import FrameMaker
from .network import KICK_LIMIT, THRESHOLD, Network
from .tissue import Tissue, strength
from .waveforms import BEFORE_TROUGH, spike_waveforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl.sim.user.data_source import DataSourceStim, SimulatorDataSourceMetadata

STEP_FRAMES: Final = 25
"""Frames of one step of the network: 1 ms."""
LATENCY_STEPS: Final = 2
"""Steps from the one a pulse falls into to the one in which it acts on the neurons."""
DEAD_FRAMES: Final = 25
"""A channel reports no spike for so long after its last one."""
_COPY_STEPS: Final = 5_000
"""How often the state is copied, to go back to after an interruption: it takes less than a millisecond."""
_PIECE: Final = 2_500
"""Frames made at a time where nobody wants them."""


class Culture(SimulatorDataSource):
    """The culture as a data source: sequential, unbounded, answering to stims.

    An exception may come from outside (Ctrl-C, an alarm) between any two steps of its methods. So the state
    is copied every now and then, and after such an exception the next call goes back to the copy and does
    again what was done since. A window that was made, but did not come to its reader, can be read again.
    """

    _position: int
    """Where the next window begins; moved last, which ends a `read`."""
    network: Network
    _last: tuple[int, DataSourceBatch | None]
    """The last window: where it began, and what it held."""
    _next_copy: int
    """How many steps the network is to have made when the next copy is."""
    _busy: bool
    """Whether a call has begun and not come to its end."""

    def __init__(self, config: CultureConfig, metadata: SimulatorDataSourceMetadata) -> None:
        self.config = config
        self._metadata = metadata
        self.tissue = Tissue(config)
        self._waveforms = spike_waveforms(config, self.tissue, metadata.uV_per_sample_unit)
        self._channels: list[int] = self.tissue.unit_channel.tolist()
        self._reset()

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        """Return what the simulator has to know about this source."""
        return self._metadata

    @property
    def position(self) -> int:
        """Return the timestamp of the next frame to be read."""
        return self._position

    def open(self) -> None:
        """Begin again at the start: the same culture on the same timeline, whatever was done to it before."""
        if self._busy or self._position != self._metadata.start_timestamp or self._pulses:
            self._reset()

    def on_stim(self, stim: DataSourceStim) -> None:
        """Take a pulse at or after the next frame to be read; an earlier one raises ValueError."""
        with _own_arithmetic():
            self._heed(stim)

    def _heed(self, stim: DataSourceStim) -> None:
        if self._busy:
            self._mend()
        if stim.timestamp < self._position:
            raise ValueError(
                f"the culture got a stim at {stim.timestamp}, "
                f"but its frames up to {self._position} are already read"
            )
        durations, currents = tuple(stim.phase_durations_us), tuple(stim.phase_currents_uA)
        key = stim.timestamp, stim.channel, stim.intended_timestamp, durations, currents
        if key in self._told:
            return  # The teller was interrupted, and tells all of it again.
        self._busy = True
        self._told[key] = None
        self._apply(stim.timestamp, stim.channel, durations, currents)
        self._busy = False

    def _apply(
        self, timestamp: int, channel: int, durations: tuple[float, ...], currents: tuple[float, ...]
    ) -> None:
        """Let a pulse be seen in the frames, and come to the neurons."""
        if self.config.artifact:
            self._frames.draw_artifact(timestamp, channel, durations, currents)
        step = (timestamp - self._metadata.start_timestamp) // STEP_FRAMES + LATENCY_STEPS
        pulse = (timestamp, channel, strength(durations, currents))
        self._pulses.setdefault(step, []).append(pulse)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        """Return the next frames and the spikes in them.

        Windows follow one another: a `from_timestamp` other than the end of the last one raises ValueError,
        unless it is just the last one that is asked for again.
        """
        with _own_arithmetic():
            return self._window(operator.index(from_timestamp), operator.index(frame_count))

    def _window(self, start: int, count: int) -> DataSourceBatch:
        if self._busy:
            self._mend()
        if start != self._position or count < 0:
            last_start, last = self._last
            if last is not None and start == last_start and start + count == self._position:
                return last
            raise ValueError(f"the culture is read on from {self._position}, not {count} frames from {start}")
        self._busy = True
        stop = start + count
        frames, spikes = self._advance(start, stop)
        batch = DataSourceBatch(frames=frames, spikes=spikes)
        self._last = start, batch
        self._position = stop
        if self.network.steps >= self._next_copy:
            self._keep_copy()
        self._busy = False
        return batch

    def _advance(self, start: int, stop: int) -> tuple[NDArray[np.int16], list[DataSourceSpike]]:
        """Make what lies between two timestamps."""
        self._simulate(stop - self._metadata.start_timestamp)
        return self._frames.make(start, stop - start), self._take(stop)

    def _reset(self) -> None:
        self._busy = True
        self.network = Network(self.config, self.tissue)
        self._frames = FrameMaker(self.config, self._metadata.uV_per_sample_unit)
        self._position = self._metadata.start_timestamp
        self._pulses: dict[int, list[tuple[int, int, float]]] = {}
        self._waiting: list[tuple[int, int]] = []
        self._ready = [self._position] * CHANNEL_COUNT
        self._last = self._position, None
        self._keep_copy()
        self._busy = False

    def _keep_copy(self) -> None:
        """Keep a copy of the state, to go back to."""
        told: dict[_Told, None] = {}
        self._kept = self._position, self._state(), told
        self._told = told
        """The pulses told since the copy, in their order."""
        self._next_copy = self.network.steps + _COPY_STEPS

    def _state(self) -> _State:
        """Return a copy of what a call changes."""
        pulses = {step: told[:] for step, told in self._pulses.items()}
        return self.network.copy(), self._frames.copy(), pulses, self._waiting[:], self._ready[:]

    def _mend(self) -> None:
        """Go back to the copy, and do again what was done since: a call was interrupted."""
        at, state, self._told = self._kept
        self.network, self._frames, self._pulses, self._waiting, self._ready = state
        # What was copied is there to be gone back to once more.
        self.network, self._frames, self._pulses, self._waiting, self._ready = self._state()
        self._next_copy = self.network.steps + _COPY_STEPS
        # It does not matter when the culture is told of a pulse, if only before its time.
        for timestamp, channel, _, durations, currents in self._told:
            self._apply(timestamp, channel, durations, currents)
        while at < self._position:
            stop = min(at + _PIECE, self._position)
            self._advance(at, stop)
            at = stop
        self._busy = False

    def _simulate(self, frames: int) -> None:
        """Advance the network by the steps that begin before a number of frames from the start."""
        network = self.network
        while (step := network.steps) * STEP_FRAMES < frames:
            pulses = self._pulses.pop(step, None)
            units, when = network.step(None if pulses is None else self._kick(pulses))
            if units.size:
                self._fire(self._metadata.start_timestamp + step * STEP_FRAMES, units, when)

    def _kick(self, pulses: list[tuple[int, int, float]]) -> NDArray[np.float32]:
        """Return what pulses add to the neurons' voltages.

        A neuron at rest is brought just to its threshold by a pulse of its threshold current; together they
        add up to what they would in a passive membrane, to a limit.
        """
        kick = np.zeros(self.config.size, np.float32)
        # The order decides how the sum is rounded, so it must not depend on how the pulses came in.
        for _, channel, current in sorted(pulses):
            kick += self.tissue.excitability(channel) * np.float32(THRESHOLD * current)
        return np.minimum(kick, np.float32(KICK_LIMIT), out=kick)

    def _fire(self, start: int, units: NDArray[np.intp], when: NDArray[np.float32]) -> None:
        onsets = np.minimum((when * STEP_FRAMES).astype(np.intp), STEP_FRAMES - 1)
        for unit, onset in zip(units.tolist(), onsets.tolist(), strict=True):
            channel = self._channels[unit]
            self._frames.draw_spike(start + onset, channel, self._waveforms[unit])
            self._waiting.append((start + onset + BEFORE_TROUGH, channel))

    def _take(self, stop: int) -> list[DataSourceSpike]:
        """Return the spikes before a frame, and keep the others."""
        if not self._waiting:
            return []
        self._waiting.sort()
        spikes: list[DataSourceSpike] = []
        taken = 0
        for timestamp, channel in self._waiting:
            if timestamp >= stop:
                break
            taken += 1
            if timestamp >= self._ready[channel]:
                self._ready[channel] = timestamp + DEAD_FRAMES
                spikes.append(DataSourceSpike(timestamp, channel))
        del self._waiting[:taken]
        return spikes


_Told: TypeAlias = tuple[int, int, int | None, tuple[float, ...], tuple[float, ...]]
"""A pulse as it was told of: its timestamp, channel, intended timestamp, and its phases."""
_State: TypeAlias = tuple[
    Network, FrameMaker, dict[int, list[tuple[int, int, float]]], list[tuple[int, int]], list[int]
]
"""What a call changes: the network, the frames, the pulses and spikes to come, when channels are ready."""


def create(
    *, metadata: Mapping[str, Any] | SimulatorDataSourceMetadata | None = None, **config: Any
) -> Culture:
    """Return a culture; the factory for `CL_SDK_DATA_SOURCE=cl.sim.culture:create`.

    The names in `config` are those of `CultureConfig`; without a seed that of the open is taken
    (CL_SDK_RANDOM_SEED, or a `Simulator`'s `seed`), or else 0.
    The keys of `metadata` are those of `SimulatorDataSourceMetadata`; the culture is never seekable and
    always reactive. Wrong types raise TypeError, unknown keys and values out of range ValueError, naming the
    key, the value and what it takes.
    """
    seed = 0 if "seed" in config else default_seed()
    with _own_arithmetic():
        return Culture(load_config(config, seed), load_metadata(metadata))


def _own_arithmetic() -> AbstractContextManager[object]:
    """Let numbers that are too small to matter be 0, whatever the program has numpy do (`np.seterr`)."""
    return np.errstate(all="ignore")
