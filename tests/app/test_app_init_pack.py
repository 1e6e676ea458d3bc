"""`init` and `pack`: what they make, what they refuse, and that one takes what the other made."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_tools import DEFAULT, INFO, PAGE, SCRIPT, make_project, run_python
from extras import need_extra

need_extra("app", "pydantic")

from cl.app import init, pack, run  # noqa: E402


def test_what_init_makes_is_packed_and_runs_as_it_is(tmp_path: Path) -> None:
    project = tmp_path / "deep" / "mine"
    made = run_python("-m", "cl.app.init", project)
    files = [project / name for name in ("info.json", "default.json", "src/__init__.py", "src/app.py")]
    assert made.returncode == 0 and made.stderr == ""
    assert made.stdout.splitlines()[:4] == [f"Created: {file}" for file in files]
    assert files[0].read_text() == json.dumps(json.loads(files[0].read_text()), indent=4) + "\n"
    assert json.loads(files[1].read_text()) == {"name": "Default", "timeout_s": 43_200}
    assert [*(project / "web").iterdir()] == [*(project / "presets").iterdir()] == []
    packed = run_python("-m", "cl.app.pack", project)
    assert packed.returncode == 0 and packed.stderr == ""
    assert "✓ Packaged 4 files" in packed.stdout
    assert packed.stdout.splitlines()[-1] == f"Done! Package created: {project}.zip"
    assert not [*project.rglob("__pycache__")]
    with zipfile.ZipFile(f"{project}.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    again = tmp_path / "unpacked" / "mine"
    ran = run_python("-m", "cl", "app", "run", again, again / "default.json", tmp_path / "out")
    assert ran.returncode == 0 and ran.stderr == ""
    assert ran.stdout.splitlines() == [
        f"Running application in {again} with configuration {again / 'default.json'}",
        "Application RunSummary output:",
        "{'content': 'Application completed successfully.',",
        " 'type': <OutputType.TEXT: 'text'>}",
        "Application run completed successfully",
    ]


def test_init_takes_the_working_directory_and_refuses_one_that_is_not_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chdir(tmp_path)
    assert init.main([]) == 0
    assert (tmp_path / "src" / "app.py").is_file()
    capsys.readouterr()
    assert init.main(["."]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_init_tells_of_a_file_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    for target in ("file", "file/below"):
        assert init.main([str(tmp_path / target)]) == 1
        assert capsys.readouterr().err.startswith("Error: ")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", [init, pack])
def test_usage_and_help(command: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["a", "b"]) == 1
    assert capsys.readouterr().err.startswith("Usage: ")
    for flag in ("-h", "--help"):
        assert command.main([flag]) == 0
        assert capsys.readouterr().out.startswith("Usage: ")
    assert [*tmp_path.iterdir()] == []


def packed(project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Pack; return the status and the lines on stderr."""
    status = pack.main([str(project)])
    return status, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("files", "without", "wanted"),
    [
        ({}, ("info.json", "default.json"), ["info.json is missing", "default.json is missing"]),
        ({}, ("src/__init__.py",), ["src/__init__.py is missing"]),
        ({"info.json": "[1]"}, (), ["info.json must hold a JSON object, not a list"]),
        ({"info.json": "{"}, (), ["info.json is not valid JSON"]),
        (
            {"info.json": {"name": 1, "version": "1", "description": "", "config_version": "1"}},
            (),
            ["'name' must be a string", "no 'author'", "'config_version' must be an integer"],
        ),
        ({"web/vis.html": PAGE}, (), ["web has vis.html but no vis.mjs"]),
        ({"web/vis.mjs": SCRIPT}, (), ["web has vis.mjs but no vis.html"]),
        ({"web/vis.html": PAGE, "web/vis.mjs": "let x;"}, (), ["const dataStreams", "function createVisual"]),
        ({"src/app.py": "1/0"}, (), ["ZeroDivisionError"]),
        ({"src/app.py": "raise SystemExit(3)"}, (), ["SystemExit"]),
        ({"src/__init__.py": ""}, (), ["defines no 'application'"]),
        ({"src/__init__.py": "application = 1"}, (), ["an instance of BaseApplication, not int"]),
        ({"default.json": {"name": "a"}}, (), ["no 'timeout_s'"]),
        (
            {"default.json": {**DEFAULT, "duration": 0, "x": 1}},
            (),
            ["default.json: duration:", "default.json: x:"],
        ),
        (
            {"presets/a.json": {"name": "Default", "timeout_s": 1}, "presets/b.json": "null"},
            (),
            ["presets/a.json: the name 'Default' is that of default.json", "b.json must hold a JSON object"],
        ),
        ({"default.json": {**DEFAULT, "name": ["x"]}}, (), ["default.json: name: Input should be"]),
    ],
)
def test_pack_tells_all_that_is_wrong_in_a_step(
    files: dict[str, Any], without: tuple[str, ...], wanted: list[str], tmp_path: Path, capsys: Any
) -> None:
    status, (first, *told) = packed(make_project(tmp_path / "mine", files=files, without=without), capsys)
    assert status == 1 and "validation failed" in first
    assert len(told) == len(wanted)
    for line, text in zip(told, wanted, strict=True):
        assert line.startswith("  - ") and text in line
    assert not (tmp_path / "mine.zip").exists()


def test_pack_takes_what_the_reference_takes(tmp_path: Path, capsys: Any) -> None:
    files = {
        "info.json": {**INFO, "config_version": True},
        "web/vis.html": PAGE,
        "web/vis.mjs": "const  dataStreams = [];\nexport function createVisualiser($a, b_) {}",
        "presets/a.json": {"name": "other", "timeout_s": 0.0},  # the class takes it
    }
    status, told = packed(make_project(tmp_path / "cl-my.app", files=files), capsys)
    assert status == 0
    assert told == ["Warning: cl-my.app: the prefix 'cl-' is reserved"]


@pytest.mark.parametrize("name", ["my app", "a<b>", "a'b", "é+"])
def test_pack_refuses_names_that_are_no_id(name: str, tmp_path: Path, capsys: Any) -> None:
    status, told = packed(make_project(tmp_path / name), capsys)
    assert status == 1 and "folder's name" in told[1]


@pytest.mark.parametrize("target", ["missing", "file"])
def test_pack_refuses_what_is_no_folder(target: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("")
    status, told = packed(tmp_path / target, capsys)
    assert status == 1 and told[0].startswith("Error: Target directory ")


def test_packs_files_without_what_is_hidden_or_compiled(tmp_path: Path, capsys: Any) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "linked.txt").write_text("linked")
    left_out = (
        *(".hidden", ".git/config", "src/__pycache__/app.pyc", "a.pyc", "b.pyo", "c.pyd", "d.swp", "e.swo"),
        *("Thumbs.db", "desktop.ini", "src/__MACOSX/x"),
    )
    project = make_project(tmp_path / "mine", files={**dict.fromkeys(left_out, "x"), "data/ä.txt": "x"})
    (project / "link").symlink_to(outside)
    (outside / "back").symlink_to(project)
    (project / "gone").symlink_to(tmp_path / "nothing")
    (project / "empty").mkdir()
    os.mkfifo(project / "pipe")
    os.utime(project / "info.json", (0, 0))  # before the first year that a zip knows
    assert packed(project, capsys)[0] == 0
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        names = archive.namelist()
        assert archive.read("mine/link/deep/linked.txt") == b"linked"
        assert all(one.compress_type == zipfile.ZIP_DEFLATED for one in archive.infolist())
    wanted = [
        "data/ä.txt",
        "default.json",
        "info.json",
        "link/deep/linked.txt",
        "src/__init__.py",
        "src/app.py",
    ]
    assert names == [f"mine/{name}" for name in wanted]


def test_an_older_zip_stays_where_packing_fails(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "mine")
    (tmp_path / "mine.zip").write_text("older")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", fail)
    status, told = packed(project, capsys)
    assert status == 1 and "No space left" in told[0]
    assert (tmp_path / "mine.zip").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine.zip"]


def test_packing_leaves_python_as_it_was(tmp_path: Path, capsys: Any) -> None:
    files = {
        "helper.py": "x = 1",
        "src/__init__.py": "import helper\nfrom src.app import Mine\napplication = Mine()",
    }
    path, modules, bytecode = [*sys.path], set(sys.modules), sys.dont_write_bytecode
    assert packed(make_project(tmp_path / "mine", files=files), capsys) == (0, [])
    assert (sys.path, sys.dont_write_bytecode) == (path, bytecode)
    assert not {name for name in set(sys.modules) - modules if name.split(".")[0] in ("src", "helper")}
    assert not [*tmp_path.rglob("__pycache__")]


def test_what_is_packed_twice_runs_in_one_process(tmp_path: Path, capsys: Any) -> None:
    for name in ("first", "second"):
        project = make_project(tmp_path / name, f"print({name!r})")
        assert packed(project, capsys)[0] == 0
        assert run.main([str(project), str(project / "default.json")]) == 0
        assert f"{name}\n" in capsys.readouterr().out
