"""The configuration page: what it says of configurations, whom it answers, what it saves and runs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from app_tools import DEFAULT, ENTRY, ROOT, make_project
from extras import need_extra

need_extra("app", "pydantic")

from cl._store.read.view import RecordingView  # noqa: E402
from cl.app.configure import command  # noqa: E402
from cl.app.configure.configurations import Configurations, Invalid, for_json  # noqa: E402
from cl.app.configure.page import ConfigurePage  # noqa: E402
from cl.app.configure.running import _PAGE  # noqa: E402
from cl.app.configure.server import MOST_BYTES, ConfigureServer  # noqa: E402
from cl.app.project import Project, ProjectError  # noqa: E402
from cl.app.targets import bundled  # noqa: E402

GOOD = {"name": "Good", "timeout_s": 60, "duration": 5}
HOSTILE = "</title><script>alert(1)</script>\x1b[2J"


class Client:
    """Asks a server as a browser on its page does."""

    def __init__(self, server: ConfigureServer) -> None:
        self.server = server
        self.host = f"127.0.0.1:{server.server_port}"

    def ask(
        self, method: str, name: str, given: Any = None, path: str | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=20)
        sent = {"Content-Type": "application/json"} if method == "POST" else {}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        body = given if isinstance(given, (bytes, str, type(None))) else json.dumps(given)
        connection.request(method, path or f"/{self.server.page.token}/{name}", body, sent)
        answer = connection.getresponse()
        found = {key.lower(): value for key, value in answer.getheaders()}
        text = answer.read().decode()
        connection.close()
        return answer.status, json.loads(text) if "json" in found["content-type"] else text, found


@contextmanager
def serving(folder: Path, output: Path) -> Iterator[Client]:
    server = ConfigureServer(ConfigurePage(Project(folder), output))
    server.daemon_threads = False  # so that closing waits for one that has answered and is about to end
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Client(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.page.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with serving(make_project(tmp_path / "mine"), tmp_path / "out") as found:
        yield found


def test_the_page_and_its_files_are_there_under_the_token_only(client: Client) -> None:
    kinds = {"": "html", "configure.js": "javascript", "controls.js": "javascript", "configure.css": "css"}
    for name, kind in kinds.items():
        status, text, headers = client.ask("GET", name)
        assert status == 200 and text and headers["content-type"].startswith(f"text/{kind}")
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
    token = client.server.page.token
    assert len(token) >= 32
    for path in ("/", "/state", f"/{token}", f"/{token[:-1]}/", f"/{token}x/state",
                 f"/{token}/start", f"/{token}/../{token}/x", f"/{token}/%2e%2e/info.json",
                 f"/{token}/../../info.json"):  # fmt: skip
        assert client.ask("GET", "", path=path)[0] == 404
    assert client.ask("POST", "state", {})[0] == 404
    assert client.server.page.answer("GET", "/é/").status == 404


def test_other_hosts_origins_and_sites_are_refused(client: Client) -> None:
    for headers in ({"Host": "evil.example"}, {"Host": f"evil.example:{client.server.server_port}"},
                    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
                    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}):  # fmt: skip
        for method, name in (("GET", "state"), ("POST", "check")):
            assert client.ask(method, name, {} if method == "POST" else None, **headers)[0] == 403
    assert client.ask("POST", "check", {"data": GOOD}, Origin=f"http://{client.host}")[0] == 200
    assert client.ask("GET", "state", Host=f"localhost:{client.server.server_port}")[0] == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", {}, 400),
        ("[" * 100_000, {}, 400),
        ("[]", {}, 400),
        (b"\xff", {}, 400),
        ("{}", {"Content_Type": "text/plain"}, 415),
        ("{}", {"Content_Length": str(MOST_BYTES + 1)}, 413),
        ("{}", {"Content_Length": "-1"}, 413),
        ("{}", {"Content_Length": "9" * 400}, 413),
    ],
)
def test_what_is_no_request_is_refused(client: Client, body: Any, headers: Any, status: int) -> None:
    assert client.ask("POST", "check", body, **headers)[0] == status


def test_the_state_holds_schema_and_configurations(tmp_path: Path) -> None:
    files = {
        "presets/b.json": GOOD,
        "presets/broken.json": "{",
        "info.json": {"name": HOSTILE, "version": 1, "description": None},
    }
    with serving(make_project(tmp_path / "mine", files=files), tmp_path / "out") as client:
        state = client.ask("GET", "state")[1]
    assert state["id"] == "mine" and state["info"]["name"] == HOSTILE and state["run"] is None
    assert list(state["schema"]["properties"]) == ["name", "timeout_s", "config_version", "duration"]
    first, second, third = state["configurations"]
    assert first == {"file": "default.json", "data": DEFAULT}
    assert second == {"file": "presets/b.json", "data": GOOD}
    assert third["file"] == "presets/broken.json" and "is not valid JSON" in third["problem"]


def test_older_configurations_are_shown_migrated(tmp_path: Path) -> None:
    entry = (
        "from .app import Mine\n"
        "class New(Mine):\n"
        "    @staticmethod\n"
        "    def migrate_config(old):\n"
        "        return {**old, 'duration': 9} if 'duration' not in old else None\n"
        "application = New()\n"
    )
    found = Configurations(Project(make_project(tmp_path / "mine", files={"src/__init__.py": entry})))
    assert found.listed()[0]["data"]["duration"] == 9


def test_what_is_wrong_is_told_at_its_field(client: Client) -> None:
    wrong = {"name": "a  b", "timeout_s": "x", "duration": 0, "other": 1}
    status, found, _ = client.ask("POST", "check", {"data": wrong})
    assert status == 422
    places = {tuple(fault["place"]): fault["reason"] for fault in found["faults"]}
    assert set(places) == {("name",), ("timeout_s",), ("duration",), ("other",)}
    assert places[("duration",)] == "Input should be greater than 0"
    assert client.ask("POST", "check", {"data": 1})[0] == client.ask("POST", "check", {})[0] == 422
    status, found, _ = client.ask("POST", "check", {"data": GOOD})
    assert status == 200 and found["data"] == {**GOOD, "config_version": 0}


def test_a_validator_that_fails_ends_nothing(tmp_path: Path) -> None:
    entry = (
        "from .app import *\nfrom pydantic import model_validator\n"
        "class Odd(Config):\n"
        "    @model_validator(mode='after')\n"
        "    def f(self): raise RuntimeError('<b>odd</b>')\n"
        "class New(Mine):\n"
        "    config_class = staticmethod(lambda: Odd)\n"
        "application = New()\n"
    )
    with serving(make_project(tmp_path / "mine", files={"src/__init__.py": entry}), tmp_path) as client:
        status, found, headers = client.ask("POST", "check", {"data": GOOD})
        assert status == 500 and found == {"problem": "RuntimeError: <b>odd</b>"}
        assert headers["content-type"] == "application/json"


def test_presets_are_saved_whole_and_replaced_only_where_that_is_said(client: Client, tmp_path: Path) -> None:
    save = {"file": "good one.json", "data": GOOD}
    status, found, _ = client.ask("POST", "save", save)
    path = tmp_path / "mine" / "presets" / "good one.json"
    assert status == 200 and found["file"] == "presets/good one.json"
    assert [one["file"] for one in found["configurations"]] == ["default.json", "presets/good one.json"]
    assert json.loads(path.read_text()) == {**GOOD, "config_version": 0} and path.read_text().endswith("}\n")
    changed = {**GOOD, "duration": 7}
    status, found, _ = client.ask("POST", "save", {**save, "data": changed})
    assert status == 409 and "there is a preset good one.json already" in found["problem"]
    assert client.ask("POST", "save", {**save, "data": changed, "replace": 1})[0] == 409
    assert client.ask("POST", "save", {**save, "data": changed, "replace": True})[0] == 200
    assert json.loads(path.read_text())["duration"] == 7
    for data, reason in (
        (GOOD, "good one.json has this name already"),
        ({**GOOD, "name": "Default"}, "default.json has"),
    ):
        status, found, _ = client.ask("POST", "save", {"file": "b.json", "data": data})
        assert (
            status == 422
            and found["faults"][0]["place"] == ["name"]
            and reason in found["faults"][0]["reason"]
        )
    assert client.ask("POST", "save", {"file": "c.json", "data": {**GOOD, "duration": 0}})[0] == 422
    assert sorted(one.name for one in path.parent.iterdir()) == ["good one.json"]


@pytest.mark.parametrize(
    "file",
    ["../x.json", "/tmp/x.json", "a/b.json", "..\\x.json", ".x.json", "..json", "x.json\n", "x", "x.JSON", "",
     None, 1, "x\x00.json", "a" * 200 + ".json", "<b>.json", "a\x1b.json", "C:x.json"],
)  # fmt: skip
def test_a_presets_name_cannot_lead_elsewhere(client: Client, tmp_path: Path, file: Any) -> None:
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    status, found, _ = client.ask("POST", "save", {"file": file, "data": GOOD})
    assert status == 409 and "a preset's file has a name of letters" in found["problem"]
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


def test_links_are_not_followed(client: Client, tmp_path: Path) -> None:
    presets = tmp_path / "mine" / "presets"
    presets.mkdir()
    (tmp_path / "other.json").write_text("{}")
    (presets / "link.json").symlink_to(tmp_path / "other.json")
    assert client.ask("POST", "save", {"file": "link.json", "data": GOOD})[0] == 409
    assert client.ask("POST", "save", {"file": "link.json", "data": GOOD, "replace": True})[0] == 200
    assert (tmp_path / "other.json").read_text() == "{}" and not (presets / "link.json").is_symlink()
    (presets / "link.json").unlink()
    presets.rmdir()
    (tmp_path / "elsewhere").mkdir()
    presets.symlink_to(tmp_path / "elsewhere")
    assert client.ask("POST", "save", {"file": "a.json", "data": GOOD})[0] == 409
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_the_presets_of_bundled_applications_are_the_packages() -> None:
    found = Configurations(bundled()["baseline"])
    with pytest.raises(ProjectError, match="copy its folder"):
        found.save("x.json", {"name": "x"}, False)
    with pytest.raises(Invalid):
        found.checked({"name": "x", "burst_onset_hz": 0.5})


def test_numbers_that_a_page_cannot_hold_are_texts() -> None:
    value = {"a": [float("nan"), -float("inf"), 1.5, 2**53, 2**53 - 1, True], "b": {1: None}}
    assert for_json(value) == {
        "a": ["nan", "-inf", 1.5, "9007199254740992", 2**53 - 1, True],
        "b": {"1": None},
    }


def until(client: Client, condition: Any) -> dict[str, Any]:
    """Ask for the status until it is what a test waits for."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        run: dict[str, Any] = client.ask("GET", "status")[1]["run"]
        if condition(run):
            return run
        time.sleep(0.02)
    raise AssertionError(run)


def test_a_run_is_started_followed_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    body = (
        "import cl, time\n"
        "print('\\x1b[2J<b>began</b>')\n"
        "with cl.open() as neurons:\n"
        "    recording = neurons.record(file_location=output_directory)\n"
        "    print('ready')\n"
        "    neurons.read(25_000 * (3600 if config.duration > 5 else 1))\n"
        "return {'duration': config.duration}"
    )
    with serving(make_project(tmp_path / "mine", body), tmp_path / "out") as client:
        assert client.ask("POST", "stop", {})[1] == {"run": None}
        assert client.ask("POST", "start", {"data": {**GOOD, "duration": 0}})[0] == 422
        run = client.ask("POST", "start", {"data": {**GOOD, "duration": 9}})[1]["run"]
        assert run["state"] == "running" and Path(run["folder"]).parent == tmp_path / "out"
        assert "a run goes on already" in client.ask("POST", "start", {"data": GOOD})[1]["problem"]
        run = until(client, lambda run: "ready" in run["lines"])
        assert "\\x1b[2J<b>began</b>" in run["lines"]
        assert client.ask("POST", "stop", {})[1]["run"]["state"] in ("stopping", "stopped")
        until(client, lambda run: run["state"] == "stopped")
        with RecordingView(next(Path(run["folder"]).glob("*.h5"))) as view:
            assert view.attributes["duration_frames"] > 0  # ended, and whole
        monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
        again = client.ask("POST", "start", {"data": GOOD})[1]["run"]
        assert again["folder"] != run["folder"]
        done = until(client, lambda run: run["state"] == "completed")
        assert "{'duration': 5}" in done["lines"]
        saved = json.loads((Path(done["folder"]) / "configuration.json").read_text())
        assert saved == {**GOOD, "config_version": 0}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Data visualiser: http://127.0.0.1:1025", "Data"),
        ("Application visualiser: http://localhost:1025/app", "Application"),
        ("Application visualiser: javascript:alert(1)", None),
        ("Application visualiser: http://evil.example/app", None),
        ("Application visualiser: http://127.0.0.1:1025@evil.example/app", None),
        ("x Data visualiser: http://127.0.0.1:1025", None),
    ],
)
def test_only_pages_of_this_machine_are_shown(line: str, kind: str | None) -> None:
    found = _PAGE.match(line)
    assert (found["kind"] if found else None) == kind


def test_the_command_serves_until_it_is_ended_and_its_run_with_it(tmp_path: Path) -> None:
    body = "import os, time\nos.symlink(str(os.getpid()), output_directory + '/pid')\ntime.sleep(60)"
    project = make_project(tmp_path / "mine", body)
    with subprocess.Popen(
        [sys.executable, "-m", "cl", "app", "configure", str(project), "--output", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("Configuration page: ").strip()
            host, _, token = url.removeprefix("http://").rstrip("/").partition("/")
            connection = http.client.HTTPConnection(host, timeout=20)
            connection.request(
                "POST", f"/{token}/start", json.dumps({"data": GOOD}), {"Content-Type": "application/json"}
            )
            answer = json.loads(connection.getresponse().read())
            connection.close()
            pid = Path(answer["run"]["folder"]) / "pid"
            end = time.monotonic() + 40
            while not pid.is_symlink() and time.monotonic() < end:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143
        finally:
            process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.readlink().name), 0)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"src/__init__.py": ""}, "defines no 'application'"),
        ({"src/__init__.py": "1 / 0"}, "ZeroDivisionError"),
        (
            {"src/__init__.py": f"{ENTRY}Mine.config_class = staticmethod(lambda: object)"},
            "has no JSON schema",
        ),
    ],
)
def test_what_is_no_application_has_no_page(
    files: dict[str, str], wanted: str, tmp_path: Path, capsys: Any
) -> None:
    assert command.main([str(make_project(tmp_path / "mine", files=files))]) == 1
    assert wanted in capsys.readouterr().err


def test_bad_usage(tmp_path: Path, capsys: Any) -> None:
    assert command.main([str(tmp_path / "nowhere")]) == 1
    for arguments in ([], ["mine", "--port", "x"], ["mine", "--port", "65536"]):
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 2
    with serving(make_project(tmp_path / "mine"), tmp_path) as client:
        port = str(client.server.server_port)
        assert command.main([str(tmp_path / "mine"), "--port", port]) == 1
    assert f"port {port} cannot be listened on" in capsys.readouterr().err
