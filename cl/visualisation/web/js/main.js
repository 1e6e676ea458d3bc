// Puts the page together, and draws it as often as the screen shows it.

import { Header } from "./header.js";
import { fillTable, listenToKeys } from "./keys.js";
import { ElectrodeMap } from "./map.js";
import { Page, RASTER_SECONDS, SPEEDS, TRACE_SECONDS } from "./page.js";
import { PsthPanel } from "./psth.js";
import { Raster } from "./raster.js";
import { listenToSaving } from "./save.js";
import { StreamPanel } from "./streams.js";
import { Theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Tip } from "./tip.js";
import { Traces } from "./traces.js";
import { WaveformPanel } from "./waveforms.js";

const byId = (id) => document.getElementById(id);
const say = (text) => (byId("spoken").textContent = text);

const theme = new Theme(() => {});
const page = new Page(say, () => refresh?.());
page.theme = theme;

const asked = new URLSearchParams(document.documentElement.dataset.query ?? location.search);
page.focus(asked.get("focus_on_channels"));

const map = new ElectrodeMap(page);
const raster = new Raster(page);
const traces = new Traces(page);
const psth = new PsthPanel(page);
const panels = [raster, traces, map, new WaveformPanel(page), psth, new StreamPanel(page), new Timeline(page), new Header(page)];

// -- buttons ---------------------------------------------------------------------------------

function choices(box, values, text, chosen, choose) {
  return values.map((value) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text(value);
    button.onclick = () => choose(value);
    box.append(button);
    return () => (button.ariaPressed = String(chosen() === value));
  });
}

const seconds = (value) => (value < 1 ? `${value * 1000} ms` : `${value} s`);
const marks = [
  ...choices(byId("raster-tools"), RASTER_SECONDS, seconds, () => page.rasterSeconds, (value) => page.setRaster(value)),
  ...choices(byId("trace-tools"), TRACE_SECONDS, seconds, () => page.traceSeconds, (value) => page.setTrace(value)),
];
const keys = byId("keys");
const showKeys = () => {
  byId("diagnostics").textContent = diagnosis();
  keys.showModal();
};
fillTable(byId("keys-table"));
byId("pause").onclick = () => page.pause();
byId("theme").onclick = () => theme.toggle();
byId("relief").onclick = () => {
  map.relief.show(!map.relief.on);
  refresh();
};
map.relief.show(asked.get("mode") === "3d");
byId("help").onclick = showKeys;
byId("back").onclick = () => page.scroll(-0.1);
byId("forward").onclick = () => page.scroll(0.1);
byId("live").onclick = () => page.toEdge(!page.recorded);
for (const value of SPEEDS) byId("speed").add(new Option(`${value}×`, value));
byId("speed").onchange = (event) => page.setSpeed(Number(event.target.value));
new Tip(page, raster);
listenToSaving(page);
listenToKeys(page, { map, traces, theme, showKeys });

let refresh = () => {
  for (const mark of marks) mark();
  map.marked(page.selected);
  byId("relief").ariaPressed = String(map.relief.on);
  const banner = byId("banner");
  banner.hidden = page.failure === null && (page.connected || page.closing === undefined);
  banner.textContent = [failureText(page.failure), page.connected ? "" : closingText(page.closing)].join(" ").trim();
  byId("speed-box").hidden = !page.recorded;
  byId("speed").value = page.speed;
  byId("live").textContent = page.recorded ? "Start" : "Live";
  byId("live").title = page.recorded ? "To the start (Home)" : "Back to now (End)";
  document.title = page.recorded ? `${page.device.device} – recording` : "Data visualiser";
};

const failureText = (failure) => (failure === null ? "" : `The device has failed: ${failure}.`);

function closingText(closing) {
  if (page.session === null) return "The program does not answer: it has closed the device, or too many pages are open. This page goes on trying.";
  if (closing?.code === 4008) return "This page was too slow for the device and was let go. It connects again by itself.";
  return "The device is closed. This page shows what it last saw, and connects again when the program starts.";
}

// -- drawing ---------------------------------------------------------------------------------

const meter = { frames: 0, since: performance.now(), fps: 0, bytes: 0, messages: 0, cost: 0, spent: 0 };

function draw(now) {
  requestAnimationFrame(draw);
  const begun = performance.now();
  const end = page.clock.end(begun);
  for (const panel of panels) panel.draw(now, end);
  meter.frames++;
  meter.spent += performance.now() - begun;
  if (now - meter.since > 1000) measure(now);
}

function measure(now) {
  const passed = (now - meter.since) / 1000;
  const { bytes, messages } = page.link;
  Object.assign(meter, {
    fps: meter.frames / passed, rate: (bytes - meter.bytes) / passed, pace: (messages - meter.messages) / passed,
    cost: meter.spent / meter.frames, frames: 0, spent: 0, since: now, bytes, messages,
  });
  if (keys.open) byId("diagnostics").textContent = diagnosis();
}

function diagnosis() {
  return `${meter.fps.toFixed(0)} pictures a second (${meter.cost.toFixed(1)} ms each), ${((meter.rate ?? 0) / 1000).toFixed(0)} KB/s in ${(meter.pace ?? 0).toFixed(0)} messages a second, ${page.dropped} frames missed`;
}

/** What the page knows, for tests and the curious: `visualiser()` in the browser's console. */
window.visualiser = () => {
  const now = performance.now();
  const list = (store) => Array.from({ length: store.end - store.first }, (_, i) => [store.time(store.first + i), store.channel(store.first + i)]);
  return {
    connected: page.connected, session: page.session, device: page.device, position: page.clock.position,
    end: page.clock.end(now), paused: page.isPaused, selected: page.selected, chosen: page.chosen,
    theme: theme.name, mode: map.relief.on ? "3d" : "2d", rates: Array.from(map.rates), spikes: list(page.spikes), stims: list(page.stims),
    begin: page.spikes.begin, until: page.spikes.until, gaps: page.spikes.gaps + page.stims.gaps,
    waveforms: page.waveforms.last(50, page.clock.end(now)).length, streams: Array.from(page.streams.streams.keys()), dropped: page.dropped,
    fps: meter.fps, cost: meter.cost, bytesPerSecond: meter.rate, traceGain: traces.gain, psth: psth.shown, limits: page.limits, rateTop: raster.rateTop, rasterSeconds: page.rasterSeconds,
    traceSeconds: page.traceSeconds, status: page.status, error: page.lastError, range: page.range(),
  };
};

window.visualiser.page = page;
window.visualiser.place = (time, channel) => raster.place(time, channel, page.clock.end(performance.now()));

refresh();
requestAnimationFrame(draw);
