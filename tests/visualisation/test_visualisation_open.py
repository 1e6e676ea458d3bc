"""The visualiser as a program gets it: by `cl.open()` and `cl.aopen()`."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio.to_thread
import psutil
import pytest
from visualisation_tools import http, page

import cl
import cl._session.opening
from cl.visualisation import create_visualiser


@pytest.fixture
def _on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")


def server_named(text: str) -> Any:
    """Return the address that was said on stderr."""
    (line,) = [line for line in text.splitlines() if "visualiser" in line]
    assert line.startswith("Data visualiser: http://127.0.0.1:")
    return at(int(line.rsplit(":", 1)[1]))


def at(port: int) -> Any:
    return SimpleNamespace(host="127.0.0.1", port=port, url=f"http://127.0.0.1:{port}")


def is_served(port: int) -> bool:
    """Whether this process listens there: another one may take the port as soon as it is free."""
    own = [each for each in psutil.net_connections("tcp") if each.pid == os.getpid()]
    return any(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in own)


@pytest.mark.usefixtures("_on")
def test_it_is_there_while_the_device_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    with cl.open() as neurons:
        server = server_named(capsys.readouterr().err)
        assert server.port >= 1025 and is_served(server.port)
        with page(server) as one:
            assert one.hello["device"].startswith("simulator")
            with cl.open():  # the same device, and the same page
                assert capsys.readouterr().err == ""
            one.subscribe("status")
            assert one.message("status")["state"] == "running"
        assert neurons.timestamp() > 0
    assert not is_served(server.port)


@pytest.mark.anyio
@pytest.mark.usefixtures("_on")
async def test_it_is_there_in_async_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    async with cl.aopen() as neurons:
        server = server_named(capsys.readouterr().err)
        status, _, body = await anyio.to_thread.run_sync(http, server)
        assert (status, b"<title>Data visualiser</title>" in body) == (200, True)
        await neurons.asleep(0.01)
    assert not is_served(server.port)


def test_it_can_be_turned_off(capsys: pytest.CaptureFixture[str]) -> None:
    with cl.open():
        assert "visualiser" not in capsys.readouterr().err


@pytest.mark.usefixtures("_on", "accelerated")
def test_accelerated_time_says_that_there_is_none(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "cl"), cl.open():
        assert "visualiser" not in capsys.readouterr().err
    assert sum("the data visualiser is not started" in record.message for record in caplog.records) == 1


@pytest.mark.usefixtures("_on")
def test_a_host_that_is_not_this_machine_is_refused_and_nothing_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CL_SDK_VISUALISATION_HOST", "192.0.2.1")
    with pytest.raises(ValueError, match=r"192\.0\.2\.1"), cl.open():
        pass
    monkeypatch.delenv("CL_SDK_VISUALISATION_HOST")
    with cl.open():
        pass


@pytest.mark.usefixtures("_on")
def test_the_header_knows_of_loops_recordings_and_streams(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with cl.open() as neurons:
        server = server_named(capsys.readouterr().err)
        with page(server) as one:
            one.subscribe("status")
            one.subscribe("streams")
            before = one.message("status")
            assert (before["loops"], before["recordings"]) == ([], [])
            neurons.create_data_stream("score")
            while (streams := one.message("streams")["streams"]) == []:
                pass
            assert streams == [{"name": "score"}]
            recording = neurons.record(file_location=str(tmp_path), file_suffix="seen")
            for tick in neurons.loop(250):
                status = None if tick.iteration % 50 else one.message("status")
                if status is not None and status["loops"] and status["recordings"]:
                    break
            assert status["loops"][0]["ticks_per_second"] == 250
            assert status["recordings"][0]["name"].endswith("_seen.h5")
            recording.stop()
            while one.message("status")["recordings"]:
                pass
            after = one.message("status")
            assert after["loops"] == []


@pytest.mark.usefixtures("_on")
def test_custom_visualisers_find_the_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "game.js"
    script.write_text("function createVisualiser() {}")
    with cl.open():
        server = server_named(capsys.readouterr().err)
        text = create_visualiser(script)
        path = text.split(server.url, 1)[1].split('"')[0]
        assert http(server, path)[0] == 200


def test_nothing_is_loaded_for_a_program_that_nobody_watches() -> None:
    program = """
import sys
import cl
with cl.open() as neurons:
    for tick in neurons.loop(1000, stop_after_ticks=3):
        pass
    print(sorted({"asyncio", "websockets", "ssl"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": "/usr/bin:/bin", "CL_SDK_VISUALISATION": "1"},
    )
    assert done.stdout == "[]\n"
    assert "Data visualiser: http://127.0.0.1:" in done.stderr


def test_each_device_has_a_page_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "game.js"
    script.write_text("const dataStreams = [];\nfunction createVisualiser(uniqueId, div) { return {}; }")
    device = cl.sim.Simulator(visualisation=True, accelerated=False, seed=1)
    quiet = cl.sim.Simulator(accelerated=True, seed=1)
    with cl.open(device=device), cl.open(device=quiet):
        first = port_of(create_visualiser(script))
        assert http(at(first))[0] == 200
        with (
            cl.open(device=dataclasses.replace(device)),
            pytest.raises(
                RuntimeError, match="2 devices with a page are open, none of them the environment's"
            ),
        ):
            create_visualiser(script)
        monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
        with cl.open():
            assert port_of(create_visualiser(script)) != first, "the environment's device comes first"
        assert port_of(create_visualiser(script)) == first
    assert not is_served(first)


def port_of(text: str) -> int:
    return int(text.split('src="http://127.0.0.1:')[1].split("/")[0])
