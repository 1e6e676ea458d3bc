"""`python -m cl info` and `python -m cl recover`, as they are called."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cl
import cl._cli as cl_commands
from cl.__main__ import COMMANDS, main
from cl._cli import findings
from cl._store.read import rest

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), **variables}
    return subprocess.run(
        [sys.executable, "-m", "cl", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        timeout=60,
    )


@pytest.fixture
def recorded(accelerated: None) -> Path:
    with cl.open() as neurons:
        recording = neurons.record(attributes={"dish": 7})
        stream = neurons.create_data_stream("game", {"level": 2})
        neurons.stim(8, 1.0, cl.BurstDesign(10, 100))
        neurons.read(20_000)
        stream.append(500, {"x": 1})
        neurons.read(5_000)
        recording.stop()
    return Path(recording.file["path"])


@pytest.fixture
def unended(recorded: Path, accelerated: None) -> Path:
    """A recording as a process leaves it that is killed: without an end."""
    path = recorded.with_name("unended.h5")
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(5_000)
        neurons.read(1)
        path.write_bytes(Path(recording.file["path"]).read_bytes())
    Path(recording.file["path"]).unlink()
    os.utime(path, (0, 0))
    return path


def test_help_lists_the_commands() -> None:
    found = run("--help")
    assert found.returncode == 0
    for name in COMMANDS:
        assert f"    {name}" in found.stdout


def test_without_a_command_it_says_what_there_is() -> None:
    found = run()
    assert found.returncode == 2
    assert "COMMAND" in found.stderr


def test_a_reader_that_has_seen_enough_is_no_error(recorded: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        found = run("info", str(recorded), stdout=writing)
    finally:
        os.close(writing)
    assert (found.returncode, found.stderr) == (0, "")


def test_info_to_read(recorded: Path) -> None:
    found = run("info", str(recorded))
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    for text in (
        "3.4 MB, complete",
        "duration      1.000 s, 25000 frames",
        "samples       25000 frames of 64 channels",
        "stims         10, on 1 channels",
        "8: 10.00",
        "game: 1 entries, frames 500 to 500",
        "level: 2",
        "application: {'dish': 7}",
    ):
        assert text in found.stdout


def test_info_as_json(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", str(recorded)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(recorded)
    assert found["complete"] is True
    assert (found["duration_frames"], found["duration_seconds"]) == (25_000, 1.0)
    assert found["samples"] == [25_000, 64]
    assert found["stims"] == {"count": 10, "count_by_channel": {"8": 10}, "hz_by_channel": {"8": 10.0}}
    assert found["attributes"]["application"] == {"dish": 7}
    assert found["data_streams"]["game"]["count"] == 1


def test_recover(unended: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rest, "REST_S", 0.1)  # The command below waits as long as it does for a user.
        assert main(["info", str(unended)]) == 0
    assert "INCOMPLETE" in capsys.readouterr().out
    with cl.RecordingView(unended) as view:
        frames = view.attributes.duration_frames
        assert len(view.samples) == frames > 4_900
    found = run("recover", str(unended))
    assert found.returncode == 0, found.stderr
    assert f"{unended} is complete now: {frames / 25_000:.3f} s, {frames} frames, ended 20" in found.stdout
    assert [path.name for path in unended.parent.glob("unended*")] == ["unended.h5"]
    with cl.RecordingView(unended) as view:
        assert view.complete
        assert view.attributes.duration_frames == frames
    assert main(["recover", str(unended)]) == 0
    assert "is complete: nothing to do" in capsys.readouterr().out


def test_a_running_recording_is_not_recovered(accelerated: None, capsys: pytest.CaptureFixture[str]) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(6_000)
        content = Path(recording.file["path"]).read_bytes()
        # Time stands still meanwhile: that makes no difference.
        assert main(["recover", recording.file["path"]]) == 1
        assert "is being written to" in capsys.readouterr().err
        assert len(Path(recording.file["path"]).read_bytes()) >= len(content)
        recording.stop()
    with recording.open() as view:
        assert view.complete


@pytest.mark.parametrize("command", ["info", "recover"])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file|does not exist"),
        ("hello", "not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" * 9, "cannot be|truncated"),
    ],
)
def test_what_cannot_be_read(
    command: str, content: str | bytes | None, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.h5"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert main([command, str(path)]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith(f"python -m cl {command}: ")
    assert re.search(text, found.err)
    assert "Traceback" not in found.err


_HELP = """
import sys
import cl.__main__
try:
    cl.__main__.main(["--help"])
except SystemExit:
    pass
print(sorted({"h5py", "numpy", "tables", "anyio"} & set(sys.modules)), file=sys.stderr)
"""


def test_commands_load_nothing_before_they_run() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    found = subprocess.run(
        [sys.executable, "-c", _HELP], capture_output=True, text=True, env=environment, timeout=60
    )
    assert found.stderr.strip() == "[]"


def test_what_stdout_has_no_letters_for_is_told_all_the_same(recorded: Path) -> None:
    found = run("info", str(recorded), PYTHONIOENCODING="ascii")
    assert found.returncode == 0, found.stderr
    assert r"in \xb5s and \xb5A" in found.stdout


def test_a_closed_stdout_is_no_error(recorded: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = f'"{sys.executable}" -m cl info "{recorded}" >&-'
    found = subprocess.run(["sh", "-c", command], capture_output=True, env=environment, timeout=60)
    assert (found.returncode, found.stderr) == (0, b"")


def test_the_help_has_each_command_with_a_line_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    modules = {path.stem for path in Path(cl_commands.__file__).parent.glob("*.py")}
    runnable = {name for name in modules if hasattr(importlib.import_module(f"cl._cli.{name}"), "run")}
    assert set(COMMANDS) == runnable - {"__init__"}
    for name, command in COMMANDS.items():
        assert command.group in cl_commands.GROUPS
        assert command.example.split()[0] == name
        assert f"  python -m cl {command.example}\n" in text
        assert f"\n    {name} " in text, "its name runs into what it does"
    assert [line[:-1] for line in text.splitlines() if line[:-1] in cl_commands.GROUPS] == list(
        cl_commands.GROUPS
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"cl-aio {cl.__version__}\n")


def test_the_command_cl_aio_is_this_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["cl-aio"].partition(":")
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/cl-aio", "recover", "/no/such/file.h5"])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("cl-aio recover: ")


def test_doctor(accelerated: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--seconds", "0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == cl.__version__
    assert found["device"]["accelerated"] is True
    for loop in ("bare_loop", "closed_loop"):
        # A percentile is the upper edge of its bucket, which may lie above the exact maximum.
        assert 0 <= found[loop]["p50_us"] <= found[loop]["p99_us"]
        assert found[loop]["max_us"] > 0
    assert found["disk_hours_with_samples"] > 0


def test_doctor_says_why_no_device_opens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "many")
    assert main(["doctor", "--seconds", "0.1"]) == 1
    assert "cl.open() opens nothing: CL_SDK_RANDOM_SEED='many'" in capsys.readouterr().out
    assert main(["doctor", "--seconds", "0"]) == 1
    assert "--seconds 0: a loop is measured for 0.1 to 60 s" in capsys.readouterr().err


def test_extras_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["numpy>=1", "no-such-package>=3; extra == 'plot'", "pytest>=8; extra == 'test'"]
    requirements += ["numpy>=1; extra == 'tables'"]
    monkeypatch.setattr(findings.metadata, "requires", lambda _name: requirements)
    assert findings.extras() == {"plot": ["no-such-package"], "tables": []}


def test_info_names_variables_that_are_slips() -> None:
    found = run("info", CL_SDK_RANDOMSEED="5", CL_DEVISE="x", CL_SOMETHING_ELSE="1", CL_SDK_ZZZ="2")
    assert found.returncode == 0
    assert found.stderr.splitlines() == [
        "cl: CL_DEVISE has no effect: there is no such variable, but CL_DEVICE",
        "cl: CL_SDK_RANDOMSEED has no effect: there is no such variable, but CL_SDK_RANDOM_SEED",
        "cl: CL_SDK_ZZZ has no effect: there is no such variable",
    ]


def test_channels_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stream", "--jsonl", "--channels", "a"])
    text = capsys.readouterr().err
    assert text.startswith("usage: python -m cl stream [-h]")
    assert "'a': channels are numbers from 0 to 63, with commas between them" in text
