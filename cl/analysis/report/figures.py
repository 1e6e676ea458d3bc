"""The figures of a metric that a person reads first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np

Figures = list[tuple[str, str]]
"""Names and values, as texts."""


def number(value: Any, unit: str = "") -> str:
    """Return a number for people: four digits that matter, a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, (int, np.integer)):
        text = f"{int(value):,}".replace(",", "\u202f")
    else:
        size = abs(float(value))
        text = f"{float(value):.3e}" if size and not 1e-3 <= size < 1e6 else f"{float(value):.4g}"
    return f"{text}\u202f{unit}" if unit else text


def of_firing_stats(result: Any) -> Figures:
    counts = result.firing_counts
    return [
        ("spikes", number(int(counts.sum()))),
        ("channels that fire", number(int((counts.sum(axis=1) > 0).sum()))),
        ("mean rate of a channel", number(result.culture_mean_firing_rates / result.bin_size_sec, "Hz")),
        ("most in one bin and channel", number(int(result.culture_max_firing_rates), "spikes")),
        ("mean interval between spikes", number(result.culture_ISI_mean, "s")),
        ("bins", number(counts.shape[1])),
    ]


def of_network_bursts(result: Any) -> Figures:
    durations, seconds = result.network_burst_durations_sec, result.metadata.duration_seconds
    count = result.network_burst_count
    mean = result.total_network_burst_duration_sec / count if count else math.nan
    spikes = sum(result.network_burst_spike_counts) / count if count else math.nan
    share = result.total_network_burst_duration_sec / seconds if seconds else math.nan
    return [
        ("bursts", number(count)),
        ("bursts per minute", number(count / seconds * 60 if seconds else math.nan)),
        ("mean duration", number(mean, "s")),
        ("longest", number(max(durations, default=math.nan), "s")),
        ("spikes in a burst", number(spikes)),
        ("time in bursts", number(share * 100, "%")),
    ]


def of_criticality(result: Any) -> Figures:
    return [
        ("avalanches", number(len(result.avalanche_durations))),
        ("size exponent τ", number(result.tau_exponent_spike_counts)),
        ("duration exponent α", number(result.alpha_exponent_durations)),
        ("branching ratio", number(result.branching_ratio)),
        ("deviation from criticality (DCC)", number(result.deviation_from_criticality_coefficient)),
        ("shape collapse β", f"{number(result.beta_exponent)} ± {number(result.beta_exponent_std)}"),
    ]


def of_information_entropy(result: Any) -> Figures:
    entropy = result.information_entropy_per_time_bin
    return [
        ("mean", number(_mean(entropy))),
        ("largest", number(float(np.max(entropy)) if len(entropy) else math.nan)),
        ("bins", number(len(entropy))),
    ]


def of_lempel_ziv_complexity(result: Any) -> Figures:
    scores = result.lzc_scores_per_channel[:, 0]
    best = int(np.argmax(scores)) if len(scores) else 0
    return [
        ("mean over the channels", number(_mean(scores))),
        ("highest", number(float(scores[best]) if len(scores) else math.nan)),
        ("on channel", number(best if len(scores) else math.nan)),
    ]


def of_dct_features(result: Any) -> Figures:
    strongest = sorted(result.dct_features.items(), key=lambda item: -abs(item[1]))[:4]
    return [(name.removesuffix("_firing"), number(value)) for name, value in strongest]


def of_spike_triggered_histogram(result: Any) -> Figures:
    return [
        ("channels", number(result.num_eligible_channels)),
        ("pairs", number(len(result.histograms))),
        ("lags in all", number(int(sum(counts.sum() for counts in result.histograms.values())))),
    ]


def of_functional_connectivity(result: Any) -> Figures:
    edges = int(np.count_nonzero(np.triu(result.adjacency_matrix, 1)))
    return [
        ("edges", number(edges)),
        ("mean weight", number(result.average_edge_weights)),
        ("clustering coefficient", number(result.clustering_coefficient)),
        ("communities of more than one", number(_communities(result.graph_partition))),
        ("modularity", number(result.modularity_index)),
        ("largest betweenness", number(result.max_betweenness_centrality)),
    ]


FIGURES: Final[Mapping[str, Callable[[Any], Figures]]] = {
    "firing_stats": of_firing_stats,
    "network_bursts": of_network_bursts,
    "criticality": of_criticality,
    "information_entropy": of_information_entropy,
    "lempel_ziv_complexity": of_lempel_ziv_complexity,
    "dct_features": of_dct_features,
    "spike_triggered_histogram": of_spike_triggered_histogram,
    "functional_connectivity": of_functional_connectivity,
}


_GLANCE: Final = (
    ("firing_stats", "mean rate of a channel"),
    ("network_bursts", "bursts per minute"),
    ("network_bursts", "time in bursts"),
    ("criticality", "branching ratio"),
    ("criticality", "deviation from criticality (DCC)"),
    ("functional_connectivity", "modularity"),
)


def at_a_glance(outcomes: Iterable[Any]) -> Figures:
    """Return the few figures that a report begins with, of the metrics that were computed."""
    found = {outcome.name: outcome.result for outcome in outcomes if outcome.result is not None}
    return [(label, dict(FIGURES[name](found[name]))[label]) for name, label in _GLANCE if name in found]


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _communities(partition: Mapping[int, int]) -> int:
    members = list(partition.values())
    return sum(members.count(community) > 1 for community in set(members))
