"""Plots of spikes and stims, with matplotlib (the extra `cl-aio[plot]`).

A plot shows itself, unless it goes to a file or into given axes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from cl._values.constants import CHANNEL_COUNT, FRAMES_PER_SECOND

from .figures import FilePath, present, pyplot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from .table import Table

_DETECTION: Final = 25
"""The sample of a spike's waveform at which it was detected."""
_LARGEST_RASTER: Final = 5_000_000


class Events(Protocol):
    """What is plotted of a recording."""

    @property
    def path(self) -> str: ...
    @property
    def spikes(self) -> Table | None: ...
    @property
    def stims(self) -> Table | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def analysis_window(self) -> tuple[int, int]: ...


def uV_formatter(value: float, _: object) -> str:
    """Return a value in µV as the label of an axis (a function of a `FuncFormatter`)."""
    return f"{value} µV"


def plot_spike(
    spike: Any,
    figsize: Sequence[float] = (6, 2),
    title: str | None = None,
    save_path: FilePath | None = None,
    ax: Axes | None = None,
    **line: Any,
) -> Axes:
    """Plot the 75 samples of a spike, in µV over their numbers; the detection is a dotted line.

    `spike`: a `Spike`, a row of a recording's `spikes`, or a tuple of timestamp, channel and samples.
    `title`: the text below, instead of channel and timestamp. `line` goes to matplotlib's `plot`.
    The figure of `figsize` inches is shown, or saved as `save_path`; with `ax` nothing is shown.
    Returns the axes.
    """
    timestamp, channel, samples = _parts(spike)
    axes = pyplot().subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax
    axes.plot(np.arange(len(samples)), samples, **line)
    axes.axvline(_DETECTION, color="grey", linewidth=1.0, linestyle=":")
    axes.yaxis.set_major_formatter(uV_formatter)
    axes.set_xlabel(f"Spike on Channel {channel} at Timestamp {timestamp}" if title is None else title)
    present(axes.figure, save_path, is_own=ax is None)
    return axes


def _parts(spike: Any) -> tuple[int, int, Any]:
    """Return the timestamp, the channel and the samples of what stands for a spike."""
    if hasattr(spike, "samples"):
        parts = spike.timestamp, spike.channel, spike.samples
    elif isinstance(spike, tuple):
        parts = spike
    else:
        try:
            parts = spike["timestamp"], spike["channel"], spike["samples"]
        except (TypeError, LookupError, ValueError):
            raise TypeError(
                "a spike to plot is a Spike, a row of a recording's spikes, or a tuple "
                f"(timestamp, channel, samples), not {spike!r}"
            ) from None
    timestamp, channel, samples = parts
    return int(timestamp), int(channel), samples


class SpikePlot:
    """`plot_spike` of a view, which takes the number of a row, too; of the class it is the function."""

    def __get__(self, view: Events | None, owner: type | None = None) -> Callable[..., Axes]:
        return plot_spike if view is None else _taking_numbers(view)


def _taking_numbers(view: Events) -> Callable[..., Axes]:
    @wraps(plot_spike)
    def plot(spike: Any, *arguments: Any, **keywords: Any) -> Axes:
        if isinstance(spike, (int, np.integer)):
            if view.spikes is None:
                raise ValueError("the recording has no spikes")
            spike = view.spikes[spike]
        return plot_spike(spike, *arguments, **keywords)

    return plot


def plot_spikes_and_stims(
    view: Events,
    figsize: Sequence[float] = (12, 8),
    title: str | None = None,
    save_path: FilePath | None = None,
    limit_to_time_range_secs: Sequence[float] | None = None,
    limit_to_channels: Collection[int] | None = None,
    *,
    start: int | None = None,
    stop: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the spikes (black) and stims (red) of a recording by time, in s since its start, and channel.

    `limit_to_time_range_secs`: (from, to); `start` and `stop`: the same in frames, [start, stop).
    Only events within the view's analysis limit are shown. `limit_to_channels` empties the other rows. The
    figure of `figsize` inches is shown, or saved as `save_path`; with `ax` nothing is shown. Returns the
    axes. Raises ValueError for a recording with neither, for a range that does not ascend, and for more than
    5 000 000 events.
    """
    if view.spikes is None and view.stims is None:
        raise ValueError(f"{view.path}: the recording has neither spikes nor stims")
    rate = view.attributes.get("frames_per_second", FRAMES_PER_SECOND)
    begin, end = _range(limit_to_time_range_secs, start, stop, rate)
    rows = None if limit_to_channels is None else _channels(limit_to_channels)
    first, last = (frame / rate for frame in view.analysis_window)
    within = max(begin or 0.0, first), last if end is None else min(end, last)
    spikes, stims = (
        _chosen(table, name, within, rate, rows)
        for name, table in (("spikes", view.spikes), ("stims", view.stims))
    )
    axes = pyplot().subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax
    if spikes is not None:
        axes.plot(*spikes, "|", color="black", alpha=0.7, markersize=5, markeredgewidth=0.5, label="spikes")
    if stims is not None:
        axes.plot(*stims, "|", color="red", markersize=12, markeredgewidth=1.0, label="stims")
        axes.scatter(stims[0], stims[1] + 0.4, 12, facecolors="white", edgecolors="red", zorder=3)
    duration = view.attributes.get("duration_seconds", 0.0)
    _label(axes, view, title, (begin or 0.0, duration if end is None else end))
    present(axes.figure, save_path, is_own=ax is None)
    return axes


def _range(
    seconds: Sequence[float] | None, start: int | None, stop: int | None, rate: float
) -> tuple[float | None, float | None]:
    """Return from when to when is plotted, in seconds; None is the recording's own begin or end."""
    if seconds is None:
        return (None if start is None else start / rate), (None if stop is None else stop / rate)
    if start is not None or stop is not None:
        raise ValueError("the range is given in seconds or in frames, not in both")
    begin, end = seconds
    if not begin < end:
        raise ValueError(f"limit_to_time_range_secs must ascend, not {tuple(seconds)}")
    return begin, end


def _channels(channels: Collection[int]) -> list[int]:
    try:
        return [int(channel) for channel in channels]
    except TypeError:
        raise TypeError(f"limit_to_channels takes several channels, not {channels!r}") from None


def _chosen(
    table: Table | None,
    name: str,
    within: tuple[float, float],
    rate: float,
    rows: list[int] | None,
) -> tuple[Any, Any] | None:
    """Return the times in seconds and the channels of what is plotted of a table."""
    if table is None:
        return None
    times, channels = table.col("timestamp") / rate, table.col("channel")
    begin, end = within
    shown = (times >= begin) & (times < end)
    if rows is not None:
        shown &= np.isin(channels, rows)
    if shown.sum() > _LARGEST_RASTER:
        raise ValueError(f"{shown.sum()} {name} are too many for a plot, at most {_LARGEST_RASTER}")
    return times[shown], channels[shown]


def _label(axes: Axes, view: Events, title: str | None, limits: tuple[float, float]) -> None:
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Channel")
    if limits[0] < limits[1]:
        axes.set_xlim(*limits)
    axes.set_ylim(-1, CHANNEL_COUNT + 1)
    axes.set_yticks(range(0, CHANNEL_COUNT + 1, 8))
    text = f"Spikes (black) and Stims (red) per Channel over Time\n{view.path}" if title is None else title
    axes.figure.suptitle(text)
