"""A real browser for the tests: the machine's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE_MS = 40_000
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "visualiser"
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing() -> str | None:
    """Return why there is no browser to test in, or None."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed (pip install playwright)"
    if executable() is None:
        return "there is no chromium on PATH (apt-get install chromium)"
    return None


def executable() -> str | None:
    """Return the browser."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Any]:
    """Run a browser; skip where there is none, or fail where CL_REQUIRE_BROWSER=1 says that there must be."""
    reason = missing()
    if reason is not None:
        if os.environ.get("CL_REQUIRE_BROWSER") == "1":
            pytest.fail(f"CL_REQUIRE_BROWSER=1, but {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page in the browser, and what it complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # That canvases are read back often is the doing of these tests.
        if message.type in ("error", "warning") and "getImageData" not in message.text:
            self.complaints.append(message.text)

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true; `v` is what the page knows."""
        # Polled: expressions given as strings would be evaluated, which the page's policy forbids.
        self.page.wait_for_function(f"() => {{ const v = visualiser(); return {condition}; }}", polling=50)

    def state(self) -> dict[str, Any]:
        """Return what the page knows."""
        return dict(self.page.evaluate("() => visualiser()"))

    def pixel(self, canvas: str, x: float, y: float) -> tuple[int, int, int]:
        """Return a pixel's colour, in the canvas' own coordinates."""
        found = self.page.evaluate(
            """([id, x, y]) => {
              const context = document.getElementById(id).getContext('2d');
              return Array.from(context.getImageData(x, y, 1, 1).data);
            }""",
            [canvas, round(x), round(y)],
        )
        return int(found[0]), int(found[1]), int(found[2])

    def colours(self, canvas: str) -> dict[tuple[int, int, int], int]:
        """Return how many pixels of a canvas have each colour."""
        found = self.page.evaluate(
            """(id) => {
              const canvas = document.getElementById(id);
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              const counts = new Map();
              for (let i = 0; i < data.length; i += 4) {
                const key = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
                counts.set(key, (counts.get(key) ?? 0) + 1);
              }
              return Array.from(counts);
            }""",
            canvas,
        )
        return {(key >> 16, key >> 8 & 255, key & 255): count for key, count in found}

    def theme(self, name: str) -> tuple[int, int, int]:
        """Return one of the page's colours."""
        text = self.page.evaluate(
            "(name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()", name
        )
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)

    def until_drawn(self, selector: str, colour: tuple[int, int, int] | None, least: int) -> None:
        """Wait until a canvas has that many pixels of a colour, or of any."""
        self.page.wait_for_function(
            """([selector, colour, least]) => {
              const canvas = document.querySelector(selector);
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              let count = 0;
              for (let i = 0; i < data.length; i += 4) {
                const same = colour?.every((part, k) => data[i + k] === part) ?? data[i + 3] > 0;
                if (same) count++;
              }
              return count >= least;
            }""",
            arg=[selector, None if colour is None else list(colour), least],
            polling=50,
        )

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page for people to look at."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        (ARTIFACTS / f"{name}.png").write_bytes(self.page.screenshot())


@contextmanager
def tab(browser: Any, url: str, scheme: str = "dark", width: int = 1280, height: int = 720) -> Iterator[Tab]:
    """Open the page in a window of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        found = Tab(context.new_page())
        found.page.goto(url)
        yield found
    finally:
        context.close()


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Serve a folder on another origin."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *more: Any) -> None:
            super().__init__(*more, directory=str(folder))

        def log_message(self, *more: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def near(one: tuple[int, int, int], other: tuple[int, int, int], tolerance: int = 40) -> bool:
    """Return whether two colours are nearly the same."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))
