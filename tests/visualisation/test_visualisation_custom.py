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
from cl.visualisation import create_iframe_visualiser, create_visualiser, jupyter
from cl.visualisation.server.custom import load
from cl.visualisation.server.custom_visualiser import CustomVisualiser
from cl.visualisation.server.frame import Size, frame
from cl.visualisation.server.server import MOST_VISUALISERS, VisualiserServer

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


def test_missing_files_and_wrong_arguments_are_refused(server: VisualiserServer, script: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_visualiser(script.with_name("none.js"))
    with pytest.raises(FileNotFoundError):
        create_visualiser(script, script.with_name("none.html"))
    for names in ("game", [1]):
        with pytest.raises(TypeError, match="data_streams"):
            create_visualiser(script, None, names)  # type: ignore[arg-type]
    for names in (["x" * 256], ["x"] * 65):
        with pytest.raises(ValueError, match="data_streams takes at most"):
            create_visualiser(script, None, names)
    for width in ("1px;color:red", "", '"', "a b"):
        with pytest.raises(ValueError, match="width or height"):
            create_visualiser(script, width=width)
    with pytest.raises(TypeError, match="width or height"):
        create_visualiser(script, height=1.5)  # type: ignore[arg-type]
    for ratio in (0, -1.0, float("nan"), float("inf"), True, "16:9", "1/2;color:red", ""):
        with pytest.raises(ValueError, match="aspect_ratio is a number above 0"):
            create_visualiser(script, None, None, True, ratio)
    with pytest.raises(ValueError, match="height=3 and aspect_ratio=2: one can be given"):
        create_visualiser(script, aspect_ratio=2, height=3)
    assert not server.visualisers


def test_a_frame_escapes_what_it_is_given() -> None:
    assert frame("http://x/?a=1&b", Size(10, "100%"), '"') == (
        '<div class="cl-visualiser"><iframe src="http://x/?a=1&amp;b" title="&quot;" '
        'style="width:10px;height:100%;border:0;display:block" referrerpolicy="no-referrer"></iframe></div>'
    )


def test_a_frame_is_as_high_as_its_ratio_says(server: VisualiserServer, script: Path) -> None:
    for ratio, css in ((1.5, "1.5"), (2, "2"), ("16/9", "16/9"), ("4 / 3", "4 / 3")):
        text = create_visualiser(script, None, ["game"], False, ratio)
        assert f"width:100%;aspect-ratio:{css};border:0" in text
    assert "width:100%;height:400px;border:0" in create_visualiser(script)


def test_frames_of_pages(server: VisualiserServer) -> None:
    assert source_of(create_iframe_visualiser("/app?a=1")) == server.url + "/app?a=1"
    elsewhere = create_iframe_visualiser("http://127.0.0.1:9/", False, 2)
    assert source_of(elsewhere) == "http://127.0.0.1:9/" and "aspect-ratio:2;" in elsewhere
    # Only pages of the server tell how high they are.
    assert "data-follow" in create_iframe_visualiser("/app")
    assert "data-follow" not in create_iframe_visualiser("http://127.0.0.1:9/")
    assert "data-follow" not in create_iframe_visualiser("/app", height=300)


def test_the_oldest_visualisers_make_room(server: VisualiserServer, script: Path) -> None:
    urls = [source_of(create_visualiser(script)) for _ in range(MOST_VISUALISERS + 2)]
    assert len(server.visualisers) == MOST_VISUALISERS
    shown = [http(server, url.removeprefix(server.url))[0] for url in (urls[1], urls[2], urls[-1])]
    assert shown == [404, 200, 200]


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
    jupyter.show_activity("3d", False, cl.ChannelSet(8, 9), theme="dark&bright")
    jupyter.display_visualiser(script, None, ["game"], True, 1.5)
    url, _, query = source_of(shown[0]).partition("?")
    assert (url, query) == (server.url + "/", "mode=2d") and "height:500px" in shown[0]
    query = source_of(shown[1]).partition("?")[2]
    assert query == "mode=3d&theme=dark%26bright&focus_on_channels=8%2C9"
    assert "aspect-ratio:16/9" in shown[1]
    assert source_of(shown[2]).startswith(server.url + "/custom/") and "aspect-ratio:1.5" in shown[2]
    with pytest.raises(ValueError, match="mode must be '2d' or '3d', not '4d'"):
        jupyter.show_activity("4d")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="99"):
        jupyter.show_activity(focus_on_channels=99)
    assert len(shown) == 3


def test_without_ipython_there_is_a_clear_error(
    server: VisualiserServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ImportError, match="create_visualiser"):
        jupyter.show_activity()
