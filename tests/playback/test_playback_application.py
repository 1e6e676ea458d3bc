"""The page of an application beside a recording: from a folder, from a zip, and from hostile ones."""

from __future__ import annotations

import logging
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cl.app.packed import open_packed
from cl.playback.application import load_application, recorded_info

FILES = {
    "info.json": '{"version": "1.0"}',
    "web/vis.html": "<p>here</p>",
    "web/vis.mjs": "const dataStreams = [];",
    "web/vis.css": "p { color: red }",
}


def zipped(path: Path, files: dict[str, Any], top: str = "mine/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{top}{name}", content)
    return path


@pytest.fixture(params=["folder", "zip"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "zip":
        return zipped(tmp_path / "other.zip", FILES)
    for name, text in FILES.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    return tmp_path / "mine"


def test_a_folder_and_a_zip_have_a_page(packed: Path) -> None:
    found = load_application(str(packed), None)
    assert found is not None
    page = found.page().decode()
    assert "<title>mine Visualiser</title>" in page and "<p>here</p>" in page and "color: red" in page
    assert found.code().decode().startswith("const dataStreams = [];")


@pytest.mark.parametrize(
    ("info", "told"), [({"version": "1.0"}, 0), ({"version": "\x1b[2J"}, 1), ({}, 0), (None, 0), ("1", 0)]
)
def test_another_version_is_only_logged(info: object, told: int, tmp_path: Path, caplog: Any) -> None:
    path = zipped(tmp_path / "a.zip", FILES)
    assert load_application(str(path), info) is not None
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == told
    assert "\x1b" not in "".join(warned)


def test_programs_say_which_application_they_are_as_devices_do() -> None:
    info = {"version": "1"}
    assert recorded_info({"app_info": info, "application": {"app_info": 2}}) is info
    assert recorded_info({"application": {"app_info": info}}) is info
    for attributes in ({}, {"application": "x"}, {"application": {}}):
        assert recorded_info(attributes) is None


def hostile(tmp_path: Path) -> dict[str, Path]:
    def path(name: str) -> Path:
        return tmp_path / f"{name}.zip"

    found = {
        name: zipped(path(name), {**FILES, inner: "x"})
        for name, inner in (
            ("up", "../../etc/passwd"),
            ("backslash", "web\\..\\..\\x"),
            ("double", "web//x"),
            ("dot", "./x"),
        )
    }
    found["absolute"] = zipped(path("absolute"), {"/etc/x": "x"}, top="")
    found["two"] = zipped(path("two"), {"a/x": "x", "b/x": "x"}, top="")
    found["loose"] = zipped(path("loose"), FILES, top="")
    found["empty"] = zipped(path("empty"), {})
    found["bomb"] = zipped(path("bomb"), {**FILES, "web/vis.html": b"\0" * (17 << 20)})
    found["encoding"] = zipped(path("encoding"), {**FILES, "web/vis.mjs": b"\xff\xfe"})
    link = zipfile.ZipInfo("mine/web/vis.html")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zipped(path("link"), {"info.json": "{}"}), "a") as archive:
        archive.writestr(link, "/etc/passwd")
    found["link"] = path("link")
    with (
        zipfile.ZipFile(zipped(path("twice"), FILES), "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("mine/web/vis.mjs", "other")
    found["twice"] = path("twice")
    whole = zipped(path("broken"), FILES).read_bytes()
    path("broken").write_bytes(whole[:60] + b"\xff" * 20 + whole[80:])
    found["broken"] = path("broken")
    path("text").write_text("no zip")
    found["text"] = path("text")
    found["missing"] = path("missing")
    return found


def test_what_is_no_application_or_hostile_is_logged_and_left_out(tmp_path: Path, caplog: Any) -> None:
    for name, path in hostile(tmp_path).items():
        caplog.clear()
        assert load_application(str(path), None) is None, name
        assert len(caplog.records) == 1, name
        with pytest.raises((OSError, ValueError)):
            open_packed(path)


def test_what_has_no_page_is_logged(tmp_path: Path, caplog: Any) -> None:
    assert load_application(str(zipped(tmp_path / "a.zip", {"info.json": "[" * 10_000})), None) is None
    assert "has no page" in caplog.text


def test_an_id_with_markup_is_text(tmp_path: Path) -> None:
    found = load_application(str(zipped(tmp_path / "a.zip", FILES, top="<b>x<!--b-->.")), None)
    assert found is None  # "</" is a folder more
    found = load_application(str(zipped(tmp_path / "b.zip", FILES, top="<script>alert(1)<script>/")), None)
    assert found is not None
    assert "<title>&lt;script&gt;alert(1)&lt;script&gt; Visualiser</title>" in found.page().decode()
