"""The titles of a report's parts, and what each part says, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "firing_stats": ("Firing statistics", "How often the channels fire, and how regularly."),
    "network_bursts": (
        "Network bursts",
        "Stretches of time in which the whole culture fires: from a bin that reaches the onset rate to the "
        "first one below the offset rate.",
    ),
    "criticality": (
        "Criticality",
        "Avalanches of activity above a threshold. Near a critical point sizes and durations follow power "
        "laws whose exponents fit each other (DCC near 0), and the branching ratio is near 1.",
    ),
    "information_entropy": (
        "Information entropy",
        "In each bin, the entropy (in nats, unless a base is given) of whether a channel fires: 0 where none "
        "or all do, most where half of them do.",
    ),
    "lempel_ziv_complexity": (
        "Lempel-Ziv complexity",
        "How many different phrases a channel's sequence of bins has: low where it is regular or silent, "
        "near 1 where it is random.",
    ),
    "dct_features": (
        "Spatial frequencies",
        "The discrete cosine transform of the firing counts on the electrode grid: top left the whole, then "
        "ever finer patterns downwards and to the right.",
    ),
    "spike_triggered_histogram": (
        "Spike-triggered histograms",
        "When one channel fires about a spike of another, for the most active channels.",
    ),
    "functional_connectivity": (
        "Functional connectivity",
        "Channels whose binned counts correlate, as a graph: its clustering, communities and hubs.",
    ),
    "rates": ("Firing rates over time", "Spikes per second of each channel."),
    "activity_map": ("Activity map", "Spikes per second at each electrode of the grid."),
    "psth": (
        "Response to stimulation",
        "The peri-stimulus time histogram: the mean rate of a channel before and after a stim.",
    ),
    "isi": ("Inter-spike intervals", "How long it is from one spike of a channel to its next."),
    "waveforms": ("Waveforms", "The mean shape of the spikes at each electrode, and its spread."),
}
"""Of each metric and picture by name."""
