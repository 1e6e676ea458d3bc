"""Whether a process stays as it is over a long run: looks at it, their slopes with bounds, and a figure.

What is steady is said by the looks but those of the first quarter, while caches and allocators fill. The
slope is Theil's and Sen's: the median of the slopes between any two looks, which a few outliers do not move;
its bounds hold for 95 % by Kendall's variance of the ranks (Sen 1968, doi:10.1080/01621459.1968.10480934).
"""

from __future__ import annotations

import csv
import os
import statistics
import threading
import time
from collections.abc import Sequence
from itertools import combinations
from math import ceil, floor, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NORMAL_95: Final = 1.96
_INK: Final = "#0d9488"


class Look(NamedTuple):
    """The process at a moment; `progress` is from 0 to 1."""

    progress: float
    seconds: float
    megabytes: float
    descriptors: float
    threads: float


class Quantity(NamedTuple):
    """What a look has, and by how much it may have grown over the run at the upper bound of its slope."""

    field: str
    name: str
    limit: float


QUANTITIES: Final = (
    Quantity("megabytes", "memory, MB", 2.0),
    Quantity("descriptors", "descriptors", 0.5),
    Quantity("threads", "threads", 0.5),
)


class Slope(NamedTuple):
    """By how much a quantity grows over the whole run, and the bounds of that."""

    low: float
    middle: float
    high: float


class Verdict(NamedTuple):
    """What the looks say of one quantity."""

    quantity: Quantity
    middle: float
    slope: Slope
    most: tuple[float, float]
    """The most of it in the second quarter, and in the last half."""

    @property
    def flat(self) -> bool:
        """Whether even the upper bound of the slope is within the limit; a count has no new most either."""
        is_count = self.quantity.field != "megabytes"
        return self.slope.high <= self.quantity.limit and not (is_count and self.most[1] > self.most[0])

    def __str__(self) -> str:
        low, middle, high = (round(bound, 2) + 0.0 for bound in self.slope)
        said = f"{'flat' if self.flat else 'IT GROWS'}: {middle:+g} over the run ({low:+g} to {high:+g})"
        return f"{self.quantity.name}, {self.middle:.5g}: {said} (limit +{self.quantity.limit:g})"


class Process:
    """Looks at this process, and keeps what it sees in `file` as well."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.looks: list[Look] = []
        self._begin = time.monotonic()
        file.write_text(",".join(Look._fields) + "\n")

    def look(self, progress: float) -> None:
        """Take note of how the process is."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        descriptors = len(os.listdir("/proc/self/fd"))
        seconds = time.monotonic() - self._begin
        self.looks.append(Look(progress, seconds, megabytes, descriptors, threading.active_count()))
        with self.file.open("a") as file:
            file.write("{:.6f},{:.2f},{:.3f},{},{}\n".format(*self.looks[-1]))


def read_looks(file: Path) -> list[Look]:
    """Return the looks that a process has kept."""
    with file.open(newline="") as lines:
        return [Look(*map(float, row.values())) for row in csv.DictReader(lines)]


def slope_of(points: Sequence[tuple[float, float]]) -> Slope:
    """Return the slope of points in the order of time."""
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2))
    count = len(points)
    within = _NORMAL_95 * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, floor((len(slopes) - within) / 2))
    high = min(len(slopes) - 1, ceil((len(slopes) + within) / 2))
    return Slope(slopes[low], statistics.median(slopes), slopes[high])


def verdicts(looks: Sequence[Look]) -> list[Verdict]:
    """Return what looks say of each quantity; ValueError if they are too few to say anything."""
    if len(looks) < 40:
        raise ValueError(f"{len(looks)} looks are too few: 40 at least")
    quarter = len(looks) // 4
    found = []
    for quantity in QUANTITIES:
        values = [float(getattr(look, quantity.field)) for look in looks]
        steady = [(look.progress, value) for look, value in zip(looks, values, strict=True)][quarter:]
        most = max(values[quarter : 2 * quarter]), max(values[2 * quarter :])
        found.append(Verdict(quantity, statistics.median(values[quarter:]), slope_of(steady), most))
    return found


def draw(looks: Sequence[Look], title: str, file: Path) -> None:
    """Draw looks and what they say into an SVG, the same bytes each time."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "cl-aio", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(7, 5), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        figure.suptitle(title, fontsize=9)
        axes = figure.subplots(3, sharex=True)
        for axis, verdict in zip(axes, verdicts(looks), strict=True):
            _draw(axis, looks, verdict)
        axes[-1].set(
            xlabel="the part of the run that is done; what is shaded counts for the slope", xlim=(0, 1)
        )
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _draw(axis: Axes, looks: Sequence[Look], verdict: Verdict) -> None:
    values = [getattr(look, verdict.quantity.field) for look in looks]
    axis.plot([look.progress for look in looks], values, color=_INK, lw=1.5)
    axis.axvspan(looks[len(looks) // 4].progress, 1, color=_INK, alpha=0.06, lw=0)
    axis.set_title(str(verdict), fontsize=8, loc="left")
    axis.set_ylim(0, max(values) * 1.2)
    axis.spines[["top", "right"]].set_visible(False)
