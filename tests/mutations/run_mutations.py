"""Break the package in forty-nine places, one at a time, in a copy of it, and see which test notices.

`python tests/mutations/run_mutations.py [WORD ...]`: those whose name has one of the words. All take minutes.
Prints a table in Markdown, and ends with status 1 where something was not noticed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
_SECONDS = 300
_SHORT = {"CL_POWER_CUTS": "4000", "CL_SCHEDULES": "100", "CL_FAULT_SEEDS": "8", "CL_NO_SHRINK": "1"}


def changed(mutation: Mutation, text: str) -> str:
    """Return a file's text with the break in it; ValueError where the place is not there once."""
    found = text.count(mutation.old)
    if found != 1:
        raise ValueError(f"{mutation.name}: what it changes is {found} times in {mutation.file}")
    return text.replace(mutation.old, mutation.new)


def tried(mutation: Mutation, tree: Path) -> str:
    """Return what became of a break: "noticed", "NOT NOTICED", or why it could not be tried."""
    file = tree / mutation.file
    text = file.read_text("utf-8")
    try:
        file.write_text(changed(mutation, text), "utf-8")
        return "NOT NOTICED" if _passes(mutation.test, tree) else "noticed"
    except ValueError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return "noticed (it hangs)"
    finally:
        file.write_text(text, "utf-8")


def _passes(test: str, tree: Path) -> bool:
    options = ["-p", "no:cacheprovider", f"--basetemp={tree}/temp", "-q", "-x", "--timeout", "120", "--tb=no"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *shlex.split(test)],
        cwd=tree,
        env={**_SHORT, **os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
    if result.returncode > 1:
        raise ValueError(f"pytest ended with status {result.returncode}")
    return result.returncode == 0


def main(words: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    missed = 0
    print("| broken so that | in | noticed by | |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="cl-mutations-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(
            ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "docs")
        )
        for mutation in chosen:
            found = tried(mutation, tree)
            missed += not found.startswith("noticed")
            test = mutation.test.removeprefix("tests/")
            print(f"| {mutation.name} | `{mutation.file}` | `{test}` | {found} |", flush=True)
    print(f"\n{len(chosen)} tried, {missed} not noticed", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
