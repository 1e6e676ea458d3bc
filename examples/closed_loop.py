"""A closed loop: answer every spike with a stim on its channel, record it all, and sum up.

python examples/closed_loop.py --seconds 10
python examples/closed_loop.py --seconds 600 --accelerated
python examples/closed_loop.py --replay my_recording.h5
CL_SDK_DATA_SOURCE=cl.sim.culture:create python examples/closed_loop.py
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter

import cl


def main() -> None:
    options = parse()
    design = cl.StimDesign(160, -1.0, 160, 1.0)
    spikes: Counter[int] = Counter()
    stims: Counter[int] = Counter()
    with cl.open() as neurons:
        print(f"Closed loop at {options.rate} ticks per second for {options.seconds} s of device time")
        recording = neurons.record(file_suffix="closed_loop")
        print(f"Recording to {recording.file['path']}")
        loop = neurons.loop(ticks_per_second=options.rate, stop_after_seconds=options.seconds)
        began = time.perf_counter()
        for tick in loop:
            for spike in tick.analysis.spikes:
                spikes[spike.channel] += 1
                neurons.stim(spike.channel, design)
            for stim in tick.analysis.stims:
                stims[stim.channel] += 1
            if (tick.iteration + 1) % (options.rate * options.every) == 0:
                done = (tick.iteration + 1) // options.rate
                print(f"  {done:4d} s   {spikes.total():6d} spikes   {stims.total():6d} stims")
        elapsed = time.perf_counter() - began
        # Stopped after the loop, it holds everything that the loop saw.
        recording.stop()

    print("Summary")
    print(f"  ticks             {tick.iteration}")
    print(f"  spikes            {spikes.total()}, most on {busiest(spikes)}")
    print(f"  stims             {stims.total()}")
    print(f"  timing            {loop.statistics()}")
    print(f"  real-time factor  {options.seconds / elapsed:.2f}x")
    with recording.open() as view:
        duration = view.attributes["duration_seconds"]
        print(f"  recording         {duration:.1f} s, {len(view.spikes)} spikes, {len(view.stims)} stims")


def busiest(spikes: Counter[int]) -> str:
    return ", ".join(f"channel {channel} ({count})" for channel, count in spikes.most_common(5)) or "none"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10, help="device time to run for (default 10)")
    parser.add_argument("--rate", type=int, default=1000, help="ticks per second (default 1000)")
    parser.add_argument("--every", type=int, default=1, help="seconds between lines of progress")
    parser.add_argument("--accelerated", action="store_true", help="do not wait for the wall clock")
    parser.add_argument("--replay", metavar="FILE", help="play this recording instead of random data")
    options = parser.parse_args()
    if options.accelerated:
        os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    if options.replay:
        os.environ["CL_SDK_REPLAY_PATH"] = options.replay
    return options


if __name__ == "__main__":
    main()
