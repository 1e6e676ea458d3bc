"""Running bundled applications in tests: in accelerated time, over the culture or spikes of a test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cl._store.read.view import RecordingView
from cl.app import run
from cl.app.targets import bundled

CULTURE = "cl.sim.culture:create"


def run_bundled(name: str, tmp_path: Path, monkeypatch: Any, source: str = CULTURE, **config: Any) -> Path:
    """Run an application with a configuration that differs from its default in these fields."""
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "3")
    monkeypatch.setenv("CL_SDK_DATA_SOURCE", source)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(bundled()[name].default.read_text()), **config}))
    assert run.main([name, str(file), "--output", str(tmp_path / "out")]) == 0
    return tmp_path / "out"


def recorded(output: Path) -> RecordingView:
    """Return the view of the run's recording."""
    (file,) = output.glob("*.h5")
    return RecordingView(file)
