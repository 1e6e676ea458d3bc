"""Applications that run where the device is: submitted, followed, and what they recorded fetched."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extras import need_extra
from serving import ServeProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import cl
from cl.__main__ import main
from cl._serve.runs import _unpack
from cl.error import DeviceDisconnectedError
from cl.net import applications
from cl.net.wire.layout import ProtocolError

need_extra("app", "pydantic")

CONFIG = {"config_version": 1, "name": "default", "timeout_s": 60}
SOURCE = """
import os
import cl
from cl.app import BaseApplication, BaseApplicationConfig, RunSummary
from cl.net import link

link.ANSWER_S = 30.0  # a busy machine may keep the server from answering for longer than a second

class Config(BaseApplicationConfig):
    seconds: float

    def estimate_duration_s(self):
        return self.seconds

class Mine(BaseApplication[Config]):
    @staticmethod
    def config_class():
        return Config

    def run(self, config, output_directory):
        assert "CL_DEVICE_TOKEN_FILE" not in os.environ
        with cl.open() as neurons:
            recording = neurons.record(file_location=output_directory)
            neurons.stim(8, 1.0)
            neurons.read(int(config.seconds * 25_000))
            recording.stop()
            print("stimulated by", neurons.system_attributes["system_id"])
        return RunSummary({"type": "text", "content": "it is done"})

application = Mine()
"""


def archive(source: str = SOURCE, **files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("mine/src/__init__.py", source)
        for name, text in files.items():
            opened.writestr(name, text)
    return made.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("applications")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServeProcess]:
    with ServeProcess("--allow-applications", str(folder)) as server:
        yield server


def test_an_application_runs_beside_the_device(
    server: ServeProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.zip").write_bytes(archive())
    Path("config.json").write_text(json.dumps({**CONFIG, "seconds": 0.4}))
    assert main(["submit", server.address, "mine.zip", "config.json", "--follow"]) == 0
    said = capsys.readouterr().out
    assert "stimulated by cl1-sdk-000" in said and "Application run completed successfully" in said
    assert main(["recordings", server.address]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    size, name = line.split()
    # What had come before the link was lost is not fetched again, and what is wrong is not kept.
    own = name.rpartition("/")[2]
    whole = applications.fetch(server.address, name, tmp_path)
    data = whole.read_bytes()
    assert len(data) == int(size)
    with cl.RecordingView(whole) as view:
        assert len(view.samples) >= 10_000 and [int(row["channel"]) for row in view.stims] == [8]
    with pytest.raises(FileExistsError):
        applications.fetch(server.address, name, tmp_path)
    whole.unlink()
    part = tmp_path / f".{own}.part"
    part.write_bytes(data[:100_000])
    assert main(["recordings", server.address, "get", name, "--output", str(tmp_path)]) == 0
    assert whole.read_bytes() == data and not part.exists()
    whole.unlink()
    part.write_bytes(bytes(100_000))
    with pytest.raises(ValueError, match="not what its hash says"):
        applications.fetch(server.address, name, tmp_path)
    assert [*tmp_path.glob("**/*.part")] == [] and not whole.exists()


def test_what_fails_says_how(server: ServeProcess, tmp_path: Path) -> None:
    path, lines = tmp_path / "mine.zip", list[str]()
    path.write_bytes(archive())
    run = applications.submit(server.address, path, {**CONFIG, "seconds": "many"})
    assert applications.follow(server.address, run, lines.append).status == 1
    assert any("no valid configuration" in line for line in lines)
    path.write_bytes(archive("raise RuntimeError('mine')"))
    run = applications.submit(server.address, path, CONFIG)
    lines.clear()
    assert applications.follow(server.address, run, lines.append).status == 1
    assert any("RuntimeError: mine" in line for line in lines)
    with pytest.raises(ValueError, match="there is no run 'nothing'"):
        applications.follow(server.address, "nothing", lines.append)
    with pytest.raises(ValueError, match="there is no recording"):
        applications.fetch(server.address, "../../etc/passwd", tmp_path)


def test_a_server_takes_none_unless_it_was_told_to(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(archive())
    with ServeProcess() as server, pytest.raises(DeviceDisconnectedError, match="takes no applications"):
        applications.submit(server.address, tmp_path / "mine.zip", {})


@pytest.mark.parametrize(
    "name", ["../out.py", "/etc/out.py", "mine/../../out.py", "other/out.py", "mine\\out.py"]
)
def test_an_archive_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="file named|folders or files at its top"):
        _unpack(archive(**{name: ""}), {}, run)
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(ValueError, match="no zip of an application"):
        _unpack(b"nothing", {}, run)


class LyingServer:
    """A server that answers a request for a file with whatever it was told to."""

    def __init__(self, *answers: Any) -> None:
        self._answers = answers
        self._server = serve(
            *(self._talk, "127.0.0.1", 0),
            subprotocols=[applications.APPLICATIONS_SUBPROTOCOL],
            compression=None,
            ping_interval=None,
        )
        self.address = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> LyingServer:
        self._thread.start()
        return self

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.recv(10)
            for answer in self._answers:
                connection.send(answer if isinstance(answer, bytes) else json.dumps(answer))
            connection.recv(10)
        except (ConnectionClosed, TimeoutError):
            pass

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.mark.parametrize("name", ["..", "run/..", "", "run/", "C:evil.h5", "run/a\\b.h5", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a file"):
        applications.fetch("ws://127.0.0.1:1", name, tmp_path)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([{"type": "file", "size": 3, "sha256": "0" * 64, "name": "../../evil"}, b"abc"], ValueError),
        ([{"type": "file", "size": 3, "sha256": "0" * 64}, b"abcdef"], ProtocolError),
        ([{"type": "file", "size": -3, "sha256": "0" * 64}], ProtocolError),
        ([{"type": "file", "size": 3}], ProtocolError),
        ([{"type": "line", "text": "no"}], ProtocolError),
        ([b"bytes"], ProtocolError),
        ([[1]], ProtocolError),
    ],
)
def test_a_hostile_server_writes_nothing_but_what_was_asked_for(
    tmp_path: Path, answers: list[Any], error: type[Exception]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with LyingServer(*answers) as server, pytest.raises(error):
        applications.fetch(server.address, "run/file.h5", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert {path.name for path in folder.iterdir()} <= {".file.h5.part"}


def test_a_lie_about_what_is_there_is_found_out(tmp_path: Path) -> None:
    data = b"data" * 1000
    good = {"type": "file", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with LyingServer(good, data[:1000], data[1000:]) as server:
        assert applications.fetch(server.address, "file.h5", tmp_path).read_bytes() == data
