"""Pong, played by a culture, after Kagan et al. (2022); see `cl.app.embodiment` for the scheme."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import cl
from cl import Neurons
from cl.app import BaseApplication, OutputType, RunSummary
from cl.events import Spike, Stim

from .config import PongConfig
from .play import Play, Score
from .summary import write

VERSION: Final = "1.0.0"
TICKS_PER_SECOND: Final = 100
_BLANK_FRAMES: Final = 25
"""What is detected within 1 ms of a stim is its artifact."""


class Pong(BaseApplication[PongConfig]):
    """Plays, and shows the game on its page."""

    def run(self, config: PongConfig, output_directory: str) -> RunSummary:
        """Play for as long as is configured."""
        with cl.open() as neurons:
            score, latest_ms = _play(neurons, config, output_directory)
        text = write(config, score, latest_ms, Path(output_directory))
        return RunSummary(OutputType.MARKDOWN, content=text)

    @staticmethod
    def config_class() -> type[PongConfig]:
        """Return the class of its configurations."""
        return PongConfig


def _play(neurons: Neurons, config: PongConfig, output_directory: str) -> tuple[Score, float]:
    play = Play(config, 1 / TICKS_PER_SECOND)
    stream = neurons.create_data_stream(
        "pong",
        {
            "paddle_size": config.paddle_size,
            "feedback": config.feedback.value,
            "sensory_channels": [*config.sensory_channels],
        },
    )
    recording = neurons.record(
        "pong",
        output_directory,
        attributes={
            "app_info": {"id": "pong", "version": VERSION},
            "app_config": config.model_dump(mode="json"),
        },
        include_raw_samples=config.record_raw_samples,
    )
    artifacts = Artifacts()
    # A tick that is late ends no game of 20 minutes; the summary tells of it.
    loop = neurons.loop(TICKS_PER_SECOND, stop_after_seconds=config.duration, ignore_jitter=True)
    for tick in loop:
        for stimulation in play.step(artifacts.without(tick.analysis.spikes, tick.analysis.stims)):
            neurons.stim(stimulation.channels, stimulation.design, stimulation.burst)
        stream.append(tick.iteration_timestamp, play.shown())
    recording.stop()
    return play.score, loop.statistics().max_us / 1_000


class Artifacts:
    """What is detected in a moment after a stim."""

    def __init__(self) -> None:
        self._last = -_BLANK_FRAMES

    def without(self, spikes: Iterable[Spike], stims: Iterable[Stim]) -> list[Spike]:
        """Return the spikes of a tick that are none."""
        moments = [self._last, *(stim.timestamp for stim in stims)]
        self._last = moments[-1]
        return [
            spike
            for spike in spikes
            if not any(0 <= spike.timestamp - moment < _BLANK_FRAMES for moment in moments)
        ]
