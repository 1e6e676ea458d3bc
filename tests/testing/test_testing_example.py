"""The documented example of testing a controller, run as a user would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cl

ROOT = Path(cl.__file__).parents[1]
EXAMPLE = ROOT / "examples" / "test_controller_example.py"


def test_the_example_passes_and_prints_how_fast_it_was(tmp_path: Path) -> None:
    # With pytest alone: the plugins that the package's own tests are configured for may not be there.
    plugins = ("-p", "cl.testing.plugin", "-p", "anyio", "-p", "no:cacheprovider")
    before = os.times()
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-q", "-W", "error", *plugins, str(EXAMPLE)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"\b8 passed\b", found.stdout)
    printed = re.search(r"360000 bodies in [\d.]+ s: (\d+) times as fast as the device", found.stdout)
    assert printed is not None
    print(printed[0])
    # A busy machine takes longer for what it computes, and computes no more.
    after = os.times()
    computed_s = after.children_user - before.children_user + after.children_system - before.children_system
    assert 360 / computed_s > 20
