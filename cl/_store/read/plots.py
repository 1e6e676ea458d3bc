"""Plots of spikes and stims, with matplotlib (the extra `cl-aio[plot]`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from .table import Table

_FRAMES_BEFORE: Final = 25
_FRAMES_PER_MS: Final = 25
_LARGEST_RASTER: Final = 5_000_000


class Events(Protocol):
    """What is plotted of a recording."""

    @property
    def spikes(self) -> Table | None: ...
    @property
    def stims(self) -> Table | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib: install the extra, pip install 'cl-aio[plot]'") from error
    axes: Axes = pyplot.subplots(figsize=size, layout="constrained")[1]
    return axes


def plot_spike(spike: Any, ax: Axes | None = None, **line: Any) -> Axes:
    """Plot the waveform of a `Spike`, or of a row of a recording's `spikes`.

    The time is in ms from the detection, the voltage in µV. `line` goes to
    matplotlib's `plot`. Returns the axes, new ones if none are given.
    """
    if hasattr(spike, "samples"):
        timestamp, channel, samples = spike.timestamp, spike.channel, spike.samples
    else:
        timestamp, channel, samples = spike["timestamp"], spike["channel"], spike["samples"]
    ax = _axes(ax, (6, 4))
    times = (np.arange(len(samples)) - _FRAMES_BEFORE) / _FRAMES_PER_MS
    ax.plot(times, samples, **line)
    ax.axvline(0, color="grey", linewidth=0.8, linestyle=":")
    ax.set_xlabel("time from detection (ms)")
    ax.set_ylabel("voltage (µV)")
    ax.set_title(f"spike on channel {int(channel)} at frame {int(timestamp)}")
    return ax


def plot_spikes_and_stims(
    view: Events, start: int | None = None, stop: int | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the spikes and stims of a recording's frames [start, stop) by time and channel.

    The time is in seconds since the recording's start. Returns the axes, new
    ones if none are given. Raises ValueError for a recording with neither.
    """
    if view.spikes is None and view.stims is None:
        raise ValueError("the recording has neither spikes nor stims")
    rate = view.attributes.get("frames_per_second", 25_000)
    ax = _axes(ax, (10, 6))
    for name, table, marker, colour in (
        ("spikes", view.spikes, "|", "tab:blue"),
        ("stims", view.stims, "x", "tab:red"),
    ):
        if table is None:
            continue
        timestamps, channels = table.col("timestamp"), table.col("channel")
        shown = np.ones(len(timestamps), np.bool_)
        if start is not None:
            shown &= timestamps >= start
        if stop is not None:
            shown &= timestamps < stop
        if shown.sum() > _LARGEST_RASTER:
            raise ValueError(f"{shown.sum()} {name} are too many for a plot, at most {_LARGEST_RASTER}")
        ax.plot(timestamps[shown] / rate, channels[shown], marker, color=colour, label=name, markersize=5)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("channel")
    ax.set_ylim(-1, view.attributes.get("channel_count", 64))
    ax.legend(loc="upper right")
    return ax
