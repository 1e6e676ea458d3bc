"""Spikes, stims and samples as LSL streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pylsl

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND
from cl._wait.tick_gap import wait_for_tick_gap
from cl.error import DeviceDisconnectedError, LaggedError
from cl.events import Spike, Stim
from cl.interop.bridge import Bridge, phases_of

from .lsl_time import LslTime
from .streams import SPIKE_COLUMNS, STIM_COLUMNS, events_info, samples_info

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from cl.interop.bridge import Event
    from cl.neurons import Neurons
    from cl.stim import ChannelSet

_BUFFER: Final = 100
"""Of events, in hundreds, and of samples in seconds a tenth of it: kept for an inlet that takes none."""
_BLOCK: Final = FRAMES_PER_SECOND // 10
"""Frames of samples that go out at once: waking up for them costs more than they do."""


class Outlet(Bridge):
    """Has the LSL streams `<name>-spikes` and `<name>-stims`, and `<name>-samples` where `samples` is set.

    Stamps are the moments of the frames on LSL's clock, as far as the device's clock is known, and not those
    of sending. A sample of spikes is `timestamp`, `channel` and `number`, of stims also `phases`, `duration`
    in µs and the largest `current` in µA (0 where the design is not known), all float64; `number` counts the
    events of the stream, so that a gap tells what was lost: to an inlet that was too slow, or before it could
    be sent.
    Samples are float32 in µV, in blocks of 100 ms. The description has the electrodes' positions (of a
    nominal pitch) and how well the clocks are known.

    RuntimeError in accelerated time, which has nothing to do with any clock.
    """

    def __init__(
        self,
        neurons: Neurons,
        name: str = "cl",
        *,
        samples: bool = False,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> None:
        super().__init__(neurons, channels, from_timestamp)
        self._time = LslTime(neurons)
        self._name = name
        self._gain = np.float32(neurons._engine.device.info.uV_per_sample_unit)
        self._with_samples = bool(samples)
        self._block = np.empty((_BLOCK if samples else 0, CHANNEL_COUNT), np.float32)
        self._spikes: Any = None
        self._stims: Any = None
        self._samples: Any = None
        self._numbers = [0, 0]
        self._told = 0

    def have_consumers(self) -> bool:
        """Return whether an inlet is connected to the spikes or the stims."""
        return any(out is not None and out.have_consumers() for out in (self._spikes, self._stims))

    def _open(self) -> None:
        source = f"{self._neurons._engine.device.info.name}-{self._name}"
        error_s = self._neurons.clock_error_ns() * 1e-9
        self._spikes, self._stims = (
            pylsl.StreamOutlet(
                events_info(f"{self._name}-{what}", source, columns, error_s), max_buffered=_BUFFER
            )
            for what, columns in (("spikes", SPIKE_COLUMNS), ("stims", STIM_COLUMNS))
        )
        if self._with_samples:
            info = samples_info(f"{self._name}-samples", source, error_s)
            self._samples = pylsl.StreamOutlet(info, chunk_size=_BLOCK, max_buffered=_BUFFER // 10)

    def _close(self) -> None:
        self._spikes = self._stims = self._samples = None

    def _send(self, events: list[Event]) -> None:
        lost, self._told = self._missed - self._told, self._missed
        # What it was of is not known: both show it.
        self._numbers = [number + lost for number in self._numbers]
        for event in events:
            if isinstance(event, Spike):
                self._push(self._spikes, 0, event)
            elif isinstance(event, Stim):
                durations, currents = phases_of(event)
                largest = max(currents, key=abs, default=0.0)
                self._push(self._stims, 1, event, len(durations), sum(durations), largest)

    def _push(self, out: Any, stream: int, event: Spike | Stim, *more: float) -> None:
        sample = [event.timestamp, event.channel, self._numbers[stream], *more]
        self._numbers[stream] += 1
        out.push_sample(sample, self._time.stamp(event.timestamp))
        self._sent += 1

    def _more_tasks(self) -> list[Any]:
        return [self._send_samples] if self._with_samples else []

    async def _send_samples(self) -> None:
        async with self._neurons.frames(_BLOCK) as blocks:
            while True:
                try:
                    block = await anext(blocks)
                except LaggedError:
                    continue  # The stamps show it.
                except DeviceDisconnectedError:
                    return
                wait_for_tick_gap(self._neurons._engine)
                self._push_block(block, blocks.timestamp)

    def _push_block(self, block: NDArray[np.int16], end: int) -> None:
        np.multiply(block, self._gain, out=self._block)
        # A chunk's stamp is its last sample's.
        self._samples.push_chunk(self._block, self._time.stamp(end - 1))
