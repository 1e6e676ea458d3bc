"""What the page asks for, and what it is answered: a method, a path and a body make an answer."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from cl._values.printing import printable
from cl.app.project import Project, ProjectError, read_object
from cl.visualisation.server.files import COMMON_HEADERS, Answer, refuse

from .configurations import Configurations, Invalid, for_json
from .running import Run

_WEB: Final = Path(__file__).parent / "web"
_FILES: Final = {
    "": ("configure.html", "text/html; charset=utf-8"),
    "configure.css": ("configure.css", "text/css; charset=utf-8"),
    "configure.js": ("configure.js", "text/javascript; charset=utf-8"),
    "controls.js": ("controls.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class ConfigurePage:
    """The page of an application, under a path that cannot be guessed."""

    def __init__(self, project: Project, output: Path) -> None:
        self.configurations = Configurations(project)
        self.token = secrets.token_urlsafe(24)
        self._project = project
        self._output = output
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._actions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "check": self._check,
            "save": self._save,
            "start": self._start,
            "stop": self._stop,
        }

    def answer(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Answer a request; what is not under the token is not there."""
        given, _, name = path.partition("?")[0].removeprefix("/").partition("/")
        if not secrets.compare_digest(given.encode(), self.token.encode()) or "/" not in path[1:]:
            return refuse(404, "Not Found", "there is no such page")
        if method == "GET" and name in _FILES:
            file, kind = _FILES[name]
            headers = {**COMMON_HEADERS, "Content-Type": kind, "Content-Security-Policy": _POLICY}
            return Answer(200, "OK", headers, (_WEB / file).read_bytes())
        if method == "GET" and name in ("state", "status"):
            return _json(200, "OK", self._state() if name == "state" else self._status())
        if method == "POST" and name in self._actions:
            return self._act(self._actions[name], body)
        return refuse(404, "Not Found", "there is no such page")

    def close(self) -> None:
        """Stop what runs, and wait for its end."""
        with self._lock:
            run, self._run = self._run, None
        if run is not None:
            run.close()

    def _act(self, action: Callable[[dict[str, Any]], dict[str, Any]], body: bytes) -> Answer:
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return _json(400, "Bad Request", {"problem": "what was sent is not JSON"})
        if not isinstance(given, dict):
            return _json(400, "Bad Request", {"problem": "what was sent is no object"})
        try:
            return _json(200, "OK", action(given))
        except Invalid as error:
            return _json(422, "Invalid", {"faults": [asdict(fault) for fault in error.faults]})
        except ProjectError as error:
            return _json(409, "Conflict", {"problem": str(error)})
        except Exception as error:  # of the application's own code: validators, serialisers
            return _json(500, "Failed", {"problem": printable(f"{type(error).__name__}: {error}")})

    def _state(self) -> dict[str, Any]:
        try:
            info = read_object(self._project.info)
        except ProjectError:
            info = {}
        return {
            "id": self._project.id,
            "info": for_json({key: str(info.get(key, "")) for key in ("name", "version", "description")}),
            "schema": self.configurations.schema,
            "configurations": self.configurations.listed(),
            **self._status(),
        }

    def _status(self) -> dict[str, Any]:
        run = self._run
        return {"run": None if run is None else run.status()}

    def _check(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"data": for_json(self.configurations.checked(given.get("data")))}

    def _save(self, given: dict[str, Any]) -> dict[str, Any]:
        file = self.configurations.save(given.get("file"), given.get("data"), given.get("replace") is True)
        return {"file": file, "configurations": self.configurations.listed()}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        checked = self.configurations.checked(given.get("data"))
        with self._lock:
            if self._run is not None:
                if self._run.goes_on:
                    raise ProjectError("a run goes on already")
                self._run.close()
            self._run = Run(self._project, checked, self._output)
        return self._status()

    def _stop(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self._run
        if run is not None:
            run.stop()
        return self._status()


def _json(status: int, reason: str, value: object) -> Answer:
    body = json.dumps(value, ensure_ascii=True, allow_nan=False).encode()
    return Answer(status, reason, {**COMMON_HEADERS, "Content-Type": "application/json"}, body)
