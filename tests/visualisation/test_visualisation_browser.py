"""The page in a real browser: what is drawn is what happens on the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
from browser_tools import Tab, chromium, elsewhere, near, tab
from visualisation_tools import device, page

import cl
import cl._current
from cl.visualisation import create_visualiser, start_server
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.server import VisualiserServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99.98")
    monkeypatch.setenv("CL_SDK_SPIKE_VISIBILITY", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


def pause_at(one: Tab, time: int) -> None:
    """Let the page stand still with its view ending at a time, and wait until that is drawn."""
    one.page.evaluate(
        """(time) => new Promise((done) => {
          visualiser.page.clock.frozen = time;
          // In every frame the page draws first; no panel leaves out more than a tenth of a second.
          const drawn = performance.now() + 100;
          const look = (now) => (now < drawn ? requestAnimationFrame(look) : done());
          requestAnimationFrame(look);
        })""",
        time,
    )


def test_everything_moves_with_activity(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected && v.spikes.length > 150 && v.waveforms > 1")
        first = {canvas: one.colours(canvas) for canvas in ("raster", "traces", "map-canvas", "timeline")}
        count = len(one.state()["spikes"])
        one.until(f"v.spikes.length > {count + 100}")
        for canvas, before in first.items():
            while (after := one.colours(canvas)) == before:  # it is drawn a moment after it has come
                one.page.wait_for_timeout(50)
            assert len(after) > 3, canvas
        one.until_drawn("#raster", one.theme("spike"), 200)
        one.until_drawn("#traces", one.theme("trace-1"), 1000)
        assert sum(near(colour, one.theme("accent"), 90) for colour in one.colours("waveforms")) > 5
        assert sum(one.state()["rates"]) > 20
        text = one.page.inner_text("header")
        assert "Live" in text and "simulator (random, seed 7)" in text and "no loop" in text
        one.until("(v.dropped > 0) !== document.getElementById('fact-missed').hidden")
        one.screenshot("live-dark")
        assert one.complaints == []


def test_the_raster_holds_the_spikes_that_the_program_saw(browser: Any, tmp_path: Path) -> None:
    with (
        device() as (neurons, server),
        # What has been can be read for 5 s only.
        nullcontext(neurons.record(file_location=str(tmp_path), from_timestamp=0)) as recording,
        tab(browser, server.url) as one,
    ):
        one.until("v.connected && v.until > 50_000")
        one.page.keyboard.press("Space")
        one.until("v.paused")
        pause_at(one, int(one.state()["end"]))
        state = one.state()
        begin, until = state["begin"], state["until"]
        recording.stop()
        with recording.open() as view:
            times, channels = view.spikes.times_and_channels()
        spikes = [cl.Spike(int(at), int(channel)) for at, channel in zip(times, channels, strict=True)]
        seen = [spike for spike in spikes if begin <= spike.timestamp < until]
        assert recording.start_timestamp == 0 == state["gaps"]
        told = [spike for spike in state["spikes"] if spike[0] >= begin]
        assert told == [[spike.timestamp, spike.channel] for spike in seen]
        end = int(state["end"])
        # Each of them is there as a mark in its row.
        shown = [s for s in seen if end - 45_000 < s.timestamp < end][::3]
        assert len(shown) > 50
        places = one.page.evaluate(
            "(list) => list.map(([time, channel]) => visualiser.place(time, channel))",
            [[s.timestamp, s.channel] for s in shown],
        )
        # Several of a channel in one place have the colour of their number.
        marks = {one.theme(name) for name in ("spike", "accent", "dense-0", "dense-1", "dense-2")}
        missing = [
            s for s, (x, y) in zip(shown, places, strict=True) if one.pixel("raster", x, y) not in marks
        ]
        assert missing == []
        assert one.complaints == []


def test_the_map_and_the_raster_show_a_stimulated_channel(browser: Any) -> None:
    with device() as (neurons, server), tab(browser, server.url) as one:
        one.until("v.connected && v.until > 15_000")
        for _ in neurons.loop(100, stop_after_ticks=5):
            pass
        neurons.stim(cl.ChannelSet(20, 45), 1.0)
        one.until("v.stims.length === 2 && v.until > v.stims[1][0] + 5000")
        state = one.state()
        assert [channel for _, channel in state["stims"]] == [20, 45]
        time = state["stims"][0][0]
        pause_at(one, time + 2500)
        stim = one.theme("stim")
        width = one.page.evaluate("() => document.getElementById('map-canvas').width")
        edges = {
            channel: one.pixel("map-canvas", (channel // 8) * width / 8 + 3, (channel % 8 + 0.5) * width / 8)
            for channel in (20, 45, 21, 9)
        }
        assert near(edges[20], stim) and near(edges[45], stim)
        assert not near(edges[21], stim) and not near(edges[9], stim)
        for channel in (20, 45):
            x, y = one.page.evaluate("([t, c]) => visualiser.place(t, c)", [time, channel])
            # It is three pixels wide; a spike right after it may lie over its edge.
            assert any(near(one.pixel("raster", x - k, y), stim) for k in range(3))
        one.screenshot("stims-paused")
        assert one.complaints == []


def test_data_streams_appear_and_are_never_html(browser: Any) -> None:
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        score = neurons.create_data_stream("score")
        hostile = neurons.create_data_stream("notes")
        server = start_server(session.engine, port_from=0, streams=lambda: [score, hostile])
        assert server is not None
        try:
            with tab(browser, server.url) as one:
                one.until("v.connected")
                markup = (
                    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
                )
                for k in range(40):
                    score.append(k + 1, k * 2.5)
                hostile.append(1, markup)
                hostile.append(2, {"<b>key</b>": 7.25, "text": markup})
                one.until("v.streams.length === 2")
                one.page.wait_for_function(
                    "() => document.querySelector('.streams').innerText.includes('97.5')", polling=50
                )
                text = one.page.inner_text(".streams")
                assert "score" in text and "<b>key</b>: 7.25" in text
                assert (
                    one.page.evaluate("() => document.querySelectorAll('#streams img, #streams b').length")
                    == 0
                )
                assert one.page.title() == "Data visualiser"
                one.until_drawn(".stream canvas", None, 30)
                one.screenshot("streams")
                assert one.complaints == []
        finally:
            server.stop()


def test_the_keyboard_is_enough(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        press = one.page.keyboard.press
        one.until("v.connected && v.until > 35_000")
        press("Space")
        one.until("v.paused")
        end = one.state()["end"]
        press("ArrowLeft")
        one.until(f"v.end < {end} - 10_000")
        press("ArrowRight")
        press("End")
        one.until("!v.paused")
        before = one.state()
        press("]")
        one.until(f"v.selected === {before['selected'] + 1}")
        press("m")
        press("ArrowRight")
        one.until(f"v.selected === {before['selected'] + 9}")
        assert "Channel 36" in one.page.evaluate("() => document.activeElement.ariaLabel")
        press("t")
        one.until("!v.chosen.includes(36)")
        press("t")
        one.until("v.chosen.at(-1) === 36")
        press("-")
        one.until("v.rasterSeconds === 20")
        press(",")
        one.until("v.traceSeconds === 1")
        theme = one.state()["theme"]
        press("d")
        one.until(f"v.theme !== '{theme}'")
        press("?")
        one.page.wait_for_selector("dialog[open]")
        assert "pictures a second" in one.page.inner_text("dialog")
        press("Escape")
        one.page.wait_for_selector("dialog", state="hidden")
        assert one.complaints == []


def test_traces_of_every_length_are_drawn(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected && v.until > 35_000")
        colour = one.theme("trace-0")
        for length in (0.05, 0.2, 0.5, 5, 10):
            one.page.evaluate("(s) => visualiser.page.setTrace(s)", length)
            data = "visualiser.page.traceData.until"
            one.until(f"v.traceSeconds === {length} && {data} > v.position - 5000")
            one.until_drawn("#traces", colour, 250)
        # Nothing is asked for again where nothing changes.
        serial = "() => visualiser.page.traceData.serial"
        before = one.page.evaluate(serial)
        one.page.keyboard.press(".")
        assert one.page.evaluate(serial) == before
        note = "document.getElementById('trace-note').textContent"
        one.until(f"{note} === `±${{v.traceGain}} µV`")
        one.page.keyboard.press("ArrowUp")
        one.until(f"{note} === `±${{v.traceGain}} µV, fixed`")
        assert one.complaints == []


def test_closing_is_told_and_the_page_comes_back(browser: Any) -> None:
    with device() as (_, server), tab(browser, server.url) as one:
        one.until("v.connected && v.spikes.length > 20")
        session = one.state()["session"]
        port = server.port
        server.stop()
        one.until("!v.connected")
        one.page.wait_for_selector("#banner", state="visible")
        assert "The device is closed" in one.page.inner_text("#banner")
        one.page.wait_for_function("() => document.querySelector('header').innerText.includes('No device')")
        assert one.colours("raster")[one.theme("spike")] > 20  # what was seen last stays
        one.screenshot("closed")
        with cl.open():  # within the other's block: the device is the same, the server another
            opened = cl._current.devices.environments()
            assert opened is not None
            again = start_server(opened.engine, port_from=port)
            assert again is not None and again.port == port
            try:
                one.until(f"v.connected && v.session !== '{session}' && v.spikes.length > 20 && !v.paused")
                one.page.wait_for_selector("#banner", state="hidden")
            finally:
                again.stop()
        # That a connection is refused is the browser's own complaint.
        assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in one.complaints)


def test_a_page_that_is_one_too_many_says_so(browser: Any) -> None:
    with device() as (_, server), ExitStack() as stack:
        others = [stack.enter_context(page(server)) for _ in range(16)]
        with tab(browser, server.url) as one:
            one.page.wait_for_selector("#banner", state="visible")
            assert "too many pages are open" in one.page.inner_text("#banner")
            others[0].connection.close()
            one.until("v.connected")
            one.page.wait_for_selector("#banner", state="hidden")


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 1280, 720), ("light", 1920, 1080), ("dark", 2560, 1080), ("dark", 1080, 1920)],
)
def test_it_fits_light_and_wide(browser: Any, scheme: str, width: int, height: int) -> None:
    with device() as (_, server), tab(browser, server.url, scheme, width, height) as one:
        one.until("v.connected && v.spikes.length > 100")
        sizes = one.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert sizes == [width, height]
        boxes = one.page.evaluate(
            """() => ['map', 'waveforms', 'raster', 'traces', 'timeline'].map((id) => {
              const box = document.getElementById(id).getBoundingClientRect();
              return [box.left, box.top, box.right, box.bottom, box.width, box.height]; })"""
        )
        for left, top, right, bottom, wide, high in boxes:
            assert left >= 0 and top >= 0 and right <= width and bottom <= height
            assert wide > 200 and high > 40 and high < 2 * wide
        assert one.state()["theme"] == scheme
        one.screenshot(f"live-{scheme}-{width}")
        assert one.complaints == []


def test_a_recording_is_played_paused_and_sought(browser: Any, shared_data: Path) -> None:
    recorded = Recorded(shared_data / "reference_recording.h5")
    server = VisualiserServer(lambda: Player(recorded), port_from=0)
    try:
        with tab(browser, server.url) as one:
            one.until("v.connected && v.status?.state === 'ended' && v.spikes.length === 240")
            assert len(one.state()["stims"]) == 45
            assert "reference_recording.h5" in one.page.inner_text("header")
            one.screenshot("recording")
            box = one.page.locator("#timeline").bounding_box()
            one.page.keyboard.press("Space")  # from the start again
            one.until("v.status?.state === 'playing' || v.status?.state === 'ended'")
            one.page.evaluate("() => visualiser.page.link.send({ type: 'pause' })")
            one.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            middle = recorded.start + 12_500
            one.until(f"Math.abs(v.position - {middle}) < 400 && v.status?.state === 'paused'")
            wanted = [int(t) for t in recorded.events[1][0]]
            position = one.state()["position"]
            one.until(f"v.spikes.length === {sum(t < position for t in wanted)}")
            one.until_drawn("#raster", one.theme("spike"), 200)
            one.until_drawn("#traces", one.theme("trace-0"), 100)
            one.page.select_option("#speed", "0.25")
            one.until("v.status?.speed === 0.25")
            assert one.complaints == []
    finally:
        server.stop()
        recorded.close()


SCRIPT = """
const dataStreams = ["game"];
function createVisualiser(uniqueId, div) {
  const list = div.querySelector("ol");
  const say = (text) => list.append(Object.assign(document.createElement("li"), { textContent: text }));
  let drawn = false;
  return {
    reset() { list.replaceChildren(); say(`reset ${typeof uniqueId === "string" && uniqueId.length > 5}`); },
    process(name, timestamp, data) { say(`${name} ${timestamp} ${JSON.stringify(data)}`); },
    draw() { if (!drawn && list.children.length > 2) { drawn = true; say("draw"); } },
    attributesReset(name, attributes) { say(`reset ${name} ${JSON.stringify(attributes)}`); },
    attributesUpdated(name, changed) { say(`updated ${name} ${JSON.stringify(changed)}`); },
  };
}
"""


def test_a_custom_visualiser_is_fed_within_another_page(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "game.js").write_text(SCRIPT)
    (tmp_path / "game.html").write_text("<h1>Game</h1><ol></ol>")
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        game = neurons.create_data_stream("game", {"level": 1})
        other = neurons.create_data_stream("other")
        server = start_server(session.engine, port_from=0, streams=lambda: [game, other])
        monkeypatch.setattr(session, "visualiser", server, raising=False)
        assert server is not None
        try:
            text = create_visualiser(tmp_path / "game.js", tmp_path / "game.html", height=300)
            notebook = tmp_path / "notebook.html"
            notebook.write_text(
                f"<!doctype html><link rel='icon' href='data:,'><title>notebook</title><p>a cell</p>{text}"
            )
            game.append(5, {"score": 1})
            with elsewhere(tmp_path) as url, tab(browser, f"{url}/notebook.html") as one:
                frame = one.page.frame_locator("iframe")
                frame.locator("li", has_text='game 5 {"score":1}').wait_for()
                other.append(6, "not for it")
                game.append(7, [1, None, "<b>"])
                game.set_attribute("level", 2)
                frame.locator("li", has_text='updated game {"level":2}').wait_for()
                frame.locator("li", has_text='game 7 [1,null,"<b>"]').wait_for()
                frame.get_by_text("draw", exact=True).wait_for()
                lines = frame.locator("li").all_inner_texts()
                assert "reset true" in lines and 'reset game {"level":1}' in lines and "draw" in lines
                assert not any("other" in line for line in lines)
                assert frame.locator("h1").inner_text() == "Game"
                one.screenshot("custom")
                assert one.complaints == []
        finally:
            server.stop()


def test_a_visualiser_shown_before_the_device_is_open_comes_to_life(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    (tmp_path / "game.js").write_text(SCRIPT)
    (tmp_path / "game.html").write_text("<h1>Game</h1><ol></ol>")
    text = create_visualiser(tmp_path / "game.js", tmp_path / "game.html", ["game"])
    server = cl._current.devices.page
    assert server is not None
    try:
        with tab(browser, text.split('src="')[1].split('"')[0]) as one:
            one.page.locator("h1", has_text="Game").wait_for()
            for score in (1, 2):
                with cl.open() as neurons, neurons.create_data_stream("game") as game:
                    game.append(neurons.timestamp() + score, {"score": score})
                    one.page.locator("li", has_text=f'{{"score":{score}}}').wait_for()
                one.page.wait_for_selector("#visualiser-note", state="visible")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("const dataStreams = [];", "defines no createVisualiser"),
        ("this is not JavaScript", "cannot be loaded"),
        (
            "export function createVisualiser() { return { draw() { oops(); } }; }",
            "draw: ReferenceError",
        ),
    ],
)
def test_what_is_wrong_with_a_custom_visualiser_is_told(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, text: str
) -> None:
    (tmp_path / "bad.js").write_text(script)
    with device() as (_, server):
        monkeypatch.setattr(cl._current.devices.environments(), "visualiser", server, raising=False)
        html = create_visualiser(tmp_path / "bad.js")
        url = html.split('src="')[1].split('"')[0]
        with tab(browser, url) as one:
            one.page.wait_for_selector("#visualiser-note", state="visible")
            one.page.wait_for_function(
                "(text) => document.getElementById('visualiser-note').textContent.includes(text)",
                arg=text,
                polling=50,
            )


def test_a_page_of_another_site_cannot_read_the_device(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "evil.html").write_text("<!doctype html><title>evil</title>")
    with device() as (_, server), elsewhere(tmp_path) as url, tab(browser, f"{url}/evil.html") as one:
        for host in ("127.0.0.1", "localhost"):
            found = one.page.evaluate(
                """async ([host, port]) => {
                  const url = `${host}:${port}`;
                  const outcome = (promise) => promise.then(() => "read", () => "refused");
                  const connect = () => new Promise((done, failed) => {
                    const socket = new WebSocket(`ws://${url}/ws`);
                    socket.onmessage = done;
                    socket.onclose = failed;
                  });
                  return {
                    fetch: await outcome(fetch(`http://${url}/`)),
                    opaque: await outcome(fetch(`http://${url}/js/main.js`, { mode: "no-cors" })),
                    script: await outcome(import(`http://${url}/js/protocol.js`)),
                    socket: await outcome(connect()),
                  };
                }""",
                [host, server.port],
            )
            assert found == {
                "fetch": "refused",
                "opaque": "refused",
                "script": "refused",
                "socket": "refused",
            }
