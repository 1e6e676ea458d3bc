"""The bundled application `dose_response`: what it gives, and what it says of the answers."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundled_tools import recorded, run_bundled
from extras import need_extra

need_extra("app", "pydantic")
need_extra("plot", "matplotlib")

from cl.app.bundled.dose_response.src.config import DoseResponseConfig  # noqa: E402
from cl.app.bundled.dose_response.src.doses import Dose, doses, sequence  # noqa: E402
from cl.app.bundled.dose_response.src.plots import plot_curves, plot_histograms  # noqa: E402
from cl.app.bundled.dose_response.src.responses import Response  # noqa: E402

pytestmark = pytest.mark.usefixtures("fonts")
CONFIG: dict[str, Any] = {
    "channels": [36, 18],
    "currents_ua": [0.5, 2.0],
    "repeats": 3,
    "interval_s": 0.5,
    "window_ms": 80,
    "blank_ms": 2.0,
}
MS = 25


def test_it_gives_every_dose_and_tells_its_answer(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run_bundled("dose_response", tmp_path, monkeypatch, **CONFIG)
    config = DoseResponseConfig(name="x", **CONFIG)
    with recorded(output) as view:
        stims, designs = view.stims[:], view.stim_designs[:]
        given = [
            Dose(int(stim["channel"]), float(design["current_uA"][1]))
            for stim, design in zip(stims, designs, strict=True)
        ]
        spikes = view.spikes[:]["timestamp"]
        entries = [*view.data_streams["dose_response"].values()]
        assert view.samples is None
    assert given == [*sequence(config)]
    assert np.diff(stims["timestamp"]).tolist() == [12_500] * 11
    rows = [*csv.DictReader((output / "doses.csv").read_text().splitlines())]
    assert [Dose(int(row["channel"]), float(row["current_ua"])) for row in rows] == doses(config)
    told = {}
    for row in rows:
        dose = Dose(int(row["channel"]), float(row["current_ua"]))
        times = [int(stim["timestamp"]) for stim, one in zip(stims, given, strict=True) if one == dose]
        after = [np.count_nonzero((spikes >= t + 2 * MS) & (spikes < t + 80 * MS)) for t in times]
        before = [np.count_nonzero((spikes >= t - 80 * MS) & (spikes < t)) for t in times]
        evoked = (sum(after) - sum(before) * 78 / 80) / 3
        assert int(row["pulses"]) == len(times) == 3
        assert float(row["evoked_spikes_per_pulse"]) == pytest.approx(evoked, abs=1e-5)
        told[dose] = evoked
        live = [
            entry["spikes"] for entry in entries if (entry["channel"], entry["current_ua"]) == (
                dose.channel, dose.current_ua)
        ]  # fmt: skip
        assert live == after[: len(live)] and len(live) >= 2
    for channel in (18, 36):  # the culture answers to charge
        assert told[Dose(channel, 2.0)] > 2 * told[Dose(channel, 0.5)]
    text = (output / "summary.md").read_text()
    assert f"| 18 | {told[Dose(18, 0.5)]:.2f} | {told[Dose(18, 2.0)]:.2f} |" in text
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")


def test_each_repeat_has_every_dose_once_in_an_order_of_its_own() -> None:
    config = DoseResponseConfig(name="x", **{**CONFIG, "channels": [*range(8, 18)], "repeats": 4})
    order = [*sequence(config)]
    blocks = [order[i : i + 20] for i in range(0, 80, 20)]
    assert all(Counter(block) == Counter(doses(config)) for block in blocks)
    assert len({tuple(block) for block in blocks}) == 4
    assert order == [*sequence(config)] != [*sequence(config.model_copy(update={"seed": 2}))]
    assert len(order) == config.pulse_count and config.estimate_duration_s() == 80 * 0.5


def test_pictures_of_many_electrodes(tmp_path: Path) -> None:
    edges = np.linspace(-0.1, 0.1, 5)
    rates = np.array([1.0, 1.0, np.nan, 5.0])
    found = [Response(Dose(c, u), 3, edges, rates, 2.0 * u) for c in range(12) for u in (1.0, 2.0)]
    for plot in (plot_curves, plot_histograms):
        plot(found, tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"channels": [8, 8]}, "channels must differ"),
        ({"currents_ua": [1.0, 1.0]}, "currents_ua must differ"),
        ({"currents_ua": [2.0], "pulse_width_us": 2000}, "4 nC; at most 3 nC"),
        ({"window_ms": 300}, "interval_s must hold two windows of 300 ms"),
        ({"bin_ms": 100}, "must fit into the window of 80 ms"),
        ({"currents_ua": [3.5]}, "less than or equal to 3"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        DoseResponseConfig(name="x", **{**CONFIG, **wrong})
