"""A sweep: how a culture answers to pulses of several currents and rates, for several cultures.

Each run is a process of its own, in accelerated time, with a recording in its folder. Started again, only
what is missing is run. The table is printed, and a plot of it goes into the sweep's folder.

python examples/sweep_dose.py
python examples/sweep_dose.py --cultures 8 --seconds 20 --out doses
python -m cl sweep run examples/sweep_dose.py:answer --grid grid.toml --seeds 0:8 --out doses
"""

from __future__ import annotations

import argparse

import cl

ELECTRODES = cl.ChannelSet(12, 28, 44, 52)
TICKS_PER_SECOND = 100
WINDOW_TICKS = 5


def answer(
    neurons: cl.Neurons, current_uA: float, frequency_Hz: float, seconds: float = 5.0
) -> dict[str, object]:
    """Stimulate for so long, and count the spikes of the 50 ms after each pulse; the rest is the baseline."""
    recording = neurons.record(include_raw_samples=False)
    period = round(TICKS_PER_SECOND / frequency_Hz)
    evoked = other = pulses = 0
    for tick in neurons.loop(TICKS_PER_SECOND, stop_after_seconds=seconds, ignore_jitter=True):
        count = len(tick.analysis.spikes)
        since = (tick.iteration - 1) % period
        if pulses and since < WINDOW_TICKS:
            evoked += count
        else:
            other += count
        if tick.iteration % period == 0:
            neurons.stim(ELECTRODES, current_uA)
            pulses += 1
    recording.stop()
    return {"evoked": evoked / pulses, "other": other, "pulses": pulses}


def main() -> None:
    options = parse()
    sweep = cl.sweep(
        answer,
        {"current_uA": [0.5, 1.0, 2.0], "frequency_Hz": [1.0, 4.0], "seconds": [options.seconds]},
        options.cultures,
        out=options.out,
        source={"source": "cl.sim.culture:create", "config": {"size": options.size}},
        executor=options.workers,
    )
    for row in sweep:
        if row.failed:
            print(f"{row.params}, seed {row.seed}: {row.error}")
    table = sweep.to_pandas()
    mean = table.groupby(["current_uA", "frequency_Hz"])["evoked"].agg(["mean", "std"]).round(1)
    print(mean)
    sweep.plot("current_uA", "evoked", "frequency_Hz").savefig(sweep.folder / "answers.png")
    print(f"{len(table)} runs, {len(sweep.recordings)} recordings and answers.png in {sweep.folder}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cultures", type=int, default=3, help="the seeds")
    parser.add_argument("--seconds", type=float, default=5.0, help="device time of a run")
    parser.add_argument("--size", type=int, default=1_000, help="neurons of a culture")
    parser.add_argument("--workers", type=int, help="processes at a time; else one for each core")
    parser.add_argument("--out", default="doses")
    return parser.parse_args()


if __name__ == "__main__":
    main()
