"""Record a culture in a closed loop, in accelerated time, and see what the recording says.

The loop listens to the culture with `LiveBursts` and gives a pulse half a second after each network burst.
What it has counted is what the analysis finds in the file. Needs `pip install 'cl-aio[analysis]'`.

python examples/record_and_analyse.py
python examples/record_and_analyse.py --seconds 120 --page page.html
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import cl
from cl.analysis import LiveBursts, LiveRates
from cl.sim import Simulator

PULSE = cl.StimDesign(160, -1.0, 160, 1.0)
ELECTRODES = (10, 27, 36, 53)
BURST: dict[str, Any] = {"bin_size_sec": 0.05, "onset_freq_hz": 5.0, "offset_freq_hz": 1.0}
TICKS_PER_SECOND = 100


def record(seconds: int) -> str:
    """Return the path of a recording that was made with the loop."""
    culture = Simulator(seed=7, accelerated=True, source="cl.sim.culture:create")
    with cl.open(device=culture) as neurons:
        recording = neurons.record(file_suffix="analysed")
        bursts = LiveBursts(**BURST, start_timestamp=recording.start_timestamp)
        rates = LiveRates(start_timestamp=recording.start_timestamp)
        answers = neurons.create_data_stream("answers")
        wait = 0
        for tick in neurons.loop(TICKS_PER_SECOND, stop_after_seconds=seconds):
            rates.update(tick.analysis)
            if bursts.update(tick.analysis):
                wait = TICKS_PER_SECOND // 2
            elif wait:
                wait -= 1
                if not wait:
                    electrode = ELECTRODES[bursts.network_burst_count % len(ELECTRODES)]
                    neurons.stim(electrode, PULSE)
                    answers.append(tick.iteration_timestamp, {"electrode": electrode})
        recording.stop()
        bursts.finish()
    spikes = sum(rates.statistics().channel_spike_counts)
    print(f"the loop saw {bursts.network_burst_count} bursts and {spikes} spikes")
    return recording.file["path"]


def analyse(path: str) -> None:
    """Print what the recording says of bursts, responses and criticality."""
    with cl.RecordingView(path) as view:
        found = view.analyse_network_bursts(**BURST)
        mean = found.total_network_burst_duration_sec / max(found.network_burst_count, 1)
        print(f"the file has {found.network_burst_count} bursts of {mean * 1000:.0f} ms")
        psth = view.psth(before_sec=0.1, after_sec=0.3, bin_size_sec=0.01, blank_sec=0.002)
        rates = psth.rates_hz.mean(axis=0)
        peak = int(np.argmax(rates))
        print(
            f"{psth.stim_count} pulses: {rates[:10].mean():.1f} Hz before, "
            f"at most {rates[peak]:.1f} Hz, {psth.edges_sec[peak] * 1000:.0f} ms after them"
        )
        criticality = view.analyse_criticality(0.004, 0.5)
        print(
            f"{len(criticality.avalanche_durations)} avalanches, "
            f"branching ratio {criticality.branching_ratio:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=30, help="device time that is recorded")
    parser.add_argument("--page", metavar="OUT", help="also write the page of `python -m cl analyse` there")
    options = parser.parse_args()
    path = record(options.seconds)
    analyse(path)
    if options.page:
        from cl.__main__ import main as command

        command(["analyse", path, "--html", options.page, "--set", "psth.blank_sec=0.002"])


if __name__ == "__main__":
    main()
