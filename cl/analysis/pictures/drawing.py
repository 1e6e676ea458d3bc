"""Numbers as pictures, in colours that can be seen on light and on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cl._values.constants import GROUNDED, REFERENCE

from .activity_map import SIDE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .activity_map import ActivityMap
    from .isi import Isi
    from .psth import Psth
    from .rates import Rates
    from .stream_values import StreamValues
    from .waveforms import Waveforms

MAIN: Final = "#3f8fd2"
ACCENT: Final = "#e5533d"
INK: Final = "#10161c"
"""On bright colours, whatever the page around is like."""
FEW: Final = 8
"""So many channels are told apart by lines of their own."""


def draw_psth(numbers: Psth, axes: Axes) -> None:
    """Draw the mean rate of the channels as steps over the lag in ms; few channels also as lines."""
    if not numbers.stim_count:
        raise ValueError("there are no stims of this choice within the analysis limit: nothing to draw")
    edges = numbers.edges_sec * 1000
    axes.stairs(numbers.rates_hz.mean(axis=0), edges, fill=True, color=MAIN, alpha=0.6)
    if 1 < len(numbers.channels) <= FEW:
        for channel, rates in zip(numbers.channels, numbers.rates_hz, strict=True):
            axes.stairs(rates, edges, linewidth=1.2, label=f"channel {channel}")
        axes.legend(fontsize="small")
    axes.axvline(0, color=ACCENT, linestyle="--", linewidth=1.2)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time from the stim (ms)")
    axes.set_ylabel("rate (Hz per channel)")
    axes.set_title(f"Response of {_channels(numbers.channels)} to {_many(numbers.stim_count, 'stim')}")


def draw_isi(numbers: Isi, axes: Axes) -> None:
    """Draw the intervals of all channels together by their length in ms."""
    counts = numbers.counts.sum(axis=0)
    total = int(counts.sum() + numbers.beyond.sum())
    if not total:
        raise ValueError("there are no inter-spike intervals within the analysis limit: nothing to draw")
    edges = numbers.edges_sec * 1000
    axes.stairs(counts, edges, fill=True, color=MAIN, alpha=0.8)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel("inter-spike interval (ms)")
    axes.set_ylabel("intervals")
    beyond = f", {int(numbers.beyond.sum())} longer" if numbers.beyond.any() else ""
    axes.set_title(f"{_many(total, 'interval')} of {_channels(numbers.channels)}{beyond}")


def draw_rates(numbers: Rates, axes: Axes) -> None:
    """Draw channels over time in s, rates as colours; what was not observed stays empty."""
    if not numbers.counts.size:
        raise ValueError("there is no time within the analysis limit: nothing to draw")
    edges, rates = [numbers.starts_sec[:1]], []
    for index in range(len(numbers.starts_sec)):
        if index and numbers.starts_sec[index] > numbers.stops_sec[index - 1]:
            edges.append(numbers.starts_sec[index : index + 1])
            rates.append(np.full(len(numbers.channels), np.nan))
        edges.append(numbers.stops_sec[index : index + 1])
        rates.append(numbers.rates_hz[:, index])
    rows = np.arange(len(numbers.channels) + 1) - 0.5
    mesh = axes.pcolormesh(np.concatenate(edges), rows, np.array(rates).T, cmap="viridis", rasterized=True)
    axes.figure.colorbar(mesh, ax=axes, label="rate (Hz)")
    step = max(1, len(numbers.channels) // 16)
    axes.set_yticks(
        range(0, len(numbers.channels), step), [str(channel) for channel in numbers.channels[::step]]
    )
    axes.set_xlabel("time (s)")
    axes.set_ylabel("channel")
    axes.set_title(f"Firing rates of {_channels(numbers.channels)}")


def draw_activity_map(numbers: ActivityMap, axes: Axes) -> None:
    """Draw the electrode grid, rates as colours; grounded and reference channels are crossed out."""
    image = axes.imshow(numbers.rates_hz, cmap="viridis")
    axes.figure.colorbar(image, ax=axes, label="rate (Hz)")
    middle = np.nanmax(numbers.rates_hz) / 2 if numbers.counts.any() else 0.0
    for (row, column), channel in np.ndenumerate(numbers.channels):
        colour = INK if numbers.rates_hz[row, column] > middle else "white"
        text = "×" if channel in (*GROUNDED, REFERENCE) else str(channel)
        axes.text(column, row, text, ha="center", va="center", fontsize="x-small", color=colour)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"Activity on the electrodes, {_many(int(numbers.counts.sum()), 'spike')}")


def draw_waveforms(numbers: Waveforms, axes: Axes) -> None:
    """Draw mean waveforms with their spread: over time where channels are few, else at the electrodes."""
    if not numbers.counts.any():
        raise ValueError("there are no spikes of these channels within the analysis limit: nothing to draw")
    if len(numbers.channels) <= FEW:
        _draw_few(numbers, axes)
    else:
        _draw_grid(numbers, axes)
    axes.set_title(f"Mean waveforms of {_many(int(numbers.counts.sum()), 'spike')}")


def _draw_few(numbers: Waveforms, axes: Axes) -> None:
    for row, channel in enumerate(numbers.channels):
        if numbers.counts[row]:
            mean, spread = numbers.mean_uV[row], numbers.std_uV[row]
            (line,) = axes.plot(numbers.times_ms, mean, label=f"channel {channel} ({numbers.counts[row]})")
            axes.fill_between(
                numbers.times_ms, mean - spread, mean + spread, color=line.get_color(), alpha=0.2, linewidth=0
            )
    axes.axvline(0, color="grey", linestyle=":", linewidth=1)
    axes.legend(fontsize="small")
    axes.set_xlabel("time from the detection (ms)")
    axes.set_ylabel("voltage (µV), mean ± SD")


def _draw_grid(numbers: Waveforms, axes: Axes) -> None:
    """Draw each channel's waveform at its electrode, all on one scale."""
    known = numbers.counts > 0
    scale = 0.45 / max(float(np.nanmax(np.abs(numbers.mean_uV[known]))), 1e-9)
    across = np.linspace(-0.42, 0.42, len(numbers.times_ms))
    for row, channel in enumerate(numbers.channels):
        x, y = channel // SIDE, channel % SIDE
        axes.text(x - 0.45, y - 0.4, str(channel), fontsize="xx-small", color="grey", va="top")
        if known[row]:
            mean, spread = numbers.mean_uV[row] * scale, numbers.std_uV[row] * scale
            low, high = np.clip((y - mean - spread, y - mean + spread), y - 0.5, y + 0.5)
            axes.fill_between(x + across, low, high, color=MAIN, alpha=0.2, linewidth=0, rasterized=True)
            axes.plot(x + across, y - mean, color=MAIN, linewidth=1, rasterized=True)
    axes.set_xlim(-0.6, SIDE - 0.4)
    axes.set_ylim(SIDE - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    span = numbers.times_ms[-1] - numbers.times_ms[0]
    axes.set_xlabel(f"at each electrode: {span:.0f} ms across, {0.5 / scale:.0f} µV up; the band is ± SD")


def draw_stream_values(numbers: StreamValues, axes: Axes) -> None:
    """Draw each series of a stream over the time in s."""
    if not numbers.values:
        raise ValueError(f"the data stream {numbers.name!r} has no numbers: nothing to draw")
    mark = "." if len(numbers.times_sec) <= 200 else ""
    for key, values in numbers.values.items():
        there = ~np.isnan(values)
        axes.plot(
            numbers.times_sec[there], values[there], marker=mark, linewidth=1, label=literal(key), alpha=0.9
        )
    if len(numbers.values) > 1:
        axes.legend(fontsize="small", ncols=1 + len(numbers.values) // 12)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("value")
    axes.set_title(literal(f"Data stream {numbers.name}"))


def literal(text: str) -> str:
    """Return a text that matplotlib draws letter by letter: no formula, no hidden label, not too long."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:80]).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # labels that begin with _ are hidden


def _channels(channels: list[int]) -> str:
    return f"channel {channels[0]}" if len(channels) == 1 else f"{len(channels)} channels"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
