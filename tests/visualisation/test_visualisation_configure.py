"""The configuration page of an application in a real browser: by keyboard alone, and with hostile texts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser_tools import Tab, chromium, tab
from extras import need_extra

need_extra("app", "pydantic")

from cl.app.configure.page import ConfigurePage  # noqa: E402
from cl.app.configure.server import ConfigureServer  # noqa: E402
from cl.app.project import Project  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "</p><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
OTHERS = {HOSTILE: HOSTILE, "__proto__": {"x": 1}}
APP = f"""
import cl
from typing import Literal
from cl.app import BaseApplication, BaseApplicationConfig, OutputType, RunSummary
from cl.app.model import ChannelList, DurationSeconds, StimDesignModel
from pydantic import BaseModel, Field, model_validator

class Node(BaseModel):
    name: str = "n"
    inner: "list[Node]" = []

class Config(BaseApplicationConfig):
    duration: DurationSeconds = 600
    channels: ChannelList = [8, 9]
    mode: Literal["slow", "fast"] = Field("slow", title={HOSTILE!r}, description={HOSTILE!r})
    loud: bool = False
    gain: float | None = None
    pulse: StimDesignModel = StimDesignModel(components=[
        {{"pulse_width_us": 160, "signed_amplitude_ua": -1.0}},
        {{"pulse_width_us": 160, "signed_amplitude_ua": 1.0}}])
    tree: Node = Node()
    table: dict[str, int] = {{}}

    @model_validator(mode="after")
    def together(self):
        if self.loud and self.mode == "slow":
            raise ValueError("loud is not slow")
        return self

class Mine(BaseApplication[Config]):
    def run(self, config, output_directory):
        with cl.open() as neurons:
            stream = neurons.create_data_stream("seen")
            for tick in neurons.loop(10, stop_after_seconds=config.duration):
                stream.append(tick.iteration_timestamp, tick.iteration)
    @staticmethod
    def config_class():
        return Config

application = Mine()
"""
SCRIPT = """
const dataStreams = ["seen"];
function createVisualiser(id, div) {
  const process = (name, t, data) => { div.querySelector("b").textContent = `tick ${data}`; };
  return { reset() {}, process, draw() {} };
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "info.json": json.dumps(
            {"name": HOSTILE, "version": "1", "description": HOSTILE, "author": "", "config_version": 0}
        ),
        "default.json": json.dumps({"name": "Default", "timeout_s": 900}),
        "presets/hostile.json": json.dumps({"name": HOSTILE, "timeout_s": 1, **OTHERS}),
        "src/__init__.py": APP,
        "web/vis.html": "<b>-</b>",
        "web/vis.mjs": SCRIPT,
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "mine"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    server = ConfigureServer(ConfigurePage(Project(folder), folder.parent / "out"))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.page.close()


class Keyboard:
    """Uses a page by its keyboard alone."""

    def __init__(self, one: Tab) -> None:
        self.page = one.page

    def focused(self) -> dict[str, Any]:
        """Return what has the focus: its name for screen readers, its description, and its value."""
        return dict(
            self.page.evaluate(
                """() => {
                  const found = document.activeElement;
                  const told = (found.getAttribute('aria-describedby') ?? '').split(' ')
                    .map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
                  const label = found.labels?.[0]?.textContent ?? found.textContent;
                  const name = (found.getAttribute('aria-label') ?? label).trim();
                  return { name, told, value: found.value, wrong: found.getAttribute('aria-invalid') };
                }"""
            )
        )

    def to(self, name: str, key: str = "Tab") -> dict[str, Any]:
        """Go on to what has this name."""
        for _ in range(80):
            self.page.keyboard.press(key)
            found = self.focused()
            if found["name"] == name:
                return found
        raise AssertionError(f"nothing named {name!r} can be reached by {key}")

    def put(self, text: str) -> None:
        """Put a text in the place of what the focused input holds."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)


def test_it_is_used_by_keyboard_alone(browser: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    with serving(folder) as url, tab(browser, url, "light") as one:
        one.page.locator("#fields input").first.wait_for()
        keys = Keyboard(one)
        keys.to("Configuration Name")
        keys.put("By keyboard")
        found = keys.to("Duration")
        assert found["value"] == "600" and "In seconds, at least 1." in found["told"]
        keys.put("0")
        assert keys.to("Stimmable Channel List")["value"] == "8, 9"
        keys.put("8, 16-18, 4")
        keys.to("Loud")
        one.page.keyboard.press("Space")
        keys.to("Check")
        one.page.keyboard.press("Enter")
        # The focus goes to what is wrong first, whose description says what.
        one.page.wait_for_function("() => document.activeElement.getAttribute('aria-invalid') === 'true'")
        found = keys.focused()
        assert found["name"] == "Duration" and "Input should be greater than 0" in found["told"]
        assert (
            "channels.4: " in one.page.inner_text("#problems") and one.page.get_by_role("alert").count() == 1
        )
        keys.put("500")
        found = keys.to("Stimmable Channel List")
        assert found["wrong"] == "true" and "4: Input should be 1, 2, 3" in found["told"]
        keys.put("8, 16-18")
        keys.to("File in presets")
        keys.put("by_keyboard.json")
        keys.to("Save preset")
        one.page.keyboard.press("Enter")
        one.page.locator("#problems", has_text="loud is not slow").wait_for()
        keys.to(HOSTILE)  # the title of `mode`, a text
        one.page.keyboard.press("ArrowDown")
        keys.to("Save preset")
        one.page.keyboard.press("Enter")
        one.page.locator("#told", has_text="Saved as presets/by_keyboard.json.").wait_for()
        saved = json.loads((folder / "presets" / "by_keyboard.json").read_text())
        assert (saved["name"], saved["duration"], saved["channels"]) == ("By keyboard", 500, [8, 16, 17, 18])
        assert (saved["mode"], saved["loud"], saved["gain"]) == ("fast", True, None)
        assert saved["pulse"]["components"][1] == {"pulse_width_us": 160, "signed_amplitude_ua": 1.0}
        assert saved["tree"] == {"name": "n", "inner": []} and saved["table"] == {}
        keys.to("Start run")
        one.page.keyboard.press("Enter")
        frame = one.page.frame_locator("#visualiser")
        frame.locator("b", has_text="tick").wait_for()
        one.screenshot("configure-run")
        assert keys.focused()["name"] == "Stop run"
        one.page.keyboard.press("Enter")
        one.page.locator("#state", has_text="It was stopped.").wait_for()
        assert keys.focused()["name"] == "Start run"
        assert one.page.evaluate("window.hacked") is None


def test_texts_of_schemas_and_configurations_stay_texts(browser: Any, folder: Path) -> None:
    with serving(folder) as url, tab(browser, url, width=420) as one:
        one.page.locator("#fields input").first.wait_for()
        one.page.select_option("#chosen", "1")
        assert one.page.input_value("#fields input >> nth=0") == HOSTILE
        assert one.page.locator("#fields label", has_text=HOSTILE).count() == 1
        assert one.page.evaluate("document.querySelectorAll('img').length") == 0
        assert one.page.evaluate("document.querySelectorAll('script').length") == 1
        assert one.page.evaluate("window.hacked") is None
        assert HOSTILE in one.page.title()
        others = json.loads(one.page.locator("textarea").last.input_value())
        assert others == OTHERS
        one.page.click("#check")
        one.page.locator("#problems", has_text="Extra inputs are not permitted").wait_for()
        assert one.page.evaluate("({}).x") is None
        wide = "(found) => found.getBoundingClientRect().right > innerWidth && !found.closest('.skip')"
        assert not one.page.evaluate(
            f"[...document.body.querySelectorAll('*')].filter({wide}).map((x) => x.outerHTML)"
        )
        one.screenshot("configure-420")


def test_lists_and_what_may_be_missing(browser: Any, folder: Path) -> None:
    with serving(folder) as url, tab(browser, url) as one:
        one.page.locator("#fields input").first.wait_for()
        page = one.page
        page.get_by_role("button", name="Add: Stimulation Pulse Components").click()
        page.get_by_role("button", name="Up: Stimulation Pulse Components 3").click()
        assert page.evaluate("document.activeElement.textContent") == "Up"
        page.get_by_role("button", name="Remove: Stimulation Pulse Components 1").click()
        page.get_by_role("checkbox", name="set Gain").check()
        page.get_by_role("textbox", name="Gain").fill("1.5")
        page.click("#check")
        page.locator("#problems", has_text="pulse.components.0.pulse_width_us: Field required").wait_for()
        wrong = page.locator('[aria-invalid="true"]')
        assert wrong.count() == 2 and page.evaluate("document.activeElement.matches('[aria-invalid=true]')")
        wrong.nth(0).fill("200")
        wrong.nth(1).fill("-1")
        page.click("#check")
        page.locator("#told", has_text="It is a valid configuration.").wait_for()
        for wanted in (False, True):  # what was changed is not lost by a key
            page.once("dialog", lambda dialog: dialog.accept() if wanted else dialog.dismiss())  # noqa: B023
            page.select_option("#chosen", "1")
            assert page.input_value("#chosen") == ("1" if wanted else "0")
            assert page.get_by_role("textbox", name="Gain").is_visible() is not wanted
        page.select_option("#chosen", "0")  # nothing was changed: nothing is asked
        assert page.input_value("#chosen") == "0"
        one.screenshot("configure-dark")
