"""Visualisers in JupyterLab, in front of a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import ARTIFACTS, chromium
from extras import need_extra
from jupyter_tools import PATIENCE_S, Lab, Notebook, jupyter_lab

need_extra("test-all", "jupyterlab")

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    folder = home / "work"
    folder.mkdir()
    with jupyter_lab(folder, home, CL_SDK_VISUALISATION="1") as lab:
        yield lab


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    yield context.new_page()
    context.close()


def frame(page: Any, part: str) -> Any:
    """Return the frame of whose URL something is part, once it is there."""
    return page.wait_for_selector(f"iframe[src*='{part}']", state="attached").content_frame()


def until(frame: Any, condition: str) -> None:
    """Wait until an expression is true in a frame, whose policy does not let it be evaluated otherwise."""
    frame.wait_for_function(f"() => {condition}", polling=50, timeout=PATIENCE_S * 1000)


def screenshot(page: Any, name: str) -> None:
    """Keep a picture for people to look at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / f"{name}.png").write_bytes(page.screenshot())


def test_the_notebook_on_visualisation_shows_what_it_says(lab: Lab, page: Any) -> None:
    shutil.copy(NOTEBOOKS / "6_visualisation.ipynb", lab.folder)
    notebook = Notebook(page, lab, "6_visualisation.ipynb")
    notebook.run(0, 1, 2)
    # The picture of one's own is there before the device is, and is drawn once that is open.
    glow = frame(page, "/custom/")
    until(glow, "globalThis.visualiser && document.querySelector('p').textContent.startsWith('waiting')")
    notebook.run(3)
    until(glow, "/^[1-9]\\d* answers, /.test(document.querySelector('p').textContent)")
    screenshot(page, "notebook-glow")
    notebook.run(4)
    live = frame(page, "focus_on_channels")
    until(live, "globalThis.visualiser")
    notebook.run(5)
    until(live, "visualiser().stims.length > 0 && visualiser().spikes.length > 0")
    assert live.evaluate("() => visualiser().chosen") == [18, 27, 36]
    screenshot(page, "notebook-activity")
    notebook.until_run(6)
    assert notebook.complaints == []
