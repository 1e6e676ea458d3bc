"""`python -m cl.app.run`: the order of its checks, statuses, messages and what an application is given."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from app_tools import DEFAULT, make_project, run_python
from extras import need_extra

need_extra("app", "pydantic")

from cl._cli import app as command  # noqa: E402
from cl.app import run, targets  # noqa: E402


def done(capsys: Any, *arguments: str | Path) -> tuple[int, str, str]:
    """Run; return the status, stdout and stderr."""
    status = run.main([str(one) for one in arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (None, "does not exist"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "must hold a JSON object, not a list"),
        ({"timeout_s": 1}, "has no 'name'"),
        ({"name": 1, "timeout_s": 1}, "'name' must be a string, not an integer"),
        ({"name": "a"}, "has no 'timeout_s'"),
        ({"name": "a", "timeout_s": 1.5}, "'timeout_s' must be an integer, not a number"),
        ({"name": "a", "timeout_s": "<b>\x1b[2J"}, "'timeout_s' must be an integer, not a string"),
    ],
)
def test_a_configuration_is_checked_before_anything_is_imported(
    config: Any, wanted: str, tmp_path: Path, capsys: Any
) -> None:
    project = make_project(tmp_path / "mine", files={"src/__init__.py": "raise AssertionError"})
    file = tmp_path / "config.json"
    if config is not None:
        file.write_text(config if isinstance(config, str) else json.dumps(config))
    status, out, err = done(capsys, project, file)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ") and wanted in err and "Traceback" not in err and "\x1b" not in err


def test_the_folder_comes_first_and_its_code_last(tmp_path: Path, capsys: Any) -> None:
    assert done(capsys, tmp_path / "nowhere", "no.json")[2].startswith(
        "Error: Target directory does not exist"
    )
    (tmp_path / "file").write_text("")
    assert "is not a directory" in done(capsys, tmp_path / "file", "no.json")[2]
    project = make_project(tmp_path / "mine", without=("src/__init__.py",))
    assert "Configuration file does not exist" in done(capsys, project, "no.json")[2]
    status, _, err = done(capsys, project, project / "default.json")
    assert status == 1 and err == f"Error: {project}/src/__init__.py does not exist\n"


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [("", "defines no 'application'"), ("application = object", "an instance of BaseApplication, not type")],
)
def test_what_is_no_application_is_told(entry: str, wanted: str, tmp_path: Path, capsys: Any) -> None:
    project = make_project(tmp_path / "mine", files={"src/__init__.py": entry})
    status, out, err = done(capsys, project, project / "default.json")
    assert (status, out) == (1, "") and wanted in err and "Traceback" not in err


def test_a_configuration_that_does_not_validate_is_told_by_fields(tmp_path: Path, capsys: Any) -> None:
    bad = {**DEFAULT, "duration": 0, "\x1b[2J": 1}
    project = make_project(tmp_path / "mine", files={"default.json": bad})
    status, out, err = done(capsys, project, project / "default.json", tmp_path / "out")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        f"Error: {project}/default.json is no valid configuration:",
        "  duration: Input should be greater than 0",
        "  \\x1b[2J: Extra inputs are not permitted",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("files", "body"),
    [
        ({"src/app.py": "1 / 0"}, ""),
        ({"src/__init__.py": "from .app import Mine\nclass M(Mine):\n  config_class = lambda _: 1 / 0\n"
          "application = M()"}, ""),
        ({}, "1 / 0"),
    ],
)  # fmt: skip
def test_what_the_applications_code_raises_has_a_traceback(
    files: dict[str, str], body: str, tmp_path: Path, capsys: Any
) -> None:
    project = make_project(tmp_path / "mine", body or "pass", files)
    status, out, err = done(capsys, project, project / "default.json")
    assert status == 1 and "Traceback" in err and err.endswith("ZeroDivisionError: division by zero\n")
    assert "completed" not in out


@pytest.mark.parametrize(
    ("estimate", "told"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("'long'", "ValueError: "), ("-1", ""), ("None", "")],
)
def test_a_run_needs_no_estimate(estimate: str, told: str, tmp_path: Path, capsys: Any) -> None:
    entry = (
        "from cl.app import BaseApplicationConfig\nfrom .app import Mine\n"
        f"class Config(BaseApplicationConfig):\n  def estimate_duration_s(self):\n    return {estimate}\n"
        "class Own(Mine):\n  config_class = staticmethod(lambda: Config)\napplication = Own()\n"
    )
    project = make_project(tmp_path / "mine", "pass", {"src/__init__.py": entry})
    status, out, err = done(capsys, project, project / "default.json")
    assert status == 0 and "completed" in out
    warned = "Warning: estimate_duration_s() has failed, no progress is shown: "
    assert err.startswith(f"{warned}{told}") if told else err == ""


def test_its_own_status_is_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", "import sys; sys.exit(7)")
    with pytest.raises(SystemExit) as ended:
        run.main([str(project), str(project / "default.json")])
    assert ended.value.code == 7


def test_what_it_is_given(tmp_path: Path, capsys: Any) -> None:
    body = (
        "import os, sys\n"
        "from . import more\n"
        "open(os.path.join(output_directory, 'x'), 'w').close()\n"
        "return {'at': output_directory, 'name': __name__, 'cwd': os.getcwd(), 'more': more.__name__,\n"
        "        'package': 'mine.one' in sys.modules, 'config': (type(config).__name__, config.duration)}"
    )
    project = make_project(tmp_path / "mine.one", body, {"src/more.py": "", "default.json": DEFAULT})
    status, out, err = done(capsys, os.path.relpath(project), project / "default.json", "a/b")
    assert (status, err) == (0, "")
    for part in (
        f"'at': '{tmp_path}/a/b'",
        f"'cwd': '{tmp_path}'",
        "'name': 'mine.one.app'",
        "'more': 'mine.one.more'",
        "'package': True",
        "'config': ('Config', 60)",
    ):
        assert part in out
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x"]


def test_it_works_in_the_working_directory_and_may_return_nothing(tmp_path: Path, capsys: Any) -> None:
    project = make_project(tmp_path / "mine", "print(output_directory)")
    os.chdir(project)
    status, out, _ = done(capsys, ".", "default.json")
    running = f"Running application in {project} with configuration default.json"
    assert (status, out.splitlines()) == (
        0,
        [running, str(project), "Application run completed successfully"],
    )


def test_a_folder_named_like_a_module_leaves_that_alone(tmp_path: Path, capsys: Any) -> None:
    project = make_project(tmp_path / "json", "import json, sys\nreturn json is sys.modules['json']")
    before = sys.modules["json"]
    status, out, _ = done(capsys, project, project / "default.json")
    assert status == 0 and "True" in out
    assert sys.modules["json"] is before is json


def test_an_output_directory_that_cannot_be_made(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("")
    project = make_project(tmp_path / "mine", "print('ran')")
    status, out, err = done(capsys, project, project / "default.json", tmp_path / "file" / "out")
    assert status == 1 and "ran" not in out and "the output directory cannot be made" in err


def test_older_configurations_are_migrated_first(tmp_path: Path, capsys: Any) -> None:
    entry = (
        "from .app import Mine\nfrom cl.app.util import run_migrations\n"
        "class New(Mine):\n"
        "    @staticmethod\n"
        "    def migrate_config(old):\n"
        "        return run_migrations(old, {1: lambda c: c.update(duration=c.pop('seconds'))})\n"
        "application = New()\n"
    )
    old = {**DEFAULT, "seconds": 7}
    files = {"src/__init__.py": entry, "default.json": old}
    project = make_project(tmp_path / "mine", "return (config.duration, config.config_version)", files)
    status, out, _ = done(capsys, project, project / "default.json")
    assert status == 0 and "(7, 1)" in out
    assert json.loads((project / "default.json").read_text()) == old


def test_several_configurations_run_after_another_each_in_a_folder(tmp_path: Path, capsys: Any) -> None:
    body = "print(config.name, output_directory)\nif config.name == 'bad': raise ValueError('it is bad')"
    files = {f"presets/{name}.json": {"name": name, "timeout_s": 9} for name in ("one", "two", "bad")}
    project = make_project(tmp_path / "mine", body, files)
    given = [project / "presets" / f"{name}.json" for name in ("one", "bad", "two")]
    status, out, err = done(capsys, project, *given, "--output", "out")
    own = [line for line in out.splitlines() if not line.startswith(("Running", "Application"))]
    assert own == [f"one {tmp_path}/out/one", f"bad {tmp_path}/out/bad"]
    assert status == 1 and err.endswith("ValueError: it is bad\n")
    assert done(capsys, project, given[0], given[2], "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bad", "one", "two"]


def test_none_of_several_runs_where_one_is_wrong_or_two_are_of_one_name(tmp_path: Path, capsys: Any) -> None:
    files = {"presets/bad.json": {**DEFAULT, "x": 1}, "presets/default.json": {**DEFAULT, "name": "b"}}
    project = make_project(tmp_path / "mine", "print('ran')", files)
    for other in ("bad", "default"):
        given = (project / "default.json", project / "presets" / f"{other}.json")
        status, out, err = done(capsys, project, *given)
        assert (status, out) == (1, "") and other in err


@pytest.mark.parametrize(
    "arguments", [[], ["mine"], ["mine", "a.json", "--what"], ["mine", "a.json", "out", "--output", "b"]]
)
def test_bad_usage(arguments: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_debug_logs_everything(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine", "import logging\nlogging.getLogger('x').debug('seen')")
    done = run_python("-m", "cl.app.run", project, project / "default.json", "--debug")
    assert "DEBUG:x:seen\n" in done.stderr


def test_bundled_applications_are_found_by_name(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "BUNDLED", tmp_path / "bundled")
    assert targets.bundled() == {}
    files = {"presets/fast.json": {"name": "fast", "timeout_s": 1}}
    make_project(tmp_path / "bundled" / "resting", "print(config.name)", files)
    (tmp_path / "bundled" / "__pycache__").mkdir()
    arguments = command.argparse.ArgumentParser()
    command.add_arguments(arguments)
    assert command.run(arguments.parse_args(["list"])) == 0
    assert capsys.readouterr().out == "resting: d\n"
    for name, wanted in (("default.json", "Default"), ("fast.json", "fast")):
        assert command.run(arguments.parse_args(["run", "resting", name, "out"])) == 0
        assert f"{wanted}\n" in capsys.readouterr().out
    assert done(capsys, "resting", "slow.json")[0] == 1
    # A folder of that name comes first.
    make_project(tmp_path / "resting", "print('mine')")
    assert "mine\n" in done(capsys, "resting", tmp_path / "resting" / "default.json")[1]
