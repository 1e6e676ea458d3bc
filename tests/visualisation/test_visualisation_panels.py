"""What single panels of the page show, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser_tools import chromium, tab
from visualisation_tools import device

import cl._current


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


DRAW_WAVEFORMS = """async ([spikes, mean, single]) => {
  const { page } = visualiser;
  const { WaveformPanel } = await import("/js/waveforms.js");
  const { WaveformStore } = await import("/js/store.js");
  page.link.unsubscribe("waveforms");
  const shapes = spikes.map(([time, depth, after]) => {
    const samples = new Float32Array(75);
    samples.fill(depth, 24, 27);
    samples.fill(after, 50);
    return { time, samples };
  });
  const waveforms = Object.assign(new WaveformStore(50), { channel: 27, shapes });
  const quiet = (from, to) => from > 1000 || to < 0;
  new WaveformPanel({ waveforms, stims: { until: Infinity }, theme: page.theme, quiet }).draw(0, Infinity);
  const canvas = document.getElementById("waveforms");
  const left = 46;
  const near = (data, k, colour, most) =>
    colour.every((part, i) => Math.abs(data[k + i] - part) < most);
  const x = Math.round(left + (25 / 74) * (canvas.width - left - 10));
  const context = canvas.getContext("2d");
  const { data } = context.getImageData(x, 6, 1, canvas.height - 24);
  const rows = [];
  for (let y = 0; y < data.length / 4; y++) if (near(data, 4 * y, mean, 60)) rows.push(y);
  const all = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let singles = 0;
  for (let k = 0; k < all.length; k += 4) singles += near(all, k, single, 90);
  const note = document.getElementById("waveform-note").textContent;
  return { note, singles, trough: rows.length ? (1000 * rows[0]) / (data.length / 4) : null };
}"""
"""Draws spikes, given as (time, depth, what follows), on the page's own canvas; a stim lies in [0, 1000].

Looks at it in the same task, before the page draws anew: `trough` is the mean's row where the spikes are, as
a share of 1000 of the plot, `singles` how many pixels have the colour of single spikes.
"""


def draw_waveforms(one: Any, spikes: list[list[int]]) -> dict[str, Any]:
    """Draw spikes, and return what is seen."""
    colours = [list(one.theme("text")), list(one.theme("accent"))]
    return dict(one.page.evaluate(DRAW_WAVEFORMS, [spikes, *colours]))


def test_what_a_stim_does_to_waveforms_does_not_hide_the_spikes(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected")
        beside = [[k, 900, -8000] for k in range(100, 130)]
        calm = [[2000 + k, -50, 0] for k in range(5)]
        seen = draw_waveforms(one, [*beside, *calm])
        one.screenshot("waveforms-beside-stims")
        assert seen["note"] == "µV, last 35, 30 near stims"
        # Scale and mean are those of the spikes that no stim disturbs: their -50 µV is at the end.
        assert 930 <= seen["trough"] <= 990
        assert seen["singles"] > 0
        # Where there are none, what most of them look like decides.
        seen = draw_waveforms(one, [[k, -50, 0] for k in range(6)] + [[9, -50, 9000]] * 4)
        assert seen["note"] == "µV, last 10, 10 near stims"
        assert 930 <= seen["trough"] <= 990
        assert draw_waveforms(one, [[2000, -50, 0]])["note"] == "µV, last 1 spike"
        assert draw_waveforms(one, [])["note"] == "µV"
        assert one.complaints == []


def test_the_failure_of_the_device_is_shown_with_its_reason(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected && v.status?.state === 'running'")
        assert one.page.is_hidden("#banner")
        session = cl._current.devices.environments()
        assert session is not None
        with session.engine.lock:
            session.engine.fail(RuntimeError("the cable is <b>out</b>"))
        one.page.wait_for_selector("#banner", state="visible")
        assert one.page.inner_text("#banner") == "The device has failed: the cable is <b>out</b>."
        server.stop()
        one.until("!v.connected")
        one.page.wait_for_function("() => banner.innerText.includes('The device is closed')")
        assert "The device has failed: the cable is <b>out</b>. The device is closed" in one.page.inner_text(
            "#banner"
        )
        assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in one.complaints)


def test_the_header_follows_loops(browser: Any) -> None:
    loops: list[Any] = []
    with device(loops=lambda: loops) as (neurons, server), tab(browser, server.url) as one:
        one.until("v.connected && v.status !== null")

        def lateness() -> list[str]:
            return str(one.page.inner_text("#fact-loop")).split("\n")

        for tick in neurons.loop(100, stop_after_ticks=50, ignore_jitter=True):
            loops[:] = [tick.loop]
        one.page.wait_for_function("() => loop.innerText.includes('p99')")
        assert lateness()[0] == "Loop lateness at 100/s"
        loops.clear()
        one.page.wait_for_function("() => loop.innerText === 'no loop'")
        assert lateness() == ["Loop lateness", "no loop"]
        assert one.complaints == []


@pytest.mark.parametrize(("width", "height", "zoom"), [(1280, 720, 1), (1920, 1080, 1.2)])
def test_clicks_meet_what_is_drawn_at_every_size(browser: Any, width: int, height: int, zoom: float) -> None:
    with device() as (_, server), tab(browser, server.url, "light", width, height) as one:
        one.until("v.connected && v.until > 30_000")
        one.page.keyboard.press("Space")
        one.until("v.paused")
        left, _ = one.page.evaluate(
            "() => { const v = visualiser(); return visualiser.place(v.end - 250_000, 0); }"
        )
        assert abs(left - 40 * zoom) <= 2
        box = one.page.locator("#raster").bounding_box()
        for channel in (1, 22, 62):
            at = one.state()["end"] - 1000
            x, y = one.page.evaluate("([t, c]) => visualiser.place(t, c)", [at, channel])
            one.page.mouse.click(box["x"] + x, box["y"] + y)
            one.until(f"v.selected === {channel}")
        lanes = one.page.locator("#traces").bounding_box()
        one.page.mouse.click(lanes["x"] + 200, lanes["y"] + 5 * zoom)
        one.until("v.selected === v.chosen[0]")
        one.page.mouse.click(lanes["x"] + 200, lanes["y"] + lanes["height"] - 20 * zoom)
        one.until("v.selected === v.chosen.at(-1)")
        assert one.complaints == []


def test_traces_chosen_now_show_the_past_as_far_as_there_is_one(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.page.evaluate("() => visualiser.page.setTrace(0.5)")
        one.until("v.connected && v.until > 90_000")
        chosen = one.page.evaluate(
            """() => {
              const { page } = visualiser;
              page.toggleTrace(27);
              page.goTo(page.clock.position - 30_000);
              return page.chosen;
            }"""
        )
        assert chosen == [18, 36, 45] and one.state()["paused"]
        one.until_drawn("#traces", one.theme("trace-0"), 250)
        assert one.complaints == []
