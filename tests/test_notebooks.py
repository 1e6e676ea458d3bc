"""The notebooks under docs/ run from top to bottom, and print what is stored in them.

They run in one kernel. That of the visualisation runs in JupyterLab, in front of a browser
(`tests/visualisation/test_visualisation_notebook.py`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx", "matplotlib")
need_extra("pandas", "pandas")
need_extra("test", "nbclient", "ipykernel")

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
SHOWN = "6_visualisation"
PATHS = sorted(path for path in FOLDER.glob("*.ipynb") if path.stem != SHOWN)


def printed(path: Path) -> str:
    """Return what the cells of a notebook have printed, in whatever pieces."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which all have been run, in their order, and those that failed have an error."""
    out, home = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("home")
    environ = {
        **os.environ,
        "PYTHONPATH": str(FOLDER.parents[1]),
        "CL_SDK_VISUALISATION": "0",
        **dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "TMPDIR"), str(home)),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    runner = str(Path(__file__).with_name("notebook_runner.py"))
    command = [sys.executable, runner, str(out), *map(str, PATHS)]
    found = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=280, cwd=home)
    assert found.returncode == 0, found.stderr
    return out


@pytest.mark.timeout(300)  # the first waits until all have run
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_notebook_runs_and_prints_what_it_did(path: Path, executed: Path) -> None:
    error = executed / f"{path.stem}.error"
    assert not error.exists(), error.read_text()
    assert printed(executed / path.name) == printed(path) != ""


def test_there_is_one_on_each_subject() -> None:
    subjects = [path.stem for path in sorted(FOLDER.glob("[0-9]_*.ipynb"))]
    assert subjects == [
        "1_first_contact",
        "2_spikes",
        "3_udp_spikes",
        "4_recording",
        "5_data_streams",
        "6_visualisation",
        "7_raw_data",
        "8_stimulation",
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_the_notebook_links_to_is_there(path: Path) -> None:
    text = "".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (path.parent / target).exists(), target
