"""The summary of a dose response: a table, two pictures, and the numbers as a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .config import DoseResponseConfig
from .plots import plot_curves, plot_histograms
from .responses import Response

CURVES: Final = "dose_response.png"
HISTOGRAMS: Final = "psth.png"
NUMBERS: Final = "doses.csv"


def write(config: DoseResponseConfig, responses: Sequence[Response], folder: Path) -> str:
    """Write the pictures and the numbers; return the text, whose pictures lie beside it."""
    plot_curves(responses, folder / CURVES)
    plot_histograms(responses, folder / HISTOGRAMS)
    with (folder / NUMBERS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("channel", "current_ua", "pulses", "evoked_spikes_per_pulse"))
        for one in responses:
            writer.writerow((one.dose.channel, one.dose.current_ua, one.pulse_count, round(one.evoked, 6)))
    text = _text(config, responses)
    (folder / "summary.md").write_text(text, encoding="utf-8")
    return text


def _text(config: DoseResponseConfig, responses: Sequence[Response]) -> str:
    currents = sorted(config.currents_ua)
    evoked = {one.dose: one for one in responses}
    rows: dict[int, list[str]] = {}
    for dose, one in evoked.items():
        rows.setdefault(dose.channel, []).append(f"{one.evoked:.2f}")
    lines = [
        f"# Dose response: {config.name}",
        "",
        f"Spikes within {config.window_ms} ms of a pulse, beyond those at rest: the mean of "
        f"{config.repeats} pulses of each current on each electrode.",
        "",
        f"| Electrode | {' | '.join(f'{current:g} µA' for current in currents)} |",
        f"|---|{'---|' * len(currents)}",
        *(f"| {channel} | {' | '.join(cells)} |" for channel, cells in rows.items()),
        "",
        f"![Evoked spikes by current]({CURVES})",
        "",
        f"![Peri-stimulus time histograms by dose]({HISTOGRAMS})",
    ]
    return "\n".join(lines) + "\n"
