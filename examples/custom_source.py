"""A data source of your own: neurons that fire in a rhythm, and answer a pulse 3 ms later.

python examples/custom_source.py
CL_SDK_ACCELERATED_TIME=1 python examples/custom_source.py

The simulator asks the source for its data, window after window, and tells it of every pulse before it asks
for the frames that follow. What it gives must depend on the timestamps only, not on how large the windows
are: then the same program gives the same data every time, whatever the rate of its loop.
"""

from __future__ import annotations

import numpy as np

import cl
from cl.sim import (
    DataSourceBatch,
    DataSourceSpike,
    DataSourceStim,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
    set_simulator_data_source,
)

SHAPE = (-90 * np.exp(-np.arange(20) / 4) + 25 * np.exp(-np.arange(20) / 9)).astype(np.int16)
"""What a spike looks like, in sample units: 0.8 ms."""
ANSWER_AFTER = 75
"""Frames from a pulse to the spike that answers it: 3 ms."""
LISTENING, ANSWERING = 12, 34


class Metronome(SimulatorDataSource):
    """Every channel fires once a period, each at its own moment of it."""

    def __init__(self, period_frames: int, seed: int) -> None:
        self.period = period_frames
        self.noise = np.random.default_rng(seed).normal(0, 8, (10_000, 64)).astype(np.int16)
        self.answers: list[tuple[int, int]] = []

    @property
    def metadata(self) -> SimulatorDataSourceMetadata:
        return SimulatorDataSourceMetadata(uV_per_sample_unit=0.195)

    def on_stim(self, stim: DataSourceStim) -> None:
        self.answers.append((stim.timestamp + ANSWER_AFTER, stim.channel))

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        stop = from_timestamp + frame_count
        frames = self.noise[np.arange(from_timestamp, stop) % len(self.noise)]
        # Spikes from just before the window reach into it.
        found = self.spikes(from_timestamp - len(SHAPE) + 1, stop)
        for timestamp, channel in found:
            low, high = max(timestamp, from_timestamp), min(timestamp + len(SHAPE), stop)
            frames[low - from_timestamp : high - from_timestamp, channel] += SHAPE[
                low - timestamp : high - timestamp
            ]
        return DataSourceBatch(frames, [DataSourceSpike(t, c) for t, c in found if t >= from_timestamp])

    def spikes(self, start: int, stop: int) -> list[tuple[int, int]]:
        rhythm = []
        for channel in range(1, 63):
            phase = channel * self.period // 64
            first = phase + max(0, -(-(start - phase) // self.period)) * self.period
            rhythm += [(timestamp, channel) for timestamp in range(first, stop, self.period)]
        self.answers = [answer for answer in self.answers if answer[0] >= start]
        return rhythm + [answer for answer in self.answers if answer[0] < stop]


def main() -> None:
    set_simulator_data_source(Metronome, config={"period_frames": 2_500, "seed": 1})
    pulses: list[int] = []
    answers: list[int] = []
    with cl.open() as neurons:
        for tick in neurons.loop(ticks_per_second=1000, stop_after_seconds=2):
            for spike in tick.analysis.spikes:
                if spike.channel == LISTENING:
                    neurons.stim(ANSWERING, 1.0)
                if spike.channel == ANSWERING and pulses and spike.timestamp - pulses[-1] == ANSWER_AFTER:
                    answers.append(spike.timestamp)
                    lowest = spike.samples.min()
            pulses += [stim.timestamp for stim in tick.analysis.stims]
    print(f"{len(pulses)} spikes on channel {LISTENING} were answered with a pulse on channel {ANSWERING}")
    print(
        f"{len(answers)} pulses were answered with a spike 3 ms later; the last one went to {lowest:.0f} µV"
    )


if __name__ == "__main__":
    main()
