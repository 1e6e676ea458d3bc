"""The examples and commands of docs/export.md run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from extras import need_extra
from interop_files import Content, example

import cl
from cl.__main__ import main

need_extra("nwb", "pynwb")
need_extra("parquet", "pyarrow")

PAGE = Path(cl.__file__).parents[1] / "docs" / "export.md"


def blocks(language: str) -> list[str]:
    if not PAGE.is_file():
        pytest.skip("an installed package has no docs")
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example(9_000).write(tmp_path / "recording.h5")
    Content(frames=300).write(tmp_path / "part1.h5")
    Content(frames=300, start=500).write(tmp_path / "part2.h5")
    for line in "".join(blocks("sh")).splitlines():
        python, dash, package, *arguments = shlex.split(line)
        assert (python, dash, package) == ("python", "-m", "cl")
        assert main(arguments) == 0, (line, capsys.readouterr().err)
    for block in blocks("python"):
        exec(block, {})  # noqa: S102
    assert {"recording.nwb", "experiment.nwb", "copy.nwb", "game.csv", "game.parquet"} <= set(
        os.listdir(tmp_path)
    )
