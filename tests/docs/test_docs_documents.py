"""Every document: its code runs, its commands are there, and what it names exists."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import h5py
import numpy
import pytest
from docs.pages import DOCS, ROOT, SEED, Block, blocks, pages
from docs.user_programs import write

import cl
from cl.__main__ import main
from cl._cli import COMMANDS
from cl.sim import Simulator

if not DOCS.is_dir():
    pytest.skip("an installed package has no docs", allow_module_level=True)

HERE = "tests/docs/test_docs_documents.py"
RUN_BY = {
    "README.md": HERE,
    "docs/analysis.md": "tests/analysis/test_analysis_docs.py",
    "docs/applications.md": "tests/app/test_app_docs.py",
    "docs/export.md": "tests/interop/test_interop_docs.py",
    "docs/learning.md": "tests/sweep/test_sweep_docs.py",
    "docs/network.md": HERE,
    "docs/recordings.md": HERE,
    "docs/safety.md": HERE,
    "docs/schedules.md": HERE,
    "docs/spikeinterface.md": "tests/interop/test_interop_spikeinterface.py",
    "docs/streaming.md": "tests/interop/test_interop_bridges.py",
    "docs/sweeps.md": "tests/sweep/test_sweep_docs.py",
    "docs/virtual-time.md": HERE,
    "docs/visualiser-protocol.md": HERE,
}
"""The documents with code, but for those of `pages.pages()`, and the test file that runs it."""
OTHER_LANGUAGES = {"", "text", "json", "toml", "ini", "js", "eval-rst", "{toctree}", "{eval-rst}"}
COMMAND = re.compile(r"(?:python -m cl|cl-aio) ([a-z]+)\b([^`\n|]*)")


def documents() -> list[Path]:
    """Return all that people read, but for the decisions, which are of their day."""
    found = [*DOCS.rglob("*.md"), *(ROOT / "cl").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return sorted(path for path in found if not {"decisions", "_made"} & set(path.parts))


def what_ci_runs() -> str:
    found = ROOT / ".ci" / "run"
    if not found.is_file():
        pytest.skip("a source distribution has no CI")
    return found.read_text(encoding="utf-8")


def code(document: str, language: str) -> list[Block]:
    return [block for block in blocks(ROOT / document) if block.language == language]


@contextmanager
def opened(**arguments: Any) -> Iterator[cl.Neurons]:
    with cl.open(device=Simulator(seed=int(SEED), accelerated=True), **arguments) as neurons:
        yield neurons


def record(name: str, seconds: float = 0.5) -> Path:
    """Write a recording with a stim and a refusal into the working directory."""
    with opened() as neurons:
        neurons.annotate("begin")
        recording = neurons.record(file_suffix=name)
        neurons.stim(20, 1.0)
        neurons.read(int(seconds * 25_000))
        recording.stop()
    return Path(recording.file["path"]).rename(f"{name}.h5")


def run(block: Block, namespace: dict[str, Any], *, text: str | None = None) -> None:
    """Run a block, with `await` wherever it has that."""
    compiled = compile(
        "\n" * (block.line - 1) + (text or block.text),
        f"line {block.line}",
        "exec",
        ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    result = eval(compiled, namespace)  # noqa: S307
    if result is not None:
        asyncio.run(result)


def run_commands(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the `python -m cl` of each line in this process; return what they print."""
    for line in text.splitlines():
        python, dash, package, *arguments = shlex.split(line, comments=True)
        assert (python, dash, package) == ("python", "-m", "cl"), line
        assert main(arguments) == 0, (line, capsys.readouterr().err)
    return capsys.readouterr().out


# -- every document -----------------------------------------------------------------------


def test_no_code_is_left_out() -> None:
    run_elsewhere = {page.resolve() for page in pages()}
    with_code = set()
    for path in documents():
        found = {block.language for block in blocks(path)}
        assert found <= {"python", "sh"} | OTHER_LANGUAGES, path
        if found & {"python", "sh"} and path.resolve() not in run_elsewhere:
            with_code.add(path.relative_to(ROOT).as_posix())
    assert with_code == set(RUN_BY)


@pytest.mark.parametrize("document", RUN_BY)
def test_the_file_that_runs_it_names_it(document: str) -> None:
    assert document.rpartition("/")[2] in (ROOT / RUN_BY[document]).read_text(encoding="utf-8")


def _asked(command: str, rest: str) -> tuple[tuple[str, ...], set[str]]:
    """Return what is asked for help, and the options that the command is said to have."""
    words = rest.partition(" #")[0].split()
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    nested = command in ("app", "export", "sweep") and words and re.fullmatch("[a-z0-9]+", words[0])
    return ((command, words[0]) if nested else (command,)), options


def test_every_command_that_is_mentioned_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    used: dict[tuple[str, ...], set[str]] = {}
    for path in documents():
        for name, rest in COMMAND.findall(path.read_text(encoding="utf-8")):
            assert name in COMMANDS, (path.name, name)
            asked, options = _asked(name, rest)
            used.setdefault(asked, set()).update(options)
    assert len(used) > 20
    for asked, options in used.items():
        if options:
            with contextlib.suppress(SystemExit):
                main([*asked, "--help"])
            assert options <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out)), asked


def test_no_link_within_the_repository_is_dead() -> None:
    for path in [*documents(), ROOT / "CHANGELOG.md", *(DOCS / "decisions").glob("*.md")]:
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target and "_made/" not in target:  # which the build makes
                assert (path.parent / target).exists(), (path.name, target)


def test_what_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ci = what_ci_runs()
    for command in ("ruff format", "ruff check", "mypy", "lint-imports", "scripts/test", "scripts/docs"):
        assert command in text and command in ci
    named = re.findall(r"(?:python|sh|bash|`)\s?((?:scripts|tests|benchmarks|docs|\.ci)/[\w./*-]+)", text)
    assert len(named) > 10
    for path in named:
        assert list(ROOT.glob(path)), path
    programs = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("tests", "scripts", "benchmarks", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in (".py", "") and "__pycache__" not in path.parts
    )
    for variable in set(re.findall(r"\bCL_[A-Z_]+\b", text)):
        assert variable in programs, variable


def test_every_page_has_a_program_whose_types_are_checked(tmp_path: Path) -> None:
    """By CI (scripts/types), with mypy and pyright."""
    write(tmp_path)
    assert "scripts/types" in what_ci_runs()
    for page in documents():
        name = re.sub(r"\W", "_", page.relative_to(ROOT).as_posix().removesuffix(".md"))
        if any(block.language == "python" for block in blocks(page)):
            compile((tmp_path / f"page_{name}.py").read_text(encoding="utf-8"), name, "exec")


# -- the README ---------------------------------------------------------------------------


def test_the_programs_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", SEED)
    loop, in_tasks, several, of_a_test = code("README.md", "python")
    namespace: dict[str, Any] = {}
    run(loop, namespace)
    assert re.search(r"\d+ spikes and \d+ stims in .*\.h5", capsys.readouterr().out)
    Path(namespace["recording"].file["path"]).rename("recording.h5")
    run(in_tasks, {})
    assert "Spike(timestamp=" in capsys.readouterr().out
    run(several, {"cl": cl})
    assert "Stim(timestamp=2" in capsys.readouterr().out

    ticks: list[int] = []
    controller: dict[str, Any] = {"Controller": lambda: lambda tick, neurons: ticks.append(tick.iteration)}
    run(of_a_test, controller, text=of_a_test.text.replace("=3600", "=2"))
    with opened() as neurons:
        controller["test_an_hour"](neurons)
    assert len(ticks) == 200


def test_the_commands_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """But for those that a page of their own has, whose test runs them, and `view`, which goes on."""
    (block,) = (block for block in code("README.md", "sh") if "info FILE" in block.text)
    with opened() as neurons:
        recording = neurons.record()
        neurons.read(75_000)
        shutil.copy(recording.file["path"], "recording.h5")  # as of a program that was killed
    lines = block.text.replace("FILE", "recording.h5").splitlines()
    elsewhere = "".join(
        each.text for page in ("analysis", "export") for each in code(f"docs/{page}.md", "sh")
    )
    here = [line for line in lines if line.split("#")[0].strip() not in elsewhere]
    assert [line.split()[3] for line in here] == ["info", "recover", "verify", "view"]
    assert "INCOMPLETE" in run_commands("\n".join(here[:3]), capsys)


def test_every_line_of_shell_in_the_readme_is_run_by_something() -> None:
    """Those that install are run by CI; of the emulator and its program tests/hw has the test."""
    ci = what_ci_runs() + (ROOT / "scripts" / "wheel").read_text(encoding="utf-8")
    for block in code("README.md", "sh"):
        first = block.text.split("#")[0].strip()
        if "cl.hw.emulator" in first:
            assert "README" in (ROOT / "tests/hw/test_hw_example.py").read_text()
        elif first.startswith("sh scripts/") and first != "sh scripts/demo":
            assert first.removeprefix("sh ") in ci
        elif first.startswith("python -m pip install"):
            assert "-m pip install" in ci
        else:
            assert first == "sh scripts/demo" or "info FILE" in first


def test_the_demo(tmp_path: Path) -> None:
    """`sh scripts/demo`, with an environment that has the package already."""
    for name in ("scripts/demo", "scripts/venv", "examples/closed_loop.py"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_text((ROOT / name).read_text())
    stand_in = tmp_path / ".venv" / "bin" / "python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(
        f'#!/bin/sh\ncase "$*" in "-m pip install"*) exit ;; esac\nexec "{sys.executable}" "$@"\n'
    )
    stand_in.chmod(0o755)
    found = subprocess.run(
        ["sh", "scripts/demo", "--seconds", "1", "--accelerated"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert found.returncode == 0, found.stderr
    assert "real-time factor" in found.stdout


# -- the pages about recordings, safety, schedules, networks, time ------------------------


def test_the_page_about_recordings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moving, long, remark, log, attributes = code("docs/recordings.md", "python")
    path = record("recording")
    import cl.analysis  # which the page's `cl` has at first use

    run(moving, {"cl": cl, "path": path, "time": None})
    Path("culture.toml").write_text(*(block.text for block in code("docs/recordings.md", "toml")))
    with opened(culture=tomllib.loads(Path("culture.toml").read_text())) as neurons:
        assert neurons.culture is not None and neurons.culture["passage"] == 4
        namespace: dict[str, Any] = {"cl": cl, "neurons": neurons}
        run(long, namespace)
        run(remark, namespace)
        neurons.stim(20, 1.0)
        neurons.read(2_500)
        namespace["recording"].stop()
    with namespace["recording"].open() as view:
        run(log, {"view": view})
    assert re.search(r"^\d+ annotation medium changed \{.*'ml': 0.5", capsys.readouterr().out, re.M)
    with h5py.File(path) as source, h5py.File("copy.h5", "w") as target:
        run(attributes, {"source": source, "target": target, "h5py": h5py, "numpy": numpy})
        assert set(source.attrs) == set(target.attrs)


def test_the_page_about_safety(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, budget = code("docs/safety.md", "python")
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    run(watched, {"cl": cl})
    Path("budget.toml").write_text(*(block.text for block in code("docs/safety.md", "toml")))
    monkeypatch.setenv("CL_STIM_BUDGET", "budget.toml")
    with opened() as neurons:
        run(budget, {"neurons": neurons, "ChannelSet": cl.ChannelSet})
        with pytest.raises(cl.error.StimBudgetExceeded, match="channel 9 .*max_rate_hz=5"):
            neurons.stim(9, 1.0, cl.BurstDesign(1000, 100))
    monkeypatch.delenv("CL_STIM_BUDGET")
    (told,) = (block.text for block in blocks(DOCS / "safety.md") if not block.language)
    with opened() as neurons:
        neurons.set_stim_budget(9, max_rate_hz=10, window_seconds=0.5)
        with pytest.raises(cl.error.StimBudgetExceeded) as refused:
            neurons.stim(9, 1.0, cl.BurstDesign(6, 100))
    assert told == f"StimBudgetExceeded: {refused.value}\n"


def test_the_page_about_schedules(capsys: pytest.CaptureFixture[str]) -> None:
    (schedule,) = code("docs/schedules.md", "toml")
    (commands,) = code("docs/schedules.md", "sh")
    Path("SCHEDULE.toml").write_text(schedule.text)
    Path("culture.toml").write_text('chip = "C-0417"\n')
    assert main(["app", "init", "my-application"]) == 0
    Path("configs").mkdir()
    Path("configs/hard.json").write_text('{"name": "hard", "timeout_s": 60}')
    running, checking = commands.text.splitlines()
    # Of running them tests/schedule has the tests.
    assert running.split()[:5] == checking.split()[:5]
    assert "baseline: record 600 s" in run_commands(checking, capsys)


def test_the_page_about_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs across a network is tested in tests/net, where the commands are run as well."""
    serving, submitting = (block.text.splitlines() for block in code("docs/network.md", "sh"))
    opening, planning = code("docs/network.md", "python")
    assert [line.split("#")[0].split() for line in serving] == [
        ["python", "-m", "cl", "serve", "--port", "8125"],
        ["CL_DEVICE=ws://127.0.0.1:8125", "python", "my_experiment.py"],
    ]
    assert [line.split()[3] for line in submitting] == ["app", "submit", "recordings", "recordings"]
    address = '"wss://lab.example:8125"'
    assert address in opening.text
    lab = Simulator(seed=1, accelerated=True)
    run(opening, {"cl": cl, "lab": lab}, text=opening.text.replace(address, "lab"))
    with opened() as neurons:
        namespace: dict[str, Any] = {"cl": cl, "neurons": neurons}
        run(planning, namespace)
        stims = neurons.read(15_000, analysis=True).stims
    assert [stim.timestamp - namespace["at"] for stim in stims] == [2, 2]


def test_the_page_about_visualisers() -> None:
    framed, shown = code("docs/visualiser-protocol.md", "python")
    (script,) = code("docs/visualiser-protocol.md", "js")
    Path("game.js").write_text(script.text)
    Path("game.html").write_text('<p class="score"></p>')
    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CL_SDK_ACCELERATED_TIME", "1")
        run(framed, namespace)
    assert "<iframe" in namespace["html"]
    compile(shown.text, "page", "exec")  # it shows something in a notebook: tests/visualisation
    for name in re.findall(r"jupyter\.(\w+)\(", shown.text):
        assert callable(getattr(cl.visualisation.jupyter, name))


def test_the_page_about_virtual_time() -> None:
    work, hold, starting, shared = code("docs/virtual-time.md", "python")
    done: list[str] = []

    async def with_neurons(block: Block, **names: Any) -> None:
        async with cl.aopen(device=Simulator(seed=1, accelerated=True)) as neurons:
            namespace = {"cl": cl, "anyio": anyio, "neurons": neurons, **names}
            compiled = compile(block.text, "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            await eval(compiled, namespace)  # noqa: S307

    async def control(neurons: cl.Neurons) -> None:
        await neurons.asleep(0.1)
        done.append("control")

    async def fetch() -> str:
        await anyio.lowlevel.checkpoint()
        return "row"

    async def all_three() -> None:
        await with_neurons(work, control=control)
        await with_neurons(hold, fetch=fetch)
        there = anyio.Event()

        async def begin(neurons: cl.Neurons) -> None:
            there.set()

        await with_neurons(starting, control=begin, all_are_there=there)

    asyncio.run(all_three())
    assert done == ["control"]
    text = shared.text.replace("seconds=60", "seconds=1")
    assert text != shared.text
    run(shared, {"cl": cl, "Simulator": Simulator}, text=text)
