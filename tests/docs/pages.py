"""The pages under docs/ that are run: their blocks of code in order, and what they print.

`python tests/docs/pages.py PAGE` writes into a page what its code prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import cl
from cl.__main__ import main

ROOT = Path(cl.__file__).parents[1]
DOCS = ROOT / "docs"
RUN_LANGUAGES = ("python", "sh")
OUTPUT_LANGUAGE = "text"
SEED = "42"
"""What the pages say that their outputs were made with."""

_OUR_COMMAND = re.compile(r"(cl-aio|python -m cl) [\w ./=-]+")
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)


class Block(NamedTuple):
    """A fenced block: its language, its content, and the line that it begins at."""

    language: str
    text: str
    line: int


def pages() -> list[Path]:
    """Return the pages whose code is run here: tutorials, how-to guides and explanations, but their lists."""
    kinds = ("tutorials", "how-to", "explanation")
    return sorted(path for kind in kinds for path in (DOCS / kind).glob("*.md") if path.stem != "index")


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 2) for match in _BLOCK.finditer(text)
    ]


def run_page(page: Path, folder: Path, compare: Callable[[str, Block, Path], None] | None = None) -> int:
    """Run a page's code in `folder`, in one namespace; return how many blocks were run.

    A block of text that follows code is what that prints, line by line; `...` stands for any part of a line.
    """
    namespace: dict[str, Any] = {"__name__": "page"}
    found, ran = blocks(page), 0
    with mock.patch.dict(os.environ):  # a page may set variables, which are no business of others
        for block, after in zip_longest(found, found[1:]):
            if block.language not in RUN_LANGUAGES:
                continue
            run = _run_python if block.language == "python" else _run_shell
            printed = run(block, page, folder, namespace)
            ran += 1
            if after is not None and after.language == OUTPUT_LANGUAGE:
                (compare or _compare)(printed, after, page)
    return ran


def _run_python(block: Block, page: Path, folder: Path, namespace: dict[str, Any]) -> str:
    # Lines have the numbers that they have on the page.
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)  # noqa: S102
    return printed.getvalue()


def _run_shell(block: Block, page: Path, folder: Path, namespace: dict[str, Any]) -> str:
    lines = block.text.splitlines()
    if all(_OUR_COMMAND.fullmatch(line) for line in lines):
        return "".join(_run_command(line, page, block) for line in lines)
    done = subprocess.run(
        ["sh", "-eu", "-c", block.text],
        cwd=folder,
        env=shell_environment(folder),
        text=True,
        timeout=60,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{page.name}, line {block.line}: {done.stderr}"
    return done.stdout


def _run_command(line: str, page: Path, block: Block) -> str:
    """Run one of the package's commands in this process, which saves the start of another."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = main(shlex.split(line.removeprefix("cl-aio ").removeprefix("python -m cl ")))
    assert status == 0, f"{page.name}, line {block.line}: {line}"
    return printed.getvalue()


def shell_environment(folder: Path) -> dict[str, str]:
    """Return the environment of commands: `python` and `cl-aio` are those of the tests."""
    bin_folder = folder / ".bin"
    if not bin_folder.is_dir():
        bin_folder.mkdir()
        for name, arguments in (("python", ""), ("cl-aio", " -m cl")):
            script = bin_folder / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
            script.chmod(0o755)
    return {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def _compare(printed: str, expected: Block, page: Path) -> None:
    lines, wanted = printed.splitlines(), expected.text.splitlines()
    same = len(lines) == len(wanted) and all(map(_matches, lines, wanted))
    assert same, f"{page.name}, line {expected.line}: it printed\n{printed}\nand not\n{expected.text}"


def _matches(line: str, wanted: str) -> bool:
    pattern = ".*".join(map(re.escape, wanted.rstrip().split("...")))
    return re.fullmatch(pattern, line.rstrip()) is not None


def unknown_languages(page: Path) -> Iterator[str]:
    """Yield where a page has blocks of which nothing says whether they are run."""
    for block in blocks(page):
        if block.language not in (*RUN_LANGUAGES, OUTPUT_LANGUAGE, "json", "toml", "ini"):
            yield f"{page.name}, line {block.line}: {block.language!r}"


def write_outputs(page: Path) -> None:
    """Run a page, and put what it prints where it says so, but where it has `...` and that is right."""
    text = page.read_text(encoding="utf-8")

    def put(printed: str, expected: Block, page: Path) -> None:
        nonlocal text
        lines, wanted = printed.splitlines(), expected.text.splitlines()
        if len(lines) == len(wanted) and all(map(_matches, lines, wanted)):
            return
        text = text.replace(f"```text\n{expected.text}```", f"```text\n{printed}```", 1)

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        run_page(page, Path(folder), put)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.update(CL_SDK_ACCELERATED_TIME="1", CL_SDK_RANDOM_SEED=SEED, MPLBACKEND="agg")
    for name in sys.argv[1:]:
        write_outputs(Path(name).resolve())
