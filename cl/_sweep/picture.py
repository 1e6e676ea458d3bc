"""A result over a parameter, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from .table import columns, missing

if TYPE_CHECKING:
    from .row import SweepRow


def picture(rows: Sequence[SweepRow], x: str, y: str, hue: str | None, ax: Any) -> Any:
    """Draw it, and return the figure. ValueError for names that no column has, or that are no numbers."""
    known = columns(rows)
    for name in (x, y, *([] if hue is None else [hue])):
        if name not in known:
            raise ValueError(f"{name!r} is no column: there are {', '.join(known)}")
    if ax is None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise missing("plot", "matplotlib", "sweep") from error
        ax = Figure(figsize=(6, 4), layout="constrained").subplots()
    done = [row for row in rows if not row.failed]
    for shade in dict.fromkeys(None if hue is None else row.get(hue) for row in done):
        _line(ax, [row for row in done if hue is None or row.get(hue) == shade], x, y, shade)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if hue is not None:
        ax.legend(title=hue)
    return ax.get_figure()


def _line(ax: Any, rows: Sequence[SweepRow], x: str, y: str, label: Any) -> None:
    groups: dict[Any, list[float]] = {}
    for row in rows:
        value = row.get(y)
        if value is None:
            continue
        if not isinstance(value, (int, float)):
            raise ValueError(f"{y} is {value!r} in run {row.id}: only numbers can be drawn")
        if not math.isnan(value):
            groups.setdefault(row.get(x), []).append(float(value))
    numeric = all(isinstance(place, (int, float)) and not isinstance(place, bool) for place in groups)
    places = sorted(groups) if numeric else [*groups]
    ax.errorbar(
        places if numeric else [str(place) for place in places],
        [fmean(groups[place]) for place in places],
        [pstdev(groups[place]) for place in places],
        marker="o",
        capsize=3,
        label=None if label is None else str(label),
    )
