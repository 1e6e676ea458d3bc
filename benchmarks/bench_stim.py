"""What the stimulator costs: admission per call, delivery per pulse, memory of what is queued.

Run it with `python benchmarks/bench_stim.py`; it takes a few seconds.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable

from cl._stim.sequencer import Sequencer
from cl.stim import BurstDesign, ChannelSet, StimDesign, stim_operations

DESIGN = StimDesign(160, -1.0, 160, 1.0)
TICK_STEPS = 500
CALLS = 20_000


def admission(channels: ChannelSet | int, *arguments: object, design: object = DESIGN) -> list[int]:
    """Return the nanoseconds of each of many stims on idle channels, validation included."""
    sequencer = Sequencer()
    timer = time.perf_counter_ns
    took = []
    for step in range(0, CALLS * TICK_STEPS, TICK_STEPS):
        sequencer.advance(step)
        begun = timer()
        sequencer.submit(stim_operations(channels, design, *arguments), step)
        took.append(timer() - begun)
    return took


def empty_ticks() -> list[int]:
    """Return the nanoseconds of asking an idle sequencer for a tick's pulses."""
    sequencer = Sequencer()
    timer = time.perf_counter_ns
    took = []
    for step in range(0, CALLS * TICK_STEPS, TICK_STEPS):
        begun = timer()
        sequencer.advance(step)
        took.append(timer() - begun)
    return took


def delivery(channels: int, seconds: int, ticks_per_second: int, together: bool) -> tuple[float, int]:
    """Return the wall seconds and the pulses of channels that burst at 200 Hz, advanced tick by tick."""
    sequencer = Sequencer()
    stimulable = [channel for channel in range(64) if channel not in (0, 4, 7, 56, 63)][:channels]
    burst = BurstDesign(200 * seconds, 200)
    for number, channel in enumerate(stimulable):
        sequencer.submit(stim_operations(channel, DESIGN, burst), 0 if together else number)
    pulses = 0
    tick = 50_000 // ticks_per_second
    begun = time.perf_counter()
    for step in range(tick, 50_000 * seconds + tick, tick):
        pulses += len(sequencer.advance(step))
    return time.perf_counter() - begun, pulses


def singles(pulses: int) -> float:
    """Return the nanoseconds per pulse of stims that are queued one by one, each on an idle channel."""
    sequencer = Sequencer()
    begun = time.perf_counter()
    for step in range(0, pulses * TICK_STEPS, TICK_STEPS):
        sequencer.submit(stim_operations(8, DESIGN), step)
        sequencer.advance(step + TICK_STEPS)
    return (time.perf_counter() - begun) / pulses * 1e9


def memory() -> int:
    """Return the bytes of a million queued pulses: a hundred bursts of ten thousand."""
    sequencer = Sequencer()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(100):
        sequencer.submit(stim_operations(1 + number % 50, DESIGN, BurstDesign(10_000, 150)), 0)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


def figure(name: str, took: list[int]) -> str:
    """Return a line with the median and the 99th percentile in µs."""
    took = sorted(took)
    late = took[len(took) * 99 // 100]
    return f"{name:<44}{statistics.median(took) / 1000:8.2f} µs median{late / 1000:8.2f} µs p99"


def main() -> None:
    """Print all figures."""
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    gc.disable()
    four = ChannelSet(8, 9, 10, 11)
    cases: tuple[tuple[str, Callable[[], list[int]]], ...] = (
        ("admission, 1 channel", lambda: admission(8)),
        ("admission, 1 channel, number for a design", lambda: admission(8, design=1.5)),
        ("admission, 1 channel, burst, later", lambda: admission(8, BurstDesign(1, 150), 400)),
        ("admission, 4 channels", lambda: admission(four)),
        ("admission, 59 channels", lambda: admission(~ChannelSet(0, 4, 7, 56, 63))),
        ("tick of an idle stimulator", empty_ticks),
    )
    for name, case in cases:
        print(figure(name, case()))
    print(f"{'single pulses, queued and delivered':<44}{singles(200_000):8.0f} ns per pulse")
    for together in (True, False):
        wall, pulses = delivery(59, 60, 100, together)
        name = f"59 channels at 200 Hz, {'in step' if together else 'each by itself'}"
        print(f"{name:<44}{wall / pulses * 1e9:8.0f} ns per pulse{60 / wall:8.0f} × real time")
    print(f"{'a million queued pulses':<44}{memory() / 1024:8.1f} KiB")


if __name__ == "__main__":
    main()
