"""What a report draws of metrics: their own plots, and some for those that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl.analysis.pictures.drawing import ACCENT, INK, MAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Save = Callable[[Path], object]
"""Draws a picture and saves it at a path."""
SIDE: Final = 8
_EDGES: Final = 300
"""So many are drawn, the strongest: more hide each other."""
_COMMUNITIES: Final = ("#6db3f2", "#f2a65a", "#7bc67b", "#e68a8a", "#b79be0", "#c9a27e", "#e597cf", "#b5bd5c")


def of_metric(name: str, result: Any) -> Iterator[tuple[str, Save]]:
    """Yield the captions of a result's pictures, each with what draws it, or raises ValueError."""
    if name == "criticality":
        yield "Avalanche sizes", lambda path: result.plot_avalanche_sizes(save_path=path)
        yield "Avalanche durations", lambda path: result.plot_avalanche_durations(save_path=path)
        if np.isfinite(result.deviation_from_criticality_coefficient):
            yield (
                "Size by duration",
                lambda path: result.plot_deviation_from_criticality_coefficient(save_path=path),
            )
        if np.isfinite(result.branching_ratio):
            yield "Branching ratio", lambda path: result.plot_branching_ratio(save_path=path)
    elif name in _OWN:
        title, size, draw = _OWN[name]
        yield title, lambda path: _saved(draw, result, size, path)


def saved_axes(draw: Callable[[Axes], None], size: tuple[float, float], path: Path) -> None:
    """Draw into axes of a figure that pyplot does not know, and save it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure.subplots())
    figure.savefig(path)


def _saved(draw: Callable[[Any, Figure], None], result: Any, size: tuple[float, float], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(result, figure)
    figure.savefig(path)


def _firing_stats(result: Any, figure: Figure) -> None:
    rates = np.array(result.channel_mean_firing_rates) / result.bin_size_sec
    axes = figure.subplots()
    axes.bar(np.arange(len(rates)), rates, color=MAIN, width=0.9)
    axes.set_xlim(-1, len(rates))
    axes.set_xlabel("channel")
    axes.set_ylabel("mean rate (Hz)")


def _bursts(result: Any, figure: Figure) -> None:
    """Draw the population rate above all spikes, with the bursts behind both."""
    fs = result.metadata.sampling_frequency
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 3))
    times = result.bin_boundaries_frames / fs
    above.plot(times, result.firing_rate_per_channel_and_bin, color=MAIN, linewidth=0.9)
    above.set_ylabel("Hz per channel")
    above.set_ylim(bottom=0)
    for channel, frames in result.spike_frames_by_channel.items():
        level = np.full(len(frames), channel)
        below.plot(frames / fs, level, "|", color=MAIN, markersize=3, markeredgewidth=0.6, rasterized=True)
    for axes in (above, below):
        for burst in result.bursts:
            axes.axvspan(burst.start_frame / fs, burst.end_frame / fs, color=ACCENT, alpha=0.25, linewidth=0)
    below.set_ylim(-1, len(result.spike_frames_by_channel))
    below.set_xlabel("time (s)")
    below.set_ylabel("channel")


def _connectivity(result: Any, figure: Figure) -> None:
    """Draw the channels on the electrode grid, coloured by community, and the strongest edges by weight."""
    from matplotlib.collections import LineCollection

    matrix = result.adjacency_matrix
    edges = np.argwhere(np.triu(matrix, 1))
    if not len(edges):
        raise ValueError("no two channels correlate so much: there are no edges")
    weights = np.abs(matrix[edges[:, 0], edges[:, 1]])
    strongest = np.argsort(weights)[-_EDGES:]
    strength = (weights[strongest] - weights[strongest].min()) / (np.ptp(weights[strongest]) or 1)
    channels = np.arange(len(matrix))
    places = np.stack([channels // SIDE, channels % SIDE], axis=1)
    lines: Any = places[edges[strongest]]
    colours = [(0.45, 0.53, 0.61, 0.15 + 0.75 * each**2) for each in strength.tolist()]
    axes = figure.subplots()
    axes.add_collection(LineCollection(lines, linewidths=0.5 + 2.5 * strength, colors=colours))
    _draw_nodes(axes, places, np.isin(channels, edges), result.graph_partition)
    if len(edges) > _EDGES:
        axes.set_title(f"the {_EDGES} strongest of {len(edges)} edges", fontsize="small")


def _draw_nodes(axes: Axes, places: Any, connected: Any, partition: Mapping[int, int]) -> None:
    """Draw the channels, those without edges small and grey."""
    numbers: dict[int, int] = {}
    for channel in np.flatnonzero(connected).tolist():
        numbers.setdefault(partition.get(channel, 0), len(numbers))
    for channel, (x, y) in enumerate(places.tolist()):
        number = numbers[partition.get(channel, 0)] if connected[channel] else 0
        colour = _COMMUNITIES[number % len(_COMMUNITIES)] if connected[channel] else "#98a2ad"
        axes.plot(x, y, "o", color=colour, markersize=15 if connected[channel] else 8, zorder=2)
        size = "x-small" if connected[channel] else 5
        axes.text(x, y, str(channel), ha="center", va="center", fontsize=size, color=INK, zorder=3)
    axes.set_xlim(-0.5, SIDE - 0.5)
    axes.set_ylim(SIDE - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _entropy(result: Any, figure: Figure) -> None:
    entropy = result.information_entropy_per_time_bin
    axes = figure.subplots()
    axes.plot(np.arange(len(entropy)) * result.bin_size_sec, entropy, color=MAIN, linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("entropy")


def _lempel_ziv(result: Any, figure: Figure) -> None:
    _grid(figure, result.lzc_scores_per_channel[:, 0].reshape(SIDE, -1).T, "score")


def _dct(result: Any, figure: Figure) -> None:
    values = np.array(list(result.dct_features.values())).reshape(result.k, result.k)
    axes = figure.subplots()
    most = float(np.abs(values).max()) or 1.0
    image = axes.imshow(np.sign(values) * np.sqrt(np.abs(values) / most), cmap="RdBu", vmin=-1, vmax=1)
    bar = figure.colorbar(image, ax=axes, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_ticklabels([f"{part * most:.3g}" for part in (-1, -0.25, 0, 0.25, 1)])
    axes.set_xlabel("horizontal frequency")
    axes.set_ylabel("vertical frequency")


def _histogram(result: Any, figure: Figure) -> None:
    """Draw a matrix of histograms in one pair of axes: base channels by row, target channels by column."""
    channels = sorted({channel for pair in result.histograms for channel in pair})
    if not channels:
        raise ValueError("there are no two channels that are active enough")
    axes = figure.subplots()
    most = max(int(counts.max(initial=0)) for counts in result.histograms.values()) or 1
    lags = result.histogram_bins
    span = lags[-1] - lags[0]
    across = (lags - lags[0]) / span * 0.9 - 0.45
    zero = -lags[0] / span * 0.9 - 0.45
    place = {channel: number for number, channel in enumerate(channels)}
    for (base, target), counts in result.histograms.items():
        x, y = place[target], place[base] + 0.42
        axes.stairs(y - 0.84 * counts / most, x + across, baseline=y, fill=True, color=MAIN)
        axes.plot([x + zero] * 2, [y, y - 0.84], color=ACCENT, linewidth=0.8, linestyle="--")
    ticks = range(len(channels)), [str(channel) for channel in channels]
    axes.set_xticks(*ticks)
    axes.set_yticks(*ticks)
    axes.set_xlim(-0.55, len(channels) - 0.45)
    axes.set_ylim(len(channels) - 0.45, -0.55)
    axes.set_xlabel(f"target channel; lags from {lags[0] * 1000:g} to {lags[-1] * 1000:g} ms")
    axes.set_ylabel(f"base channel; full height: {most} spikes")


def _grid(figure: Figure, values: Any, label: str) -> None:
    axes = figure.subplots()
    image = axes.imshow(values, cmap="viridis")
    figure.colorbar(image, ax=axes, label=label)
    middle = (float(values.max()) + float(values.min())) / 2
    for (row, column), value in np.ndenumerate(values):
        colour = INK if value > middle else "white"
        channel = row + SIDE * column
        axes.text(column, row, str(channel), ha="center", va="center", fontsize="x-small", color=colour)
    axes.set_xticks([])
    axes.set_yticks([])


_OWN: Final[dict[str, tuple[str, tuple[float, float], Callable[[Any, Figure], None]]]] = {
    "firing_stats": ("Mean rate of each channel", (10, 3), _firing_stats),
    "network_bursts": ("Population rate and all spikes; bursts are red", (10, 5.5), _bursts),
    "functional_connectivity": (
        "Colours are communities, stronger lines correlate more",
        (7, 7),
        _connectivity,
    ),
    "information_entropy": ("Entropy over time", (10, 3), _entropy),
    "lempel_ziv_complexity": ("Complexity at the electrodes", (5.5, 4.5), _lempel_ziv),
    "dct_features": ("Coefficients (colours by their square root)", (5.5, 4.5), _dct),
    "spike_triggered_histogram": ("Counts by lag, for each pair", (9, 7), _histogram),
}
