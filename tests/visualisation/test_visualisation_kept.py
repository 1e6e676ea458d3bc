"""Frames that are made before a device is open, and live through the devices that open after another."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, ClassVar

import pytest
from visualisation_tools import PATIENCE_S, Page, Script, http, page
from websockets.exceptions import ConnectionClosed, InvalidStatus

import cl
from cl._current import devices
from cl.visualisation import create_iframe_visualiser, create_visualiser


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "game.js"
    path.write_text("function createVisualiser(uniqueId, div) { return {}; }")
    return path


@pytest.fixture(autouse=True)
def _pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    yield
    if devices.page is not None:
        devices.page.stop()
    assert devices.page is None


def source_of(text: str) -> str:
    found = re.search(r'<iframe src="([^"]*)"', text)
    assert found
    return unescape(found.group(1))


def kept() -> Any:
    assert devices.page is not None
    return devices.page


def refused() -> bool:
    """Return whether a page is told that no device is open."""
    try:
        with page(kept()):
            return False
    except InvalidStatus as error:
        return error.response.status_code == 503


def closed_with(one: Page) -> int | None:
    """Return the code with which a page's connection ends."""
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            one.receive()
    return ended.value.rcvd.code if ended.value.rcvd else None


def test_a_frame_made_before_a_device_is_open_shows_one_after_the_other(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = source_of(create_visualiser(script, None, ["game"], True, 1.5))
    server = kept()
    path = url.removeprefix(server.url)
    assert http(server, path)[0] == 200 and refused()
    sessions = []
    for value in (1, 2):
        with cl.open() as neurons:
            assert f"Data visualiser: {server.url}\n" in capsys.readouterr().err
            with page(server) as one, neurons.create_data_stream("game") as stream:
                sessions.append(one.hello["session"])
                one.subscribe("entries", names=["game"], since=0)
                stream.append(neurons.timestamp(), {"value": value})
                entry = next(e for m in iter(lambda: one.message("entries"), None) for e in m["entries"])
                assert entry[0] == "game" and entry[2] == {"value": value}
                last = one
                neurons.close()
                assert closed_with(last) == 1001
        assert http(server, path)[0] == 200 and refused()
    assert sessions[0] != sessions[1]


def test_a_source_is_read_no_more_once_its_device_has_left(script: Path) -> None:
    class Watched(Script):
        left = False
        late: ClassVar[list[str]] = []

        def position(self) -> int:
            if self.left:
                self.late.append("position")
            return super().position()

    create_visualiser(script)
    server, source = kept(), Watched()
    assert server.attach(lambda: source, server.host)
    with page(server) as one:
        one.subscribe("status")
        one.message("status")
        server.leave()
        source.left = True
        assert closed_with(one) == 1001
    assert not source.late and refused()


def test_a_frame_made_while_a_device_is_open_is_of_that_device(script: Path) -> None:
    with cl.open():
        create_visualiser(script)
        assert devices.page is None
    create_visualiser(script)
    with cl.open():
        assert create_visualiser(script).count(kept().url) == 1
    assert create_iframe_visualiser("/").count(kept().url) == 1


def test_a_second_device_has_a_page_of_its_own(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_visualiser(script)
    one, two = (cl.sim.Simulator(seed=seed) for seed in (1, 2))
    with cl.open(device=one), cl.open(device=two):
        urls = re.findall("Data visualiser: (.*)", capsys.readouterr().err)
        assert urls[0] == kept().url and urls[1] != kept().url
        with pytest.raises(RuntimeError, match="2 devices with a page are open"):
            create_visualiser(script)
    assert refused()


@pytest.mark.usefixtures("accelerated")
def test_in_accelerated_time_a_frame_waits_for_another_device(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cl.open() as neurons:
        url = source_of(create_visualiser(script))
        neurons.read(100)
        assert http(kept(), url.removeprefix(kept().url))[0] == 200 and refused()
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    with cl.open():
        assert not refused()


@pytest.mark.parametrize("opened", [False, True])
def test_a_frame_says_that_the_visualiser_is_off(
    script: Path, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "0")
    if opened:
        with cl.open():
            texts = create_visualiser(script, height=99), create_iframe_visualiser("/")
    else:
        texts = create_visualiser(script, height=99), create_iframe_visualiser("/")
    assert all("srcdoc=" in text and "CL_SDK_VISUALISATION=0" in text for text in texts)
    assert "height:99px" in texts[0] and devices.page is None
    with pytest.raises(FileNotFoundError):
        create_visualiser(script.with_name("none.js"))


def test_another_hosts_device_has_its_own_page(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_visualiser(script)
    with cl.open(device=cl.sim.Simulator(seed=1, visualisation_host="localhost")):
        assert f"Data visualiser: {kept().url}\n" not in capsys.readouterr().err


def test_a_fork_has_no_page(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_visualiser(script)
    parents = kept()
    with monkeypatch.context() as patch:
        patch.setattr(parents, "_process", -1)
        assert not parents.alive
        create_visualiser(script)
        assert kept() is not parents
        kept().stop()
    parents.stop()


def test_programs_that_made_a_frame_end(script: Path) -> None:
    code = (
        "import cl, json, sys, urllib.request\n"
        "from cl._current import devices\n"
        "from cl.visualisation import create_visualiser\n"
        "create_visualiser(sys.argv[1])\n"
        "urllib.request.urlopen(devices.page.url).read()\n"
        "with cl.open(): print(json.dumps(devices.page.url))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={"PYTHONPATH": ":".join(sys.path), "CL_SDK_RANDOM_SEED": "1", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"Data visualiser: {json.loads(done.stdout)}\n"
