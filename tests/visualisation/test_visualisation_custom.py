"""Custom visualisers and notebooks, without a browser."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest
from visualisation_tools import device, http

import cl
import cl._current
from cl.visualisation import create_visualiser, jupyter
from cl.visualisation.server.custom import CustomVisualiser, frame, load
from cl.visualisation.server.server import VisualiserServer

SCRIPT = "const dataStreams = ['game'];\nfunction createVisualiser(uniqueId, div) { return {}; }"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "game.js"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VisualiserServer]:
    with device() as (_, found):
        monkeypatch.setattr(cl._current.devices.environments(), "visualiser", found, raising=False)
        yield found


def source_of(text: str) -> str:
    found = re.search(r'<iframe src="([^"]*)"', text)
    assert found
    return unescape(found.group(1))


def test_the_html_shows_a_page_that_the_server_has(
    server: VisualiserServer, script: Path, tmp_path: Path
) -> None:
    fragment = tmp_path / "game.html"
    fragment.write_text("<p class='score'>é {streams}</p>")
    text = create_visualiser(script, fragment, ["a", 'b"<'], width=300, height="50vh", title="My <game>")
    url = source_of(text)
    assert url.startswith(server.url + "/custom/") and url.endswith("/")
    assert "width:300px;height:50vh" in text and "My &lt;game&gt;" in text
    status, headers, body = http(server, url.removeprefix(server.url))
    page = body.decode()
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert "<p class='score'>é {streams}</p>" in page and "<title>My &lt;game&gt;</title>" in page
    streams = re.search(r'data-streams="([^"]*)"', page)
    assert streams and json.loads(unescape(streams.group(1))) == ["a", 'b"<']
    status, headers, body = http(server, url.removeprefix(server.url) + "visualiser.js")
    assert status == 200 and headers["content-type"].startswith("text/javascript")
    assert body.decode().startswith(SCRIPT) and "clVisualiser" in body.decode()


def test_what_is_put_in_is_not_taken_for_a_mark() -> None:
    page = CustomVisualiser("", "<p>here</p>", ("{fragment}",), "{streams}").page().decode()
    assert "<title>{streams}</title>" in page
    assert 'data-streams="[&quot;{fragment}&quot;]"><p>here</p></div>' in page


def test_visualisers_cannot_be_guessed_or_read_by_other_sites(server: VisualiserServer, script: Path) -> None:
    one, two = (source_of(create_visualiser(script)) for _ in range(2))
    assert one != two
    path = one.removeprefix(server.url)
    assert len(path) > 25
    assert http(server, path[:-2] + "/")[0] == 404
    assert http(server, path + "other.js")[0] == 404
    assert (
        http(server, path + "visualiser.js", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    )
    assert http(server, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200


def test_visualisers_go_with_the_device(server: VisualiserServer, script: Path) -> None:
    create_visualiser(script)
    assert server.visualisers
    server.stop()
    assert not server.visualisers


def test_without_a_device_there_is_an_error(script: Path) -> None:
    for call in (
        lambda: create_visualiser(script),
        lambda: jupyter.display_visualiser(script),
        jupyter.show_activity,
    ):
        with pytest.raises(RuntimeError, match=r"inside of `with cl.open\(\)`"):
            call()


@pytest.mark.usefixtures("accelerated")
def test_without_a_server_there_is_an_error(script: Path) -> None:
    with cl.open(), pytest.raises(RuntimeError, match="the data visualiser is off"):
        create_visualiser(script)


def test_missing_files_and_wrong_arguments_are_refused(server: VisualiserServer, script: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_visualiser(script.with_name("none.js"))
    with pytest.raises(FileNotFoundError):
        create_visualiser(script, script.with_name("none.html"))
    for names in ("game", [1]):
        with pytest.raises(TypeError, match="data_streams"):
            create_visualiser(script, None, names)  # type: ignore[arg-type]
    for names in (["x" * 201], ["x"] * 65):
        with pytest.raises(ValueError, match="data_streams takes at most"):
            create_visualiser(script, None, names)
    for width in ("1px;color:red", "", '"', "a b"):
        with pytest.raises(ValueError, match="width or height"):
            create_visualiser(script, width=width)
    with pytest.raises(TypeError, match="width or height"):
        create_visualiser(script, height=1.5)  # type: ignore[arg-type]
    assert not server.visualisers


def test_a_frame_escapes_what_it_is_given() -> None:
    assert frame("http://x/?a=1&b", 10, "100%", '"') == (
        '<div class="cl-visualiser"><iframe src="http://x/?a=1&amp;b" title="&quot;" '
        'style="width:10px;height:100%;border:0;display:block" referrerpolicy="no-referrer"></iframe></div>'
    )


def test_the_title_is_the_name_of_the_script(script: Path) -> None:
    assert load(script).title == "game"


def test_notebooks_show_it(server: VisualiserServer, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    ipython = ModuleType("IPython")
    display = ModuleType("IPython.display")
    display.HTML = lambda text: text  # type: ignore[attr-defined]
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    jupyter.show_activity(height=500)
    jupyter.display_visualiser(script)
    assert source_of(shown[0]) == server.url + "/"
    assert "height:500px" in shown[0]
    assert source_of(shown[1]).startswith(server.url + "/custom/")


def test_without_ipython_there_is_a_clear_error(
    server: VisualiserServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ImportError, match="create_visualiser"):
        jupyter.show_activity()
