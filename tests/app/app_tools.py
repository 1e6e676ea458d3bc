"""Applications for tests: folders with an application that does what a test wants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

TIME_IS_UP = threading.Event()
"""Set by an application that a test has its timeout come for."""
ROOT = Path(__file__).resolve().parents[2]
INFO = {"name": "Mine", "version": "1.0", "description": "d", "author": "a", "config_version": 1}
DEFAULT = {"name": "Default", "timeout_s": 60}
ENTRY = "from .app import Mine\napplication = Mine()\n"
APP = """\
from cl.app import BaseApplication, BaseApplicationConfig, OutputType, RunSummary
from cl.app.model import DurationSeconds

class Config(BaseApplicationConfig):
    duration: DurationSeconds = 60

class Mine(BaseApplication[Config]):
    def run(self, config, output_directory):
BODY
    @staticmethod
    def config_class():
        return Config
"""
PAGE = "<p id='here'>hello</p>"
SCRIPT = (
    "const dataStreams = ['game'];\n"
    "function createVisualiser(id, div) { return { reset() {}, process() {}, draw() {} }; }\n"
)


def make_project(
    folder: Path,
    body: str = "return None",
    files: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
) -> Path:
    """Make an application whose `run` has this body; `files` are written in addition, JSON where no text."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    texts: dict[str, Any] = {
        "info.json": INFO,
        "default.json": DEFAULT,
        "src/__init__.py": ENTRY,
        "src/app.py": APP.replace("BODY", lines),
        **(files or {}),
    }
    for name, content in texts.items():
        if name not in without:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def run_python(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` with this package."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **variables},
        timeout=60,
    )
