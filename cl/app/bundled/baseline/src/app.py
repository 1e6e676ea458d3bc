"""A recording at rest: nothing is stimulated; rates and bursts are counted while it is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import cl
from cl import Neurons
from cl.analysis import LiveBursts, LiveRates
from cl.app import BaseApplication, OutputType, RunSummary

from .config import BaselineConfig
from .summary import Findings

VERSION: Final = "1.0.0"
_READS_PER_SECOND: Final = 10


class Baseline(BaseApplication[BaselineConfig]):
    """Records, and shows the rates of each second and the bursts so far on its page."""

    def run(self, config: BaselineConfig, output_directory: str) -> RunSummary:
        """Record for as long as is configured."""
        with cl.open() as neurons:
            findings = _record(neurons, config, output_directory)
        file = Path(output_directory) / "summary.json"
        file.write_text(json.dumps(findings.as_json(), indent=4) + "\n", encoding="utf-8")
        return RunSummary(OutputType.MARKDOWN, content=findings.as_markdown(config.name))

    @staticmethod
    def config_class() -> type[BaselineConfig]:
        """Return the class of its configurations."""
        return BaselineConfig


def _record(neurons: Neurons, config: BaselineConfig, output_directory: str) -> Findings:
    rate = neurons.get_frames_per_second()
    stream = neurons.create_data_stream("baseline", {"duration_s": config.duration})
    recording = neurons.record(
        "baseline",
        output_directory,
        stop_after_seconds=config.duration,
        attributes={
            "app_info": {"id": "baseline", "version": VERSION},
            "app_config": config.model_dump(mode="json"),
        },
        include_raw_samples=config.record_raw_samples,
    )
    start = recording.start_timestamp
    rates = LiveRates(1.0, start_timestamp=start)
    bursts = LiveBursts(
        config.burst_bin_ms / 1_000, config.burst_onset_hz, config.burst_offset_hz, start_timestamp=start
    )
    step, ended = rate // _READS_PER_SECOND, []
    # Reads follow each other without a gap, also where one comes late: nothing is left out.
    for begin in range(start, start + config.duration * rate, step):
        found = neurons.read(step, begin, analysis=True)
        rates.update(found)
        ended += bursts.update(found)
        if (begin + step - start) % rate == 0:
            seconds = (begin + step - start) // rate
            shown = {"seconds": seconds, "counts": rates.last_bin_counts, "bursts": len(ended)}
            stream.append(begin + step, {**shown, "is_bursting": bursts.is_bursting})
    recording.wait_until_stopped()
    ended += bursts.finish()
    lengths = [((burst.end_frame - burst.start_frame) / rate, burst.spike_count) for burst in ended]
    return Findings.of(config.duration, rates.statistics().channel_spike_counts, lengths)
