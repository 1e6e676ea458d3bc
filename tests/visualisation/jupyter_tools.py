"""JupyterLab and Notebook for the tests: a server, and a tab of a real browser in which notebooks are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 90.0
ROOT = Path(__file__).resolve().parents[2]
APPS = ["lab", *(["notebook"] if find_spec("notebook") else [])]
"""What notebooks are shown in; Notebook 7 is tried where it is installed."""
_TOKEN = "for-the-tests"
_BEHIND = "/user/me/"
"""Where a hub has the servers of its users."""
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false"},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass
class Lab:
    """A server that runs, and the folder that it serves."""

    url: str
    folder: Path
    app: str = "lab"

    def open(self, page: Any) -> None:
        """Load it in a page of the browser."""
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{self.url}{'lab' if self.app == 'lab' else 'tree'}?token={_TOKEN}")
        _until_there(page)

    def show(self, page: Any, name: str) -> None:
        """Begin to open a notebook there."""
        if self.app == "lab":
            page.evaluate("(path) => void jupyterapp.commands.execute('docmanager:open', { path })", name)
            return
        page.goto(f"{self.url}notebooks/{name}")
        _until_there(page)


def _until_there(page: Any) -> None:
    page.wait_for_function("() => globalThis.jupyterapp")
    page.evaluate("() => jupyterapp.restored.then(() => null)")


@contextmanager
def jupyter_lab(folder: Path, home: Path, app: str = "lab", **environ: str) -> Iterator[Lab]:
    """Serve a folder in JupyterLab or Notebook, as behind a hub, on any free port; kernels end with it."""
    runtime = home / "runtime"
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        **dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"), str(home)),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        **environ,
    }
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": 0,
        "ServerApp.base_url": _BEHIND,
        "ServerApp.root_dir": folder,
        "ServerApp.allow_root": True,
        "ServerApp.open_browser": False,
        "IdentityProvider.token": _TOKEN,
        "LabApp.expose_app_in_browser": True,
        "JupyterNotebookApp.expose_app_in_browser": True,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    # JupyterLab would ask whether it may look for news, and take what is out of sight out of the page.
    for name, settings in _SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    module = "jupyterlab" if app == "lab" else app
    command = [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in options.items())]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
    try:
        yield Lab(_url(runtime, server, home / "lab.log"), folder, app)
    finally:
        _end(server)


def _url(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                return str(json.loads(path.read_text())["url"])
            except ValueError:
                pass  # it is being written
        time.sleep(0.05)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it has started, by their ids."""
    started = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in started:
        process.terminate()
    _, alive = psutil.wait_procs(started, 5)
    for process in alive:
        process.kill()
    server.wait(PATIENCE_S)


def written(path: Path, *cells: str) -> str:
    """Write a notebook with these cells of code, and return its name."""
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(notebook))
    return path.name


class Notebook:
    """A notebook that is open there, in a page of the browser."""

    def __init__(self, lab: Lab, page: Any, name: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", self._heard)
        lab.show(page, name)
        page.wait_for_function(
            """(name) => {
              const shown = jupyterapp.shell.currentWidget;
              const kernel = shown?.sessionContext?.isReady && shown.sessionContext.session?.kernel;
              return shown?.context?.path === name && kernel?.status === "idle";
            }""",
            arg=name,
        )

    def _heard(self, error: Any) -> None:
        # Notebook 7.6 has this one of itself, with an empty notebook, too.
        if "notebook_core" not in (error.stack or ""):
            self.complaints.append(str(error))

    def run(self, *numbers: int) -> None:
        """Begin to run cells of code, by their numbers among these, one after the other."""
        self.page.evaluate(
            """(numbers) => {
              const notebook = jupyterapp.shell.currentWidget.content;
              const cells = notebook.widgets.filter((cell) => cell.model.type === "code");
              for (const number of numbers) {
                notebook.activeCellIndex = notebook.widgets.indexOf(cells[number]);
                void jupyterapp.commands.execute("notebook:run-cell");
              }
            }""",
            list(numbers),
        )

    def clear(self) -> None:
        """Clear what its cells have shown."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")

    def until_run(self, count: int) -> None:
        """Wait until so many cells have been run; an error in one of them fails at once."""
        self.page.wait_for_function(
            """(count) => {
              const failed = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]');
              if (failed) throw new Error(failed.textContent);
              const cells = jupyterapp.shell.currentWidget.content.widgets;
              return cells.filter((cell) => Number.isInteger(cell.model.executionCount)).length >= count;
            }""",
            arg=count,
        )
