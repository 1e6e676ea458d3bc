"""Encode a signal in the interval between stims: a new frequency every 250 ms.

`interrupt_then_stim` drops what is left of the old burst and starts the new one, in one transaction.
"""

import math

import cl

CHANNEL = 27
UPDATES_PER_SECOND = 4
DESIGN = cl.StimDesign(160, -1.0, 160, 1.0)


def encode(value: float) -> float:
    """Map -1 to 1 onto 4 to 40 Hz."""
    return 4 + (value + 1) / 2 * 36


with cl.open() as neurons:
    frequency = 0.0
    for tick in neurons.loop(UPDATES_PER_SECOND, stop_after_seconds=4):
        print(f"asked for {frequency:5.1f} Hz, delivered {len(tick.analysis.stims):2d} pulses in 250 ms")
        frequency = encode(math.sin(2 * math.pi * tick.iteration / 8))
        burst = cl.BurstDesign(100, frequency)
        neurons.interrupt_then_stim(CHANNEL, DESIGN, burst)
