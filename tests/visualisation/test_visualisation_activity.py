"""What the page makes of given spikes and stims, in a real browser: density, responses, thresholds, files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser_tools import Tab, chromium, tab
from visualisation_tools import Script

from cl.visualisation.server.server import VisualiserServer

NOW = 125_000
STIMS = [(40_000, 27), (50_000, 5), (60_000, 27)]
RESPONSES = [(time + 260, channel) for time in (40_000, 60_000) for channel in (27, 30)]
CALM = [(70_000 + 1_000 * k, 27) for k in range(4)]
BURST = [(100_000 + k, 10) for k in range(9)] + [(110_000 + k, 10) for k in range(2)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def script() -> Iterator[VisualiserServer]:
    source = Script(now=NOW, spikes=sorted([*RESPONSES, *CALM, *BURST]), stims=STIMS)
    server = VisualiserServer(lambda: source, port_from=0)
    yield server
    server.stop()


def settled(one: Tab) -> None:
    """Wait until the page has been told everything, and stands still at its end."""
    one.until(f"v.connected && v.until === {NOW} && v.end === {NOW} && v.psth?.stims === 2 && v.waveforms")


def place(one: Tab, time: int, channel: int) -> tuple[float, float]:
    x, y = one.page.evaluate("([t, c]) => visualiser.place(t, c)", [time, channel])
    return x, y


def test_activity_is_shown_as_it_was(browser: Any, script: VisualiserServer, tmp_path: Path) -> None:
    with tab(browser, script.url) as one:
        settled(one)
        state = one.state()
        assert state["selected"] == 27
        # Two stims of channel 27, each answered after 10.4 ms by it and by another: 200/s a spike and stim.
        assert {k: rate for k, rate in enumerate(state["psth"]["all"]) if rate} == {12: 400}
        assert {k: rate for k, rate in enumerate(state["psth"]["own"]) if rate} == {12: 200}
        # The waveforms are 0 to 74 µV, the sample of the detection is the 26th.
        assert state["limits"] == {"channel": 27, "limits": [25]}
        one.until_drawn("#waveforms", one.theme("limit"), 50)
        one.until_drawn("#psth", one.theme("muted"), 50)
        # Nine in one bin of 50 ms are 180 a second.
        assert state["rateTop"] == 200
        assert one.pixel("raster", *place(one, 100_008, 10)) == one.theme("dense-2")
        assert one.pixel("raster", *place(one, 110_001, 10)) == one.theme("dense-0")
        assert one.pixel("raster", *place(one, 40_260, 30)) == one.theme("spike")
        box = one.page.locator("#raster").bounding_box()
        for time, channel, text in (
            (40_000, 27, "stim, channel 27, 0:01.600, 13.5 µA"),
            (50_000, 5, "stim, channel 5, 0:02.000, 2.5 µA"),
            (110_001, 10, "spike, channel 10, 0:04.400"),
        ):
            x, y = place(one, time, channel)
            one.page.mouse.move(box["x"] + x, box["y"] + y)
            assert one.page.locator("#tip").inner_text() == text
        one.page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 60)
        assert one.page.locator("#tip").is_hidden()
        rows = saved(one, "#save-csv", tmp_path / "events.csv").decode().splitlines()
        assert rows[0] == "timestamp,seconds,event,channel,current_uA"
        assert rows[1:3] == ["40000,1.60000,stim,27,13.5", "40260,1.61040,spike,27,"]
        assert len(rows) == 1 + len(STIMS) + len(RESPONSES) + len(CALM) + len(BURST)
        picture = saved(one, "#save-png", tmp_path / "view.png")
        assert picture.startswith(b"\x89PNG") and (picture[16:20], picture[20:24]) == (
            (1280).to_bytes(4, "big"),
            (720).to_bytes(4, "big"),
        )
        assert len(picture) > 20_000
        one.screenshot("activity")
        assert one.complaints == []


def saved(one: Tab, button: str, path: Path) -> bytes:
    with one.page.expect_download() as download:
        one.page.click(button)
    download.value.save_as(path)
    return path.read_bytes()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_phone_shows_one_panel_below_the_other(browser: Any, script: VisualiserServer, scheme: str) -> None:
    with tab(browser, script.url, scheme, 420, 900) as one:
        settled(one)
        assert one.page.evaluate("document.documentElement.scrollWidth") == 420
        boxes = one.page.evaluate(
            """() => [...document.querySelectorAll('header, .panel:not([hidden]), canvas, .legend, button')]
              .map((each) => [each.className, each.getBoundingClientRect()])
              .map(([name, box]) => [name, box.left, box.right, box.top, box.bottom])"""
        )
        assert all(left >= 0 and right <= 420 for _, left, right, _, _ in boxes)
        panels = [(top, bottom) for name, _, _, top, bottom in boxes if name.startswith("panel")]
        assert len(panels) == 5
        assert all(upper[1] <= lower[0] for upper, lower in pairwise(panels))
        width, height = one.page.evaluate(
            "() => ['clientWidth', 'clientHeight'].map((name) => document.getElementById('map-canvas')[name])"
        )
        assert 300 < width <= 420 and abs(height - width) <= 1
        one.screenshot(f"phone-{scheme}")
        assert one.complaints == []


# Where the lid of a channel's column is to be seen, its colour there, and the one that its rate has.
LID = """(channel) => {
  const canvas = document.getElementById("map-canvas");
  const { left, top } = document.querySelectorAll("#map-keys button")[channel].style;
  const part = visualiser().rates[channel] / 10;
  const x = canvas.width * (parseFloat(left) / 100 - 0.02);
  const y = canvas.width * (parseFloat(top) / 100 - 0.34 * part);
  const seen = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
  return [`rgb(${seen.slice(0, 3).join(",")})`, visualiser.page.theme.level(Math.sqrt(part))[0], x, y];
}"""


def test_the_map_shows_rates_as_heights_where_it_is_asked_to(browser: Any, script: VisualiserServer) -> None:
    with tab(browser, script.url + "/?mode=3d") as one:
        settled(one)
        one.until("v.mode === '3d' && v.rates[10] === 5.5")
        one.page.wait_for_function("() => document.getElementById('map-note').textContent.endsWith(' 10')")
        places = []
        for key in "r.":
            seen, wanted, *place = one.page.evaluate(LID, 10)
            assert seen == wanted
            places.append(place)
            one.page.keyboard.press(key)
            one.page.evaluate(
                "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
        assert places[0] != places[1]
        one.screenshot("three-dimensions")
        one.page.locator("#map-keys button").nth(10).click()
        assert (one.state()["selected"], one.state()["mode"]) == (10, "3d")
        box = one.page.locator("#map-keys").bounding_box()
        one.page.mouse.move(box["x"] + 20, box["y"] + 200)
        one.page.mouse.down()
        one.page.mouse.move(box["x"] + 90, box["y"] + 200)
        one.page.mouse.up()
        assert one.page.evaluate(LID, 10)[2:] != places[1] and one.state()["selected"] == 10
        one.page.keyboard.press("v")
        assert one.state()["mode"] == "2d"
        one.page.get_by_role("button", name="3D").click()
        one.page.get_by_role("button", name="3D").click()
        assert one.state()["mode"] == "2d" and one.complaints == []


def test_every_mark_has_a_legend(browser: Any, script: VisualiserServer) -> None:
    with tab(browser, script.url + "/?mode=2d&focus_on_channels=8,9,99,x") as one:
        one.until("v.connected")
        assert (one.state()["selected"], one.state()["chosen"]) == (8, [8, 9])
        legends = {
            name: one.page.locator(f".{name}-panel .legend").all_inner_texts()[0].split()
            for name in ("map", "waveform", "psth", "raster", "trace")
        }
        assert legends == {
            "map": ["stim", "selected", "trace", "shown", "grounded"],
            "waveform": ["spike", "near", "a", "stim", "mean", "threshold"],
            "psth": ["all", "channels", "this", "channel", "stim"],
            "raster": ["array", "rate", "spike", "selected", "2", "3–4", "5+", "stim"],
            "trace": ["▼", "spike", "stim", "elsewhere", "threshold"],
        }
        hidden = one.page.evaluate(
            """() => Array.from(document.querySelectorAll('.key')).filter((key) => {
              const panel = key.closest('.panel').getBoundingClientRect();
              const box = key.getBoundingClientRect();
              return !(box.width > 10 && box.right <= panel.right && box.bottom <= panel.bottom);
            }).length"""
        )
        assert hidden == 0
