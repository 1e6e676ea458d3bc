"""A page as one text that loads nothing: what a browser is given that cannot reach the server."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from json import dumps
from typing import TYPE_CHECKING, Final

from cl.visualisation.server.inline_scripts import script_hashes
from cl.visualisation.server.web_folder import WEB_FOLDER

if TYPE_CHECKING:
    from cl.visualisation.server.custom_visualiser import CustomVisualiser

_POLICY: Final = (
    "default-src 'none'; script-src data: blob:; script-src-elem data: blob:{hashes}; "
    "script-src-attr 'unsafe-inline'; worker-src data: blob:; style-src 'unsafe-inline' data:; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types default"
)
"""That of the server's pages (server/files.py), without a server. Scripts in it are known by their hashes.

Texts that become HTML are judged by the guard (js/guard.js).
"""
_FRAME_TEXT: Final = re.compile("srcdoc", re.IGNORECASE)
"""What gives a frame a document of its own, whose scripts would have what the guard has taken from here."""
_HEAD: Final = '<meta charset="utf-8">'
_ICON: Final = re.compile(r"<link rel=\"icon\"[^>]*>\n?")
_STYLE: Final = re.compile(r"<link rel=\"stylesheet\" href=\"/(\w+\.css)\">")
_SCRIPT: Final = re.compile(r"<script type=\"module\" src=\"/js/(\w+\.js)\"></script>")
_CLASSIC: Final = re.compile(r"<script src=\"/js/(\w+\.js)\"></script>")
_IMPORT: Final = re.compile(r"(from\s*)\"\./(\w+\.js)\"")


def live_page(query: str) -> str:
    """Return the page of the device's activity; `query` is what stands behind the "?" of its URL."""
    # It saves files, and its dialogs are forms; none of them is sent anywhere, by its policy.
    page = _whole((WEB_FOLDER / "index.html").read_text("utf-8"), query)
    return _guarded(page, " allow-downloads allow-forms")


def custom_page(visualiser: CustomVisualiser) -> str:
    """Return the page of a custom visualiser."""
    # The fragment is the program's own: nothing in it is taken for a part of ours.
    mark = f"cl-fragment-{id(visualiser)}"
    kept = type(visualiser)(visualiser.script, mark, visualiser.data_streams, visualiser.title)
    page = _whole(kept.page().decode(), "")
    script = _data("text/javascript", visualiser.code())
    page = page.replace('data-script="visualiser.js"', f'data-script="{script}"')
    fragment = _FRAME_TEXT.sub(r"\g<0>_", visualiser.fragment)
    return _guarded(page.replace(mark, fragment, 1))


def _guarded(page: str, more: str = "") -> str:
    """Return a page with its policy, before all that it is about, in another that keeps it where it is.

    Where a page leads itself is said by the policy of the page around it: the guard of the server's pages
    hears of no navigation in one without an origin. `more` is what else its sandbox allows: who downloads
    asks a server, and no policy says which.
    """
    hashes = "".join(f" '{one}'" for one in script_hashes(page))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(hashes=hashes)}">'
    names = '<meta http-equiv="x-dns-prefetch-control" content="off">'
    page = page.replace(_HEAD, f"{_HEAD}\n{policy}\n{names}", 1)
    outer = (WEB_FOLDER / "enclosure.html").read_text("utf-8")
    return outer.replace("{more}", more).replace("{page}", html.escape(page))


def _whole(page: str, query: str) -> str:
    page = _CLASSIC.sub(
        lambda found: f"<script>{(WEB_FOLDER / 'js' / found[1]).read_text('utf-8')}</script>", page
    )
    modules = f'<script type="importmap">{_import_map()}</script>'
    page = _SCRIPT.sub(lambda found: f"{modules}\n{found[0]}", page)
    page = page.replace("<html ", f'<html data-query="{html.escape(query)}" data-relayed ', 1)
    page = _STYLE.sub(lambda found: f"<style>{(WEB_FOLDER / found[1]).read_text('utf-8')}</style>", page)
    page = _SCRIPT.sub(lambda found: f'<script type="module">import "cl/{found[1]}";</script>', page)
    # A frame of another origin takes no focus by itself, and the browser would complain.
    return _ICON.sub("", page).replace(" autofocus", "")


def _import_map() -> str:
    """Return where each module of the web folder is found: by a name, since none of them has a place."""
    modules = {}
    for path in sorted((WEB_FOLDER / "js").glob("*.js")):
        text = _IMPORT.sub(r'\1"cl/\2"', path.read_text("utf-8"))
        modules[f"cl/{path.name}"] = _data("text/javascript", text.encode())
    return dumps({"imports": modules})


def _data(kind: str, body: bytes) -> str:
    return f"data:{kind};base64,{b64encode(body).decode()}"
