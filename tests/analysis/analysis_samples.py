"""A recording on which every metric has something to say, and all its results."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from analysis.analysis_files import write_recording

from cl import RecordingView

DURATION = 100_000
CALLS: dict[str, tuple[Any, ...]] = {
    "firing_stats": (0.1,),
    "network_bursts": (0.05, 3, 1),
    "criticality": (0.004, 0.3, 8),
    "information_entropy": (0.1,),
    "lempel_ziv_complexity": (0.05,),
    "dct_features": (3,),
    "spike_triggered_histogram": (0.005, 0.05, 0.05, 3),
    "functional_connectivity": (0.05, 0.35),
}


def write_sample(path: Path, seed: int = 5, **attributes: Any) -> Path:
    """Write a recording of 4 s in which three groups of channels fire in avalanches."""
    chance = random.Random(seed)
    rows = []
    for _ in range(500):
        at, group = chance.randrange(DURATION), chance.randrange(3)
        length = min(40, int(chance.paretovariate(0.9)))
        for i in range(length):
            channel = 8 + 16 * group + chance.randrange(8)
            rows.append((min(DURATION - 1, at + 30 * i + chance.randrange(60)), channel))
    return write_recording(path, DURATION, sorted(rows), **attributes)


def results_of(path: Path) -> dict[str, Any]:
    """Return the results of all metrics by name."""
    with RecordingView(path) as view:
        return {name: getattr(view, f"analyse_{name}")(*arguments) for name, arguments in CALLS.items()}


def open_fonts(folder: Path) -> None:
    """Have matplotlib open the files of its fonts, which it keeps open; for fixtures of modules."""
    from matplotlib.figure import Figure

    figure = Figure()
    for ax, last in zip(figure.subplots(1, 2), (9, 1000), strict=True):
        ax.loglog([2, last], [2, last])
    for suffix in ("png", "pdf", "svg"):
        figure.savefig(folder / f"fonts.{suffix}")
