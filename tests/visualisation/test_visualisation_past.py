"""The page in a real browser: looking back, and whom the keys belong to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import chromium, tab
from visualisation_tools import device

import cl
import cl._current
from cl.visualisation import start_server
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.server import VisualiserServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


@pytest.fixture
def recording(shared_data: Path) -> Iterator[VisualiserServer]:
    recorded = Recorded(shared_data / "reference_recording.h5")
    server = VisualiserServer(lambda: Player(recorded), port_from=0)
    yield server
    server.stop()
    recorded.close()


WAVEFORMS = """async () => {
  const { WaveformPanel } = await import("/js/waveforms.js");
  const { WaveformStore } = await import("/js/store.js");
  const waveforms = new WaveformStore(100);
  waveforms.select(27);
  const offsets = Array.from({ length: 60 }, (_, i) => 10 * i);
  const samples = new Float32Array(60 * 75).fill(9);
  waveforms.add({ argument: 27, count: 60, start: 1000, offsets, samples }, 75);
  let stim = null;
  const quiet = (from, to) => stim === null || to <= stim || from > stim;
  const page = { waveforms, stims: { until: 0 }, theme: visualiser.page.theme, quiet };
  const panel = new WaveformPanel(page);
  const note = (end) => (panel.draw(0, end), document.getElementById("waveform-note").textContent);
  const notes = [999, 1000, 1050, 1599].map(note);
  [stim, page.stims.until] = [0, 1000];
  notes.push(note(1599));
  [stim, page.stims.until] = [1580, 1700];
  notes.push(note(1599));
  return notes;
}"""
"""Draws waveforms at several times, and anew when stims become known; in one task of the browser."""


def test_waveforms_are_those_of_the_time_that_is_shown(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected")
        notes = one.page.evaluate(WAVEFORMS)
        assert notes[:4] == ["µV", "µV, last 1 spike", "µV, last 6 spikes", "µV, last 50 spikes"]
        # Stims that are told after the spikes: which of the spikes they disturb is seen when they come.
        assert notes[4:] == ["µV, last 50 spikes", "µV, last 50, 6 near stims"]
        assert one.complaints == []


STREAMS = """async () => {
  const { StreamPanel } = await import("/js/streams.js");
  const { StreamStore } = await import("/js/store.js");
  const streams = new StreamStore(5, 10);
  const page = { streams, theme: visualiser.page.theme, streamsUntil: Infinity };
  const told = (timestamp, value) => {
    const points = { "": [[timestamp, value]] };
    return { name: "score", timestamp, text: `${value}`, count: value, points };
  };
  const panel = new StreamPanel(page);
  let now = 0;
  const shown = (until) => {
    page.streamsUntil = until;
    panel.draw((now += 1e9));
    return [panel.rows.get("score").text.textContent, panel.rows.get("score").box.dataset.count];
  };
  streams.add({ streams: [{ name: "score" }] });
  const seen = [shown(Infinity)];
  for (let k = 1; k < 9; k++) streams.add({ streams: [told(100 * k, k)] });
  seen.push(...[Infinity, 650, 600, 399].map(shown));
  panel.rows.get("score").box.remove();
  return seen;
}"""


def test_data_streams_are_those_of_the_time_that_is_shown(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected")
        assert one.page.evaluate(STREAMS) == [
            ["nothing yet", "0"],
            ["8", "8"],
            ["6", "6"],
            ["6", "6"],
            ["nothing of this time", "0"],
        ]
        until = "() => visualiser.page.streamsUntil"
        assert one.page.evaluate(f"{until.replace('=> ', '=> String(')})") == "Infinity"
        one.page.evaluate("() => { visualiser.page.clock.frozen = 1234; }")
        assert one.page.evaluate(until) == 1234
        assert one.complaints == []


def test_many_data_streams_are_scrolled_by_keys(browser: Any) -> None:
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        many = [neurons.create_data_stream(f"stream {k}") for k in range(40)]
        server = start_server(session.engine, port_from=0, streams=lambda: many)
        assert server is not None
        try:
            with tab(browser, server.url) as one:
                one.until("v.streams.length === 40 && document.querySelectorAll('.stream').length === 40")
                one.page.focus("#streams")
                one.page.keyboard.press("ArrowDown")
                one.until("document.getElementById('streams').scrollTop > 0")
                assert one.page.evaluate("() => visualiser.page.traceGain") is None
                assert one.page.inner_text("#stream-count") == "40"
                one.screenshot("many-streams")
                assert one.complaints == []
        finally:
            server.stop()


def test_what_was_clicked_does_not_keep_the_keys(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected")
        one.page.click("#raster-tools button:nth-child(2)")
        one.until("v.rasterSeconds === 5")
        one.page.keyboard.press("Space")
        one.until("v.paused")
        # Who walks with the keyboard presses the button.
        one.page.focus("#raster-tools button:nth-child(4)")
        one.page.keyboard.press("Space")
        one.until("v.rasterSeconds === 20 && v.paused")
        chosen = "() => document.activeElement.textContent"
        assert one.page.evaluate(chosen) == "20 s"
        # A tile of the map stays the one that arrows walk from.
        one.page.click("#map-keys button:nth-child(20)")
        one.page.keyboard.press("ArrowDown")
        one.until("v.selected === 20")
        assert one.complaints == []


def test_the_speed_that_was_clicked_does_not_keep_the_keys(browser: Any, recording: VisualiserServer) -> None:
    with tab(browser, recording.url) as one:
        one.until("v.connected")
        focused = "() => document.activeElement.id"
        one.page.focus("#speed")
        one.page.keyboard.press("Shift")
        one.page.select_option("#speed", "5")
        assert one.page.evaluate(focused) == "speed"
        one.page.dispatch_event("#speed", "pointerdown")
        one.page.select_option("#speed", "2")
        assert one.page.evaluate(focused) == ""
        one.until("v.status?.speed === 2")
        # Another connection plays at its own speed, and the page says so.
        one.page.evaluate("() => visualiser.page.link.socket.close()")
        one.until("v.connected && v.status?.speed === 1")
        assert one.page.input_value("#speed") == "1"


def test_the_last_of_many_places_counts(browser: Any, recording: VisualiserServer) -> None:
    with tab(browser, recording.url) as one:
        one.until("v.connected && v.status?.state === 'ended'")
        # As fast as the browser can, as from a key that is held: more than the program would put up with.
        one.page.evaluate(
            """() => {
              const { page } = visualiser;
              page.link.send({ type: "pause" });
              for (let k = 0; k <= 400; k++) page.goTo(k * 50);
            }"""
        )
        one.until("v.connected && v.position === 20_000 && v.status?.state === 'paused'")
        assert one.page.evaluate("() => visualiser.page.closing === undefined")
        # Keys go on from the place that was asked for last.
        one.page.evaluate("() => { visualiser.page.goTo(1000); visualiser.page.scroll(0.01); }")
        one.until("v.position === 3500")
        box = one.page.locator("#timeline").bounding_box()
        y = box["y"] + 10
        one.page.mouse.move(box["x"] + 100, y)
        one.page.mouse.down()
        for x in (200, 300, 400, 508):
            one.page.mouse.move(box["x"] + x, y)
        one.page.mouse.up()
        wanted = 25_000 * (508 - 8) / (box["width"] - 16)
        one.until(f"Math.abs(v.position - {wanted}) < 100")
        assert one.complaints == []
