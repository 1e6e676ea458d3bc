"""A closed loop that changes what a culture does: it is kept awake, a pulse at a time.

Left alone, the simulator's culture is quiet between its network bursts. Here a loop listens to it, and where
fewer than 10 spikes came within 100 ms it gives a pulse on the next one of ten electrodes. The firing rate
is printed before, during and after.

python examples/culture_closed_loop.py
python examples/culture_closed_loop.py --seconds 60 --accelerated
"""

from __future__ import annotations

import argparse
import os
from collections import deque

import cl

ELECTRODES = range(8, 58, 5)
TICKS_PER_SECOND = 100
WINDOW_TICKS = 10
WANTED_SPIKES = 10


def main() -> None:
    options = parse()
    with cl.open() as neurons:
        before = listen(neurons, options.seconds)
        print(f"before  {line(before)}")
        during, pulses = keep_awake(neurons, options.seconds)
        print(f"during  {line(during)}   {pulses} pulses")
        after = listen(neurons, options.seconds)
        print(f"after   {line(after)}")
    print(f"the loop multiplied the firing rate by {mean(during) / mean(before):.1f}")


def listen(neurons: cl.Neurons, seconds: int) -> list[int]:
    """Return the number of spikes of each tick, doing nothing."""
    loop = neurons.loop(TICKS_PER_SECOND, stop_after_seconds=seconds)
    return [len(tick.analysis.spikes) for tick in loop]


def keep_awake(neurons: cl.Neurons, seconds: int) -> tuple[list[int], int]:
    """Return the number of spikes of each tick, and how many pulses were given."""
    counts: list[int] = []
    pulses = 0
    recent: deque[int] = deque([WANTED_SPIKES], WINDOW_TICKS)
    for tick in neurons.loop(TICKS_PER_SECOND, stop_after_seconds=seconds):
        counts.append(len(tick.analysis.spikes))
        recent.append(counts[-1])
        if sum(recent) < WANTED_SPIKES:
            neurons.stim(ELECTRODES[pulses % len(ELECTRODES)], 1.0)
            pulses += 1
            # Its answer is waited for before the next one.
            recent.append(WANTED_SPIKES)
    return counts, pulses


def mean(counts: list[int]) -> float:
    return sum(counts) * TICKS_PER_SECOND / len(counts)


def line(counts: list[int]) -> str:
    """Draw a rate, and how much of the time the culture was quiet."""
    quiet = sum(count == 0 for count in counts) / len(counts)
    rate = mean(counts)
    return f"{rate:6.1f} spikes/s  quiet {quiet:4.0%} of the time  {'#' * round(rate / 20)}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10, help="device time of each of the three parts")
    parser.add_argument("--accelerated", action="store_true", help="do not wait for the wall clock")
    options = parser.parse_args()
    if options.accelerated:
        os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    os.environ.setdefault("CL_SDK_DATA_SOURCE", "cl.sim.culture:create")
    return options


if __name__ == "__main__":
    main()
