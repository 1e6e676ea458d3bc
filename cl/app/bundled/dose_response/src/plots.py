"""The pictures of the summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .responses import Response

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS: Final = 8
"""Electrodes that have histograms of their own; of more their mean is drawn."""


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that belongs to nobody else; ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "dose_response draws its summary and needs matplotlib: pip install 'cl-aio[app,plot]'",
            name="matplotlib",
        ) from error
    return Figure((width, height), layout="constrained")


def plot_curves(responses: Sequence[Response], path: Path) -> None:
    """Draw the evoked spikes over the current, one line an electrode."""
    figure = new_figure(6.4, 4.0)
    axes: Any = figure.subplots()
    for channel, row in _by_channel(responses).items():
        currents = [one.dose.current_ua for one in row]
        axes.plot(currents, [one.evoked for one in row], marker="o", label=f"electrode {channel}")
    axes.set(xlabel="Current (µA)", ylabel="Evoked spikes a pulse")
    axes.axhline(0, color="grey", linewidth=0.8)
    if len(axes.lines) <= _MOST_ROWS + 1:
        axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def plot_histograms(responses: Sequence[Response], path: Path) -> None:
    """Draw a PSTH for each dose: electrodes below each other, currents side by side."""
    rows = {f"electrode {channel}": row for channel, row in _by_channel(responses).items()}
    if len(rows) > _MOST_ROWS:
        rows = {"mean of all electrodes": [*zip(*rows.values(), strict=True)]}  # type: ignore[list-item]
    columns = len(next(iter(rows.values())))
    figure = new_figure(max(1.9 * columns, 4.0), 1.7 * len(rows) + 0.6)
    grid: Any = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    for axes_row, (label, row) in zip(grid, rows.items(), strict=True):
        for axes, cell in zip(axes_row, row, strict=True):
            _draw(axes, cell if isinstance(cell, tuple) else (cell,))
        axes_row[0].set_ylabel(label, fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("Time (ms)", fontsize=8)
    for axes, cell in zip(grid[0], next(iter(rows.values())), strict=True):
        first = cell[0] if isinstance(cell, tuple) else cell
        axes.set_title(f"{first.dose.current_ua:g} µA", fontsize=9)
    figure.supylabel("Spikes/s of all channels", fontsize=8)
    figure.savefig(path, dpi=120)


def _draw(axes: Any, cell: Sequence[Response]) -> None:
    rates = np.mean([one.rates_hz for one in cell], axis=0)
    axes.stairs(np.nan_to_num(rates), 1_000 * cell[0].edges_s, fill=True)
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.tick_params(labelsize=7)


def _by_channel(responses: Sequence[Response]) -> dict[int, list[Response]]:
    found: dict[int, list[Response]] = {}
    for one in responses:
        found.setdefault(one.dose.channel, []).append(one)
    return found
