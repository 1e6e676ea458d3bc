"""Applications that do not behave, servers that lie, and how runs end: whole, and with all they started."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from extras import need_extra
from serving import ServeProcess
from test_net_applications import LyingServer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import cl
from cl._serve.runs import Runs, _unpack
from cl.net import applications
from cl.net.wire.layout import ProtocolError

need_extra("app", "pydantic")

TOKEN = "a-token-that-is-long-enough"
PATIENCE_S = 20.0
SOURCE = """
import contextlib
import os
import subprocess
import sys
import h5py
import cl
from cl.app import BaseApplication, BaseApplicationConfig, OutputType, RunSummary

# Before the time of the run begins: how long a busy machine takes for it does not count.
stack = contextlib.ExitStack()
stack.callback(print, "closed")
neurons = stack.enter_context(cl.open())

class Config(BaseApplicationConfig):
    seconds: float

    def estimate_duration_s(self):
        return self.seconds

class Mine(BaseApplication[Config]):
    @staticmethod
    def config_class():
        return Config

    def run(self, config, output_directory):
        with stack:
            neurons.record(file_location=output_directory)
            left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print("left", left.pid)
            while not os.path.exists("enough"):
                neurons.read(2_500)
        return RunSummary(type=OutputType.JSON, data={"answer": 42})

application = Mine()
"""


def archive(folder: Path, source: str = SOURCE) -> Path:
    path = folder / "mine.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("mine/src/__init__.py", source)
    return path


def configuration(seconds: float, timeout_s: int) -> dict[str, Any]:
    return {"config_version": 1, "name": "default", "timeout_s": timeout_s, "seconds": seconds}


def until(holds: Callable[[], object]) -> None:
    before = time.monotonic()
    while not holds():
        assert time.monotonic() - before < PATIENCE_S, "it does not come"
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    try:
        # A zombie whose parent is not yet told is gone as well.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left_in(lines: list[str]) -> int:
    return int(next(line for line in lines if line.startswith("left ")).split()[1])


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(TOKEN)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(tokens: Path, runs: Path) -> Iterator[ServeProcess]:
    with ServeProcess("--allow-applications", str(runs), "--token-file", str(tokens)) as server:
        yield server


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_DEVICE_TOKEN", TOKEN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer not-the-right-one-at-all"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://elsewhere.example"}, 403),
    ],
)
def test_who_may_not_come_is_refused_at_the_door(
    server: ServeProcess, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{server.address}/applications", additional_headers=headers)
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("timeout_s", [0, None, "1", True, 10**9])
def test_a_run_without_an_end_is_refused(
    server: ServeProcess, runs: Path, tmp_path: Path, timeout_s: Any
) -> None:
    before = [*runs.iterdir()]
    with pytest.raises(ValueError, match="timeout_s"):
        applications.submit(
            server.address, archive(tmp_path), {**configuration(1, 1), "timeout_s": timeout_s}
        )
    assert [*runs.iterdir()] == before


def test_progress_and_summary_come_back(server: ServeProcess, runs: Path, tmp_path: Path) -> None:
    lines, told = list[str](), list[tuple[float, float | None]]()
    run = applications.submit(server.address, archive(tmp_path), configuration(1.5, 60))
    with pytest.raises(ValueError, match="is run already"):
        applications.submit(server.address, archive(tmp_path), configuration(1.5, 60))
    # What is still being written has no hash that it could be checked by.
    assert not [each for each in applications.recordings(server.address) if each.name.startswith(run)]

    def progress(seconds: float, of: float | None) -> None:
        told.append((seconds, of))
        if of is not None:
            (runs / run / "enough").touch()

    ended = applications.follow(server.address, run, lines.append, progress)
    assert ended == (0, {"type": "json", "data": {"answer": 42}}), lines
    assert told[0][0] >= 1.0 and told[-1][1] == 1.5
    assert [each for each in applications.recordings(server.address) if each.name.startswith(run)]
    until(lambda: not is_there(left_in(lines)))


def test_a_run_that_overruns_its_limit_ends_whole(server: ServeProcess, runs: Path, tmp_path: Path) -> None:
    lines = list[str]()
    run = applications.submit(server.address, archive(tmp_path), configuration(600, 4))
    assert applications.follow(server.address, run, lines.append) == (124, None)
    assert any("stopped at its timeout of 4 s" in line for line in lines)
    (listed,) = (each for each in applications.recordings(server.address) if each.name.startswith(run))
    with cl.RecordingView(applications.fetch(server.address, listed.name, tmp_path)) as view:
        assert view.attributes["duration_frames"] == len(view.samples) > 0
    until(lambda: not is_there(left_in(lines)))
    assert "left" in (runs / run / "log.txt").read_text()


def test_a_server_that_ends_has_its_run_end_whole(tokens: Path, tmp_path: Path) -> None:
    folder, lines = tmp_path / "runs", list[str]()
    with ServeProcess("--allow-applications", str(folder), "--token-file", str(tokens)) as server:
        run = applications.submit(server.address, archive(tmp_path), configuration(600, 60))
        log = folder / run / "log.txt"
        # A line is there when its end is.
        until(lambda: log.exists() and re.search(r"^left \d+\n", log.read_text(), re.MULTILINE))
        lines += log.read_text().splitlines()
        server.kill(signal.SIGTERM)
        assert server.wait() == 0
    assert "closed" in log.read_text()
    (path,) = (folder / run).glob("output/*.h5")
    with cl.RecordingView(path) as view:
        assert view.attributes["duration_frames"] == len(view.samples)
    until(lambda: not is_there(left_in(lines)))


def bomb(size: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("mine/src/__init__.py", bytes(size))
    return made.getvalue()


def lying(data: bytes, size: int) -> bytes:
    """Return a zip that says that its file has one byte."""
    return data.replace(size.to_bytes(4, "little"), (1).to_bytes(4, "little"))


def linked() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        entry = zipfile.ZipInfo("mine/src")
        entry.external_attr = 0o120777 << 16
        opened.writestr(entry, "/etc")
    return made.getvalue()


def in_one_place() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("mine/src", "a file")
        opened.writestr("mine/src/__init__.py", "and in it another one")
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bomb(1 << 20), "more than 65536 bytes"),
        (lying(bomb(1 << 20), 1 << 20), "no zip of an application|more than 65536 bytes"),
        (linked(), "is a link"),
        (in_one_place(), "two files in one place"),
    ],
    ids=["bomb", "lying bomb", "link", "two in one place"],
)
def test_nothing_stays_of_an_archive_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, why: str
) -> None:
    monkeypatch.setattr("cl._serve.runs.MOST_UNPACKED", 1 << 16)
    with pytest.raises(ValueError, match=why):
        _unpack(data, {}, tmp_path / "run")
    assert [*tmp_path.iterdir()] == []


def test_a_hash_is_worked_out_once_and_anew_for_another_file(tmp_path: Path) -> None:
    runs, path = Runs(tmp_path), tmp_path / "file"
    path.write_bytes(b"abc")
    first = runs.hashed(path)
    assert first == (3, hashlib.sha256(b"abc").hexdigest()) == runs.hashed(path)
    path.write_bytes(b"abcd")
    assert runs.hashed(path) == (4, hashlib.sha256(b"abcd").hexdigest())


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    good = {"type": "file", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    for name in ("file.h5", ".file.h5.part"):
        link = folder / name
        link.symlink_to(outside)
        with LyingServer(good, b"abc") as server, pytest.raises(FileExistsError):
            applications.fetch(server.address, "run/file.h5", folder)
        link.unlink()
    assert not outside.exists() and [*folder.iterdir()] == []


def test_what_is_left_of_a_longer_file_is_not_in_the_way_for_ever(tmp_path: Path) -> None:
    good = {"type": "file", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    (tmp_path / ".file.h5.part").write_bytes(b"abcdef")
    with LyingServer(good) as server, pytest.raises(ValueError, match="to be fetched anew"):
        applications.fetch(server.address, "run/file.h5", tmp_path)
    with LyingServer(good, b"abc") as server:
        assert applications.fetch(server.address, "run/file.h5", tmp_path).read_bytes() == b"abc"


@pytest.mark.parametrize("name", [".bashrc", "a\nb.h5", "a\x1b[2J.h5", "x" * 300, "file.h5 ", "a|b"])
def test_names_that_are_none_on_some_system_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a file"):
        applications.fetch("ws://127.0.0.1:1", name, tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        "all",
        [1],
        [{"name": 5, "size": 1}],
        [{"name": "run/a.h5", "size": -1}],
        [{"name": "run/a.h5", "size": 1 << 70}],
        [{"name": "x" * 5000, "size": 1}],
    ],
)
def test_lists_that_are_none_are_refused(files: Any) -> None:
    with LyingServer({"type": "files", "files": files}) as server, pytest.raises(ProtocolError):
        applications.recordings(server.address)


def test_a_token_that_ends_ends_following(tmp_path: Path, runs: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(TOKEN)
    with ServeProcess("--allow-applications", str(runs), "--token-file", str(path)) as server:
        connection = connect(
            f"{server.address}/applications", additional_headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with connection:
            connection.send(json.dumps({"type": "list"}))
            assert json.loads(connection.recv(PATIENCE_S))["type"] == "files"
            path.write_text("another-token-that-is-long-enough")
            os.utime(path, ns=(1, 1))
            connection.send(json.dumps({"type": "list"}))
            with pytest.raises(Exception, match="no longer good"):
                connection.recv(PATIENCE_S)
