"""Files of cl-sdk's results load here, and ours load there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analysis.analysis_samples import CALLS, results_of, write_sample
from extras import need_extra
from vendor import need_vendor, run_vendor

need_extra("analysis", "pydantic", "scipy", "networkx")

from cl.analysis import AnalysisResult  # noqa: E402

THEIRS = """
import json, sys
from pathlib import Path
import cl, cl.analysis
from cl import RecordingView
folder, calls = Path(sys.argv[1]), json.loads(sys.argv[2])
with RecordingView(str(folder / "sample.h5")) as view:
    for name, arguments in calls.items():
        result = getattr(view, "analyse_" + name)(*arguments)
        if name != "spike_triggered_histogram":
            result.save(str(folder / f"theirs_{name}.json"))
            ours = type(result).from_file(str(folder / f"ours_{name}.json"))
            ours.save(str(folder / f"again_{name}.json"))
"""
RANDOM = {"graph_partition", "modularity_index"}


def test_results_are_read_on_both_sides(tmp_path: Path) -> None:
    need_vendor()
    path = write_sample(tmp_path / "sample.h5")
    ours = results_of(path)
    for name, result in ours.items():
        result.save(tmp_path / f"ours_{name}.json")
    out, err, status = run_vendor("-c", THEIRS, tmp_path, json.dumps(CALLS), cwd=tmp_path)
    assert status == 0, out + err
    for name, result in ours.items():
        if name == "spike_triggered_histogram":
            continue
        read = AnalysisResult.from_file(tmp_path / f"again_{name}.json")
        assert read == result, name
        theirs = AnalysisResult.from_file(tmp_path / f"theirs_{name}.json")
        assert type(theirs) is type(result)
        for field in set(type(result).model_fields) - RANDOM:
            mine = json.dumps(result.model_dump(mode="json")[field])
            other = json.dumps(theirs.model_dump(mode="json")[field])
            numbers = [json.loads(text) for text in (mine, other)]
            assert flat(numbers[0]) == pytest.approx(flat(numbers[1]), rel=1e-6, abs=1e-9, nan_ok=True), field


def flat(value: object) -> list[float]:
    """Return the numbers in it, in order."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    if isinstance(value, str):
        return [float(value)] if value in ("nan", "inf", "-inf") else []
    return [float(value)]  # type: ignore[arg-type]
