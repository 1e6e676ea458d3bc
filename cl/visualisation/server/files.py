"""What is served over HTTP: the files of the web folder, and custom visualisers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .custom_visualiser import APPLICATION_PATH
from .inline_scripts import script_hashes
from .web_folder import WEB_FOLDER, behind

if TYPE_CHECKING:
    from .custom_visualiser import CustomVisualiser

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SANDBOX: Final = "sandbox allow-scripts allow-same-origin allow-downloads allow-modals allow-pointer-lock"
"""A visualiser opens no windows, sends no forms, and leads no other page elsewhere."""
_PEERS: Final = {"Connection-Allowlist": "(response-origin)"}
"""Chromium's: nothing but this server is connected to, WebRTC included, also by its frames and workers."""
COMMON_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


def refuse(status: int, reason: str, text: str) -> Answer:
    """Return an answer of plain text."""
    body = (text + "\n").encode()
    return Answer(status, reason, {**COMMON_HEADERS, "Content-Type": "text/plain; charset=utf-8"}, body)


class WebFiles:
    """The files that may be had, by path: listed once, so that no path can lead anywhere else.

    `application` returns what is shown at `/app`, if anything. `prefix` is what a proxy puts before the
    paths, and takes away again: pages are told of it. Under `/here/` and `mark` is a page that only tells
    that it was reached.
    """

    def __init__(
        self,
        visualisers: Mapping[str, CustomVisualiser],
        prefix: str = "",
        application: Callable[[], CustomVisualiser | None] = lambda: None,
        mark: str = "",
    ) -> None:
        self._paths = {
            "/" + path.relative_to(WEB_FOLDER).as_posix(): path
            for path in WEB_FOLDER.rglob("*")
            if path.suffix in _TYPES
        }
        self._paths["/"] = WEB_FOLDER / "index.html"
        if mark:
            self._paths[f"/here/{mark}"] = WEB_FOLDER / "here.html"
        self._visualisers = visualisers
        self._prefix = prefix
        self._application = application

    def answer(self, path: str, host: str) -> Answer:
        """Return what lies under a path (without a query); `host` is how the page knows the server."""
        file = self._paths.get(path)
        if file is not None:
            body = file.read_bytes()
            if file.suffix == ".html":
                body = behind(body.decode(), self._prefix).encode()
            return _answer(_TYPES[file.suffix], body, _policy(host))
        if path.startswith("/custom/"):
            token, _, name = path.removeprefix("/custom/").partition("/")
            gone = "there is no such visualiser: it belonged to a device that was closed"
            return self._part(self._visualisers.get(token), name, host, gone)
        if path == APPLICATION_PATH or path.startswith(APPLICATION_PATH + "/"):
            name = path.removeprefix(APPLICATION_PATH).removeprefix("/")
            return self._part(self._application(), name, host, "there is no application's page")
        return refuse(404, "Not Found", "there is no such page")

    def _part(self, visualiser: CustomVisualiser | None, name: str, host: str, missing: str) -> Answer:
        if visualiser is not None and name == "":
            return _answer(_TYPES[".html"], visualiser.page(self._prefix), _policy_of(visualiser, host))
        if visualiser is not None and name == "visualiser.js":
            return _answer(_TYPES[".js"], visualiser.code(), _policy(host))
        return refuse(404, "Not Found", missing)


def _answer(content_type: str, body: bytes, policy: str) -> Answer:
    headers = {
        **COMMON_HEADERS,
        **_PEERS,
        "Content-Type": content_type,
        "Content-Security-Policy": policy,
    }
    return Answer(200, "OK", headers, body)


def _policy_of(visualiser: CustomVisualiser, host: str) -> str:
    """Return the policy of a visualiser's page, whose fragment may have scripts, handlers and styles in it.

    No others than the fragment's own: among what could be added are rules by which a browser loads pages of
    other servers in advance. Its workers are its own, too: one that is served by a path could answer for this
    server later on.
    """
    hashes = "".join(f" '{one}'" for one in script_hashes(visualiser.fragment))
    own = "'self' data: blob:"
    scripts = f"{own}; script-src-elem {own}{hashes}; script-src-attr 'unsafe-inline'; worker-src data: blob:"
    styles = f"{own} 'unsafe-inline'"
    return f"{_policy(host, scripts, styles)}; {_SANDBOX}"


def _policy(host: str, scripts: str = "'self'", styles: str = "'self'") -> str:
    """Return a policy that lets a page load from this server only.

    It does not say who may frame the page: notebooks do, and there is nothing on it that a click
    could change.
    """
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data: blob:; "
        f"font-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'"
    )
