"""The code and the commands of docs/sweeps.md and docs/learning.md run."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from extras import need_extra

import cl
from cl.__main__ import main

DOCS = Path(cl.__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    if not DOCS.is_dir():
        pytest.skip("an installed package has no docs")
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)


def test_the_page_about_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need_extra("sweep", "pandas")
    experiment, sweep, on_dask = blocks("sweeps.md", "python")
    (tmp_path / "doses.py").write_text(experiment)
    (tmp_path / "main.py").write_text(sweep.replace("seeds=2", "seeds=1").replace("300", "50"))
    (tmp_path / "grid.toml").write_text(*blocks("sweeps.md", "toml"))
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("main.py", run_name="__main__")
    assert "{'current_uA': 0.5, 'channel': 12} 0" in capsys.readouterr().out
    for line in "".join(blocks("sweeps.md", "sh")).replace("0:2", "0:1 --workers 1").splitlines():
        python, dash, package, *arguments = shlex.split(line)
        assert (python, dash, package) == ("python", "-m", "cl")
        assert main(arguments) == 0, (line, capsys.readouterr().err)
    assert capsys.readouterr().out.count("\n") >= 7
    compile(on_dask, "sweeps.md", "exec")
    sys.modules.pop("doses")


def test_the_page_about_learning(capsys: pytest.CaptureFixture[str]) -> None:
    need_extra("gym", "gymnasium")
    namespace: dict[str, object] = {}
    for block in blocks("learning.md", "python"):
        exec(block, namespace)  # noqa: S102
    assert re.fullmatch(r"\[\d+, \d+\]\n", capsys.readouterr().out)
