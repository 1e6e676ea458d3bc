"""What has come of a game."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .config import PongConfig
from .play import Score

_LONG: Final = 3
"""Hits from which on a rally is a long one."""
_LATE_MS: Final = 1.0
"""From which on a late tick is told of."""


def write(config: PongConfig, score: Score, latest_ms: float, folder: Path) -> str:
    """Write the rallies as a file; return the text."""
    with (folder / "rallies.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("ended_s", "hits"))
        writer.writerows((round(seconds, 3), hits) for seconds, hits in score.rallies)
    return text(config, score, latest_ms)


def text(config: PongConfig, score: Score, latest_ms: float = 0.0) -> str:
    """Return the summary: the game as a whole, its first quarter, and the rest, as the literature has it."""
    quarter = config.duration / 4
    parts = {
        "whole": score.rallies,
        "first quarter": [rally for rally in score.rallies if rally[0] < quarter],
        "rest": [rally for rally in score.rallies if rally[0] >= quarter],
    }
    rows = "\n".join(f"| {name} | {_row(rallies)} |" for name, rallies in parts.items())
    late = f"\nThe latest tick of the game was {latest_ms:.0f} ms late.\n" if latest_ms >= _LATE_MS else ""
    return (
        f"# Pong: {config.name}\n\n"
        f"{score.hits} hits and {len(score.rallies)} misses in {config.duration} s, with feedback: "
        f"{config.feedback}.\n\n"
        f"| | rallies | mean hits | longest | aces | long ({_LONG} hits or more) |\n"
        f"|---|---|---|---|---|---|\n{rows}\n{late}"
    )


def _row(rallies: Sequence[tuple[float, int]]) -> str:
    hits = [count for _, count in rallies]
    if not hits:
        return "0 | – | – | – | –"
    mean, aces = sum(hits) / len(hits), hits.count(0) / len(hits)
    long = sum(count >= _LONG for count in hits) / len(hits)
    return f"{len(hits)} | {mean:.2f} | {max(hits)} | {aces:.0%} | {long:.0%}"
