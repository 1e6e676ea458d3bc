"""Visualisers in JupyterLab and Notebook, behind a path as a hub has it, in front of a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import ARTIFACTS, chromium
from extras import need_extra
from jupyter_tools import APPS, PATIENCE_S, Lab, Notebook, jupyter_lab, written

need_extra("test-all", "jupyterlab")
need_extra("jupyter", "anywidget")
pytestmark = pytest.mark.timeout(300)  # a server and a kernel start slowly on a busy machine

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=APPS)
def lab(
    browser: Any, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("home")
    folder = home / "work"
    folder.mkdir()
    with jupyter_lab(folder, home, request.param, CL_SDK_VISUALISATION="1") as lab:
        yield lab


@pytest.fixture(scope="module")
def page(browser: Any, lab: Lab) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    lab.open(page)
    yield page
    context.close()


def frame(page: Any, part: str) -> Any:
    """Return the frame of whose URL something is part, once it is there."""
    return page.wait_for_selector(f"iframe[src*='{part}']", state="attached").content_frame()


def until(frame: Any, condition: str) -> None:
    """Wait until an expression is true in a frame, whose policy does not let it be evaluated otherwise."""
    frame.wait_for_function(f"() => {condition}", polling=50, timeout=PATIENCE_S * 1000)


def screenshot(page: Any, name: str) -> None:
    """Keep a picture for people to look at."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    (ARTIFACTS / f"{name}.png").write_bytes(page.screenshot())


def as_long_as_it_takes(notebook: str) -> str:
    """Return a notebook whose loops go on until there is a file `enough`, however slow the machine is."""
    loop = r"(neurons\.loop\(ticks_per_second=\d+, )stop_after_seconds=\d+\):"
    until_enough = (
        r"\1stop_after_seconds=60):\\n        if __import__('os').path.exists('enough'):\\n            break"
    )
    found, count = re.subn(loop, until_enough, notebook)
    assert count == 2
    return found.replace("tick.iteration == 5", "tick.iteration % 5 == 0")


def test_the_notebook_on_visualisation_shows_what_it_says(lab: Lab, page: Any) -> None:
    name = "6_visualisation.ipynb"
    (lab.folder / name).write_text(as_long_as_it_takes((NOTEBOOKS / name).read_text()))
    enough = lab.folder / "enough"
    notebook = Notebook(lab, page, name)
    notebook.run(0, 1, 2)
    # The picture of one's own is there before the device is, and is drawn once that is open.
    glow = frame(page, "/custom/")
    until(glow, "globalThis.visualiser && document.querySelector('p').textContent.startsWith('waiting')")
    notebook.run(3)
    until(glow, "/^[1-9]\\d* answers, /.test(document.querySelector('p').textContent)")
    screenshot(page, f"{lab.app}-glow")
    enough.touch()
    notebook.until_run(4)
    notebook.run(4)
    live = frame(page, "focus_on_channels")
    until(live, "globalThis.visualiser")
    enough.unlink()
    notebook.run(5)
    until(live, "visualiser().stims.length > 0 && visualiser().spikes.length > 0")
    assert live.evaluate("() => visualiser().chosen") == [18, 27, 36]
    screenshot(page, f"{lab.app}-activity")
    enough.touch()
    notebook.until_run(6)
    enough.unlink()
    assert page.locator(".cl-visualiser[data-way=port]").count() == 2
    notebook.clear()
    page.wait_for_selector(".cl-visualiser", state="detached")
    assert notebook.complaints == []


OWN = """
const dataStreams = ["numbers", "cl_stims"];
function createVisualiser(id, div) {
  let latest = null, stims = 0;
  globalThis.found = () => [latest, stims];
  return {
    reset() { stims = 0; },
    process(name, time, data) { if (name === "numbers") latest = data; else stims++; },
    draw(ms, now) { div.textContent = `${stims} stims at ${Math.round(now)}`; },
  };
}
"""
RUN = """
with cl.open() as neurons:
    stream = neurons.create_data_stream("numbers")
    for tick in neurons.loop(100, stop_after_seconds=60):
        stream.append(neurons.timestamp(), [tick.iteration, numpy.arange(3)])
        if tick.iteration % 20 == 0:
            neurons.stim(27, 1.0)
            if enough.exists():
                break
enough.unlink()
"""
CELLS = (
    "import cl, numpy, pathlib\nenough = pathlib.Path('enough')",
    "cl.visualisation.jupyter.display_visualiser('own.js', title='Own', use_sidebar=False)",
    "cl.visualisation.jupyter.show_activity()",
    RUN,
    RUN,
)
REACHED = """async () => {
  const found = [];
  for (const [name, reach] of Object.entries({
    notebook: () => window.parent.document.body,
    storage: () => localStorage.length,
    network: async () => void (await fetch("http://127.0.0.1:1025/")),
    socket: () => new Promise((done, failed) => {
      const socket = new WebSocket("ws://127.0.0.1:1025/ws");
      socket.onopen = done;
      socket.onerror = failed;
    }),
  })) {
    try { await reach(); found.push(name); } catch { /* as it is to be */ }
  }
  return found;
}"""


def test_a_page_comes_through_the_kernel_where_its_port_is_closed(lab: Lab, page: Any) -> None:
    """Frames that are made before the device, drawn while a cell runs, and that live through another one."""
    (lab.folder / "own.js").write_text(OWN)
    sockets: list[str] = []
    page.route(lambda url: not url.startswith((lab.url, "data:")), lambda route: route.abort())
    page.on("websocket", lambda socket: sockets.append(socket.url))
    notebook = Notebook(lab, page, written(lab.folder / "relay.ipynb", *CELLS))
    notebook.run(0, 1, 2)
    own, live = through_the_kernel(page, "Own"), through_the_kernel(page, "Activity")
    until(own, "globalThis.found")
    until(live, "globalThis.visualiser")
    sessions: list[str] = []
    for number in (3, 4):
        notebook.run(number)
        # All the while the kernel's main thread is in the loop.
        until(own, "found()[1] > 2 && found()[0][0] > 60 && found()[0][1] instanceof BigInt64Array")
        until(
            live, f"visualiser().stims.length > 2 && !{json.dumps(sessions)}.includes(visualiser().session)"
        )
        # It is answered meanwhile, too: afterwards there is nobody to do so.
        live.evaluate("() => void visualiser.page.link.send({ type: 'unknown' })")
        until(live, "visualiser().error?.includes('unknown type')")
        live.evaluate("() => void (visualiser.page.lastError = null)")
        sessions.append(live.evaluate("() => visualiser().session"))
        screenshot(page, f"{lab.app}-relay-{number}")
        (lab.folder / "enough").touch()
        notebook.until_run(number + 1)
        until(live, "!visualiser().connected")
    own_socket = lab.url.replace("http", "ws")
    assert [url for url in sockets if not url.startswith(own_socket)] == []
    for frame in (own, live):  # neither the notebook around it nor anything else can be reached from there
        assert frame.evaluate(REACHED) == []
    live.get_by_role("button", name="?").click()
    live.get_by_role("button", name="Close").click()
    assert live.evaluate("() => document.getElementById('keys').open") is False
    assert own.evaluate("() => typeof RTCPeerConnection") == "undefined"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    own.evaluate("() => void setTimeout(() => (location.href = 'http://127.0.0.1:1025/?what-was-seen'))")
    own.wait_for_url("chrome-error:**")
    assert [url for url in asked if "what-was-seen" in url] == []
    drag_and_clear(page, notebook)
    assert [text for text in notebook.complaints if "Content Security Policy" not in text] == []


def through_the_kernel(page: Any, title: str) -> Any:
    """Return the frame of a title, once it has its page."""
    selector = f".cl-visualiser[data-way=kernel] > iframe[title={title}][srcdoc]"
    outer = page.wait_for_selector(selector, state="attached").content_frame()
    return outer.wait_for_selector("iframe", state="attached").content_frame()


def drag_and_clear(page: Any, notebook: Notebook) -> None:
    """Drag the panel on the right, and clear the cell that it belongs to."""
    width = "() => document.getElementById('cl-sidebar').getBoundingClientRect().width / innerWidth"
    right = "() => document.getElementById('main').getBoundingClientRect().right / innerWidth"
    assert page.evaluate(width) == pytest.approx(0.2, abs=0.01)
    for begin, end, part in ((0.8, 0.5, 0.5), (0.5, 0.02, 0.8)):
        page.mouse.move(1400 * begin + 3, 450)
        page.mouse.down()
        page.mouse.move(1400 * end, 450)
        page.mouse.up()
        assert page.evaluate(width) == pytest.approx(part, abs=0.01)
        # JupyterLab gets no narrower than it likes.
        assert page.evaluate(right) == pytest.approx(max(1 - part, 0.24), abs=0.05)
        screenshot(page, f"notebook-sidebar-{part}")
    notebook.clear()
    page.wait_for_selector("#cl-sidebar", state="detached")
    assert page.evaluate(right) == 1
