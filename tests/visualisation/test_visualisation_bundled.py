"""The pages of bundled applications, in a real browser, while they run in wall-clock time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from browser_tools import chromium, tab
from extras import need_extra

need_extra("app", "pydantic")

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(name: str, folder: Path, **more: Any) -> Iterator[str]:
    """Run an application in a process of its own, for longer than a test; give the URL of its page."""
    config = folder / f"{name}.json"
    config.write_text(json.dumps({"name": "Long", "timeout_s": 600, **more}))
    variables = {
        "PYTHONPATH": str(ROOT),
        "CL_SDK_VISUALISATION": "1",
        "CL_SDK_RANDOM_SEED": "3",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "cl", "app", "run", name, str(config), "--output", str(folder)],
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


def seen(browser: Any, url: str, name: str, condition: str) -> None:
    """Wait until the page shows something, on a narrow and a wide screen."""
    with tab(browser, url, "dark", 420) as one:
        one.page.wait_for_function(f"() => {condition}", polling=100)
        narrow = one.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert narrow, f"{name} at 420 px scrolls sideways"
        one.screenshot(f"app-{name}-dark-420")
        one.page.set_viewport_size({"width": 1280, "height": 720})
        one.page.emulate_media(color_scheme="light")
        one.screenshot(f"app-{name}-light-1280")
        assert one.state()["error"] is None


SHOWN = {
    "baseline": "parseInt(document.querySelector('#spikes').textContent) > 0"
    " && document.querySelectorAll('#array div').length === 64",
    "dose_response": "parseInt(document.querySelector('#number').textContent) >= 2"
    " && [...document.querySelectorAll('td')].some((cell) => cell.textContent)",
    "pong": "parseInt(document.querySelector('#misses').textContent) >= 0",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "baseline": {"duration": 600},
    "dose_response": {"interval_s": 0.2, "window_ms": 50, "repeats": 1_000},
    "pong": {"duration": 600},
}


def test_pages_show_what_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = {name: stack.enter_context(running(name, tmp_path, **CONFIGS[name])) for name in SHOWN}
        browser = stack.enter_context(chromium())
        for name, url in urls.items():
            seen(browser, url, name, SHOWN[name])
