"""Small programs written for cl-sdk print the same on ours and there, but for what each says at its end.

What cl-sdk prints is kept in its virtual environment as long as the programs are the same: it is version
1.0.0 for good, and slow to start. CL_VENDOR_AGAIN=1 has it asked again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from extras import need_extra
from programs_of import HERE, PROGRAMS, Program
from run_programs import printed
from vendor import finish, need_vendor, start_vendor

_VARIABLES: Final = {"CL_SDK_ACCELERATED_TIME": "1", "CL_SDK_RANDOM_SEED": "7"}
_EXTRAS: Final = {
    "installed_along": ("dropin", "ipykernel", "msgpack_numpy", "networkx", "pandas", "scipy", "tables"),
    "plot_spike_module": ("plot", "matplotlib"),
    "plots": ("plot", "matplotlib"),
    "recorded": ("tables", "tables"),
}
_TELLS_ONCE: Final = "jitter_warning"
"""The program about what is told once in a process, which is run in one of its own."""
_ASKED: Final = [program for program in PROGRAMS if program.not_asked is None]
_PROCESSES: Final = 2
_TURNS: Final = 4
_FORGOTTEN: Final = re.compile(r"^Random data source is using seed: \d+\n", re.MULTILINE)
"""What cl-sdk prints in every run."""


def names(programs: Sequence[Program]) -> list[str]:
    """Return the programs' names, for the tests' names."""
    return [program.path.stem for program in programs]


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    # Matplotlib keeps the files of the fonts open that it has drawn with.
    if importlib.util.find_spec("matplotlib") is not None:
        from matplotlib.figure import Figure

        Figure().add_subplot(xlabel="µ", title="t").figure.draw_without_rendering()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("program", PROGRAMS, ids=names(PROGRAMS))
def test_ours_prints_what_the_program_says(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    name = program.path.stem
    if name in _EXTRAS:
        need_extra(*_EXTRAS[name])
    for variable, value in {**_VARIABLES, "MPLBACKEND": "Agg"}.items():
        monkeypatch.setenv(variable, value)
    before = dict(os.environ)
    try:
        found = in_its_own_process(program) if name == _TELLS_ONCE else printed(program.path)
    finally:
        os.environ.clear()
        os.environ.update(before)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].switch_backend("Agg")
    assert found == program.prints


def in_its_own_process(program: Program) -> str:
    """Run a program with this Python, and return what it prints."""
    path = os.pathsep.join(sys.path)
    command = [sys.executable, program.path]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what the programs print with cl-sdk."""
    known = need_vendor().parents[1] / "printed.json"
    texts = [path.read_bytes() for path in (*sorted(HERE.glob("*.py")), *(p.path for p in PROGRAMS))]
    key = hashlib.sha256(b"".join(texts)).hexdigest()
    kept = json.loads(known.read_text()) if known.exists() and "CL_VENDOR_AGAIN" not in os.environ else {}
    if kept.get("key") != key:
        kept = {"key": key, "printed": ask(tmp_path_factory.mktemp("vendor"))}
        if not fallen(kept["printed"]):  # What has failed is not to be believed again.
            written = known.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(kept))
            written.replace(known)
    found: dict[str, str] = kept["printed"]
    return found


def fallen(found: dict[str, str]) -> list[Program]:
    """Return the programs that have ended by an error."""
    return [program for program in _ASKED if "Traceback (most" in found[program.path.stem]]


def ask(folder: Path) -> dict[str, str]:
    """Run the programs with cl-sdk, in a few processes, and return what they print.

    In accelerated time it loses its own simulator now and then, on a busy machine: who fails is asked again.
    """
    groups = [_ASKED[number::_PROCESSES] for number in range(_PROCESSES)]
    found: dict[str, str] = {}
    for turn in range(_TURNS):
        started = [start(folder / f"{turn}_{number}", group) for number, group in enumerate(groups)]
        for process, results in started:
            _, err, status = finish(process)
            assert status == 0, err
            found.update(json.loads(results.read_text()))
        again = fallen(found)
        if not again:
            break
        groups = [again]
    return found


def start(folder: Path, programs: Sequence[Program]) -> tuple[subprocess.Popen[str], Path]:
    """Have cl-sdk run programs in a folder; return the process, and where the results will be."""
    folder.mkdir()
    results = folder / "results.json"
    variables = {**_VARIABLES, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    # -P: not the folder of the script, which has modules that are no packages of anybody's.
    arguments = ["-P", HERE / "run_programs.py", results, folder, *(program.path for program in programs)]
    return start_vendor(*arguments, cwd=folder, variables=variables), results


@pytest.mark.timeout(200)
@pytest.mark.parametrize("program", _ASKED, ids=names(_ASKED))
def test_cl_sdk_prints_what_the_program_says(program: Program, vendors: dict[str, str]) -> None:
    assert _FORGOTTEN.sub("", vendors[program.path.stem]) == program.vendor_prints


def test_differences_are_differences() -> None:
    for program in PROGRAMS:
        assert (program.prints == program.vendor_prints) == (
            "# cl-sdk prints:" not in program.path.read_text()
        )
