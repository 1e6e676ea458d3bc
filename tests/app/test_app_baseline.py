"""The bundled application `baseline`: its summary is what the analysis of its recording says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bundled_tools import recorded, run_bundled
from extras import need_extra

need_extra("app", "pydantic")
need_extra("analysis", "scipy", "networkx")

from cl.app.bundled.baseline.src.config import BaselineConfig  # noqa: E402
from cl.app.bundled.baseline.src.summary import Findings  # noqa: E402
from cl.app.project import read_object  # noqa: E402
from cl.app.targets import bundled  # noqa: E402


def test_it_records_and_says_what_the_recording_holds(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run_bundled("baseline", tmp_path, monkeypatch, duration=8, burst_bin_ms=40)
    found = json.loads((output / "summary.json").read_text())
    with recorded(output) as view:
        assert view.attributes["duration_frames"] == 8 * 25_000
        assert view.samples is None
        assert len(view.stims) == 0
        app_info = view.attributes["application"]["app_info"]
        assert app_info == {"id": "baseline", "version": read_object(bundled()["baseline"].info)["version"]}
        bursts = view.analyse_network_bursts(0.04, 5.0, 1.0)
        rates = view.analyse_firing_stats(1.0).channel_mean_firing_rates  # spikes per bin of 1 s
        entries = list(view.data_streams["baseline"].values())
        spike_count = len(view.spikes)
        early = sum(spike["timestamp"] < 7 * 25_000 for spike in view.spikes[:])
    assert found["burst_count"] == bursts.network_burst_count > 0
    assert found["mean_burst_s"] == pytest.approx(
        bursts.total_network_burst_duration_sec / bursts.network_burst_count
    )
    assert found["rates_hz"] == pytest.approx(list(rates))
    assert found["spike_count"] == spike_count
    # The page's entries; the last one comes when the recording is over.
    assert [entry["seconds"] for entry in entries] == [*range(1, 8)]
    assert entries[-1]["bursts"] <= found["burst_count"]
    assert sum(sum(entry["counts"]) for entry in entries) == early
    told = capsys.readouterr().out
    assert f"| Spikes | {spike_count} |" in told and f"| {bursts.network_burst_count}, " in told


def test_raw_samples_are_recorded_where_they_are_asked_for(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = run_bundled("baseline", tmp_path, monkeypatch, duration=1, record_raw_samples=True)
    with recorded(output) as view:
        assert view.samples is not None and len(view.samples) == 25_000


def test_a_silent_culture_has_a_summary() -> None:
    findings = Findings.of(10.0, [0] * 64, [])
    assert findings.mean_burst_s is None and findings.active_channels == []
    assert "Most active channels: none." in findings.as_markdown("x")


def test_a_burst_that_ends_above_its_onset_is_refused() -> None:
    with pytest.raises(ValueError, match=r"6 Hz, must not be above the onset, 5 Hz"):
        BaselineConfig(name="x", burst_offset_hz=6.0)
