"""The page of an application, in a real browser: its web folder, served at `/app`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import chromium, tab
from visualisation_tools import http

import cl
from cl._current import devices
from cl.visualisation.server import application

HTML = '<h1>Pong {streams}</h1><p class="score">-</p><button onclick="greet()">Greet</button>'
SCRIPT = """
const dataStreams = ["game"];
var greeting = "hello";
function greet() { document.title = greeting; }
function createVisualiser(uniqueId, div) {
  const score = div.querySelector(".score");
  let latest = null;
  return {
    reset() { latest = null; },
    process(name, timestamp, data) { latest = data; },
    draw() { if (latest) score.textContent = `${uniqueId} ${div.id} ${latest.score}`; },
  };
}
"""
STYLE = ".score { color: rgb(1, 2, 3); } /* </style><b>no</b> */"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    for name, text in (("vis.html", HTML), ("vis.mjs", SCRIPT), ("vis.css", STYLE)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def _pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    yield
    if devices.page is not None:
        devices.page.stop()


def test_the_page_of_an_application_lives_through_its_devices(web: Path) -> None:
    url = application.serve(web, "my-<game>")
    assert url is not None and devices.page is not None and url == devices.page.url + "/app"
    with chromium() as browser, tab(browser, url) as one:
        one.page.locator("h1", has_text="Pong {streams}").wait_for()
        assert one.page.title() == "my-<game> Visualiser"
        for score in (1, 2):
            with cl.open() as neurons, neurons.create_data_stream("game") as game:
                game.append(neurons.timestamp() + score, {"score": score})
                one.page.locator(".score", has_text=f"visualiser visualiser {score}").wait_for()
        style = "(name) => getComputedStyle(document.querySelector(name))"
        assert one.page.evaluate(f"({style})('.score').color") == "rgb(1, 2, 3)"
        assert one.page.evaluate("document.querySelectorAll('b').length") == 0
        body = one.page.evaluate(
            f"(() => {{ const s = ({style})('body'); return [s.maxWidth, s.backgroundColor]; }})()"
        )
        assert body == ["1200px", "rgb(15, 21, 28)"]
        one.page.click("button")  # a classic script: its names are those of the page
        assert one.page.title() == "hello"


def test_without_both_files_there_is_no_page(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (web / "vis.css").unlink()
    assert application.load(web, "a").style == ""
    with monkeypatch.context() as patch:
        patch.setenv("CL_SDK_VISUALISATION", "0")
        assert application.serve(web, "a") is None
    with monkeypatch.context() as patch:
        patch.setenv("CL_SDK_ACCELERATED_TIME", "1")
        assert application.serve(web, "a") is None
    (web / "vis.mjs").unlink()
    with pytest.raises(FileNotFoundError):
        application.serve(web, "a")
    assert devices.page is None


def test_a_server_without_an_application_has_no_such_page(web: Path) -> None:
    url = application.serve(web, "a")
    server: Any = devices.page
    assert url is not None and http(server, "/app")[0] == 200
    assert http(server, "/app/visualiser.js")[2].decode().startswith(SCRIPT)
    assert http(server, "/app/vis.html")[0] == http(server, "/application")[0] == 404
    server.application = None
    assert http(server, "/app")[0] == 404
