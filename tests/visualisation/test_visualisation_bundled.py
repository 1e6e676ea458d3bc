"""The pages of bundled applications, in a real browser, while they run in wall-clock time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser_tools import chromium, tab
from extras import need_extra

need_extra("app", "pydantic")

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(name: str, config: str, folder: Path) -> Iterator[str]:
    """Run an application in a process of its own; give the URL of its page."""
    variables = {
        "PYTHONPATH": str(ROOT),
        "CL_SDK_VISUALISATION": "1",
        "CL_SDK_DATA_SOURCE": "cl.sim.culture:create",
        "CL_SDK_RANDOM_SEED": "3",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "cl", "app", "run", name, config, "--output", str(folder)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout is not None
            told = (line.partition("Application visualiser: ")[2].strip() for line in process.stdout)
            yield next(url for url in told if url)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def seen(browser: Any, url: str, name: str, condition: str) -> None:
    """Wait until the page shows something, on a wide and a narrow screen."""
    for scheme, width in (("light", 1280), ("dark", 420)):
        with tab(browser, url, scheme, width) as one:
            one.page.wait_for_function(f"() => {condition}", polling=100)
            narrow = one.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert narrow, f"{name} at {width} px scrolls sideways"
            one.screenshot(f"app-{name}-{scheme}-{width}")
            assert one.state()["error"] is None


def test_the_page_of_baseline(browser: Any, tmp_path: Path) -> None:
    with running("baseline", "quick.json", tmp_path) as url:
        spikes = "parseInt(document.querySelector('#spikes').textContent)"
        cells = "document.querySelectorAll('#array div').length === 64"
        seen(browser, url, "baseline", f"{spikes} > 0 && {cells}")


def test_the_page_of_dose_response(browser: Any, tmp_path: Path) -> None:
    with running("dose_response", "quick.json", tmp_path) as url:
        number = "parseInt(document.querySelector('#number').textContent) >= 3"
        cells = "[...document.querySelectorAll('td')].filter((cell) => cell.textContent).length >= 2"
        seen(browser, url, "dose_response", f"{number} && {cells}")
