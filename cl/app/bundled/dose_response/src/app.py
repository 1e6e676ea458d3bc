"""A dose response: each current on each electrode in random order, and what the culture answers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cl
from cl import Neurons
from cl.app import BaseApplication, OutputType, RunSummary

from .config import DoseResponseConfig
from .doses import sequence
from .plots import new_figure
from .responses import responses
from .summary import write

VERSION: Final = "1.0.0"


class DoseResponse(BaseApplication[DoseResponseConfig]):
    """Stimulates, and shows the spikes after each pulse on its page."""

    def run(self, config: DoseResponseConfig, output_directory: str) -> RunSummary:
        """Give all doses, and analyse the recording of it."""
        new_figure(1.0, 1.0)  # what is missing for the summary is told before hours of experiment
        with cl.open() as neurons:
            file = _stimulate(neurons, config, output_directory)
        text = write(config, responses(file, config), Path(output_directory))
        return RunSummary(OutputType.MARKDOWN, content=text)

    @staticmethod
    def config_class() -> type[DoseResponseConfig]:
        """Return the class of its configurations."""
        return DoseResponseConfig


def _stimulate(neurons: Neurons, config: DoseResponseConfig, output_directory: str) -> Path:
    rate = neurons.get_frames_per_second()
    interval, window = round(config.interval_s * rate), round(config.window_ms / 1_000 * rate)
    blank = round(config.blank_ms / 1_000 * rate)
    stream = neurons.create_data_stream(
        "dose_response",
        {
            "channels": sorted(config.channels),
            "currents_ua": sorted(config.currents_ua),
            "pulse_count": config.pulse_count,
        },
    )
    recording = neurons.record(
        "dose_response",
        output_directory,
        attributes={
            "app_info": {"id": "dose_response", "version": VERSION},
            "app_config": config.model_dump(mode="json"),
        },
        include_raw_samples=config.record_raw_samples,
    )
    neurons.read(window)  # the rest before the first pulse
    for number, dose in enumerate(sequence(config), 1):
        neurons.stim(dose.channel, dose.design(config.pulse_width_us))
        found = neurons.read(interval, analysis=True)
        given = found.stims[0].timestamp if found.stims else found.start_timestamp
        spikes = sum(given + blank <= spike.timestamp < given + window for spike in found.spikes)
        entry = {"channel": dose.channel, "current_ua": dose.current_ua, "spikes": spikes, "number": number}
        stream.append(found.stop_timestamp, entry)
    recording.stop()
    return Path(recording.file["path"])
