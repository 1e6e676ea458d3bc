"""The page of an application: served before its run begins, and through every device that it opens."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from app_tools import PAGE, SCRIPT, make_project
from extras import need_extra

need_extra("app", "pydantic")

from cl._current import devices  # noqa: E402
from cl.app import run  # noqa: E402
from cl.visualisation.server.application import Application  # noqa: E402

BODY = """\
import cl, urllib.request
from cl._current import devices
def get(): return urllib.request.urlopen(devices.page.url + "/app", timeout=20).read().decode()
pages = {get()}
for _ in range(2):
    with cl.open() as neurons:
        assert neurons is not None and devices.page.make_source is not None
        pages.add(get())
return pages
"""
WEB = {"web/vis.html": PAGE, "web/vis.mjs": SCRIPT}


@pytest.fixture(autouse=True)
def _no_page_stays() -> Iterator[None]:
    yield
    if devices.page is not None:
        devices.page.stop()


def test_it_is_there_before_and_through_every_open(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CL_SDK_VISUALISATION")
    files = {**WEB, "web/vis.css": "p { color: red }"}
    project = make_project(tmp_path / "mine", BODY, files)
    assert run.main([str(project), str(project / "default.json")]) == 0
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert devices.page is not None
    url = devices.page.url
    assert (first, second) == (f"Data visualiser: {url}", f"Application visualiser: {url}/app")
    assert sum("<!doctype html>" in line for line in rest) == 1
    with urllib.request.urlopen(f"{url}/app", timeout=20) as answer:
        page = answer.read().decode()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<title>mine Visualiser</title>" in page and PAGE in page and "p { color: red }" in page
    assert 'id="visualiser"' in page
    with urllib.request.urlopen(f"{url}/app/visualiser.js", timeout=20) as answer:
        assert answer.read().decode().startswith(SCRIPT)


@pytest.mark.parametrize(
    ("web", "variables", "warned"),
    [
        ({}, {}, False),
        ({"web/vis.css": ""}, {}, False),
        ({"web/vis.html": PAGE}, {}, True),
        ({"web/vis.mjs": SCRIPT}, {}, True),
        (WEB, {"CL_SDK_VISUALISATION": "0"}, False),
        (WEB, {"CL_SDK_ACCELERATED_TIME": "1"}, False),
    ],
)
def test_there_is_none_without_its_files_or_where_pages_are_off(
    web: dict[str, str],
    variables: dict[str, str],
    warned: bool,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: Any,
) -> None:
    monkeypatch.delenv("CL_SDK_VISUALISATION")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    project = make_project(tmp_path / "mine", files=web)
    assert run.main([str(project), str(project / "default.json")]) == 0
    told = capsys.readouterr()
    assert "isualiser" not in told.out
    assert told.err.startswith("Warning: ") is warned
    assert devices.page is None


def test_names_are_text() -> None:
    class Title(HTMLParser):
        tags: list[str]

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.tags.append(tag)

    name = "</title><script>alert(1)</script>"
    reader = Title()
    reader.tags = []
    reader.feed(Application("", "", None, f"{name} Visualiser").page().decode())
    assert reader.tags.count("script") == 2  # the page's own
