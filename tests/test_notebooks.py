"""The notebooks under docs/ run from top to bottom, and print what is stored in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx", "matplotlib")
need_extra("pandas", "pandas")
need_extra("test", "nbclient", "ipykernel")

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def printed(path: Path) -> str:
    """Return what the cells of a notebook have printed, in whatever pieces."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_runs_and_prints_what_it_did(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    environ = {
        **os.environ,
        "PYTHONPATH": str(FOLDER.parents[1]),
        **dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "TMPDIR"), str(tmp_path)),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    command = [sys.executable, "-c", EXECUTE, str(path), str(out)]
    found = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=100, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert printed(out) == printed(path) != ""
