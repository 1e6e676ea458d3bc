// The frame of a custom visualiser: it loads the application's script and feeds it data streams.

import { Connection } from "./connection.js";
import { Feed } from "./feed.js";
import { Reader } from "./msgpack.js";
import { DELAY_MS } from "./port.js";
import { ATTRIBUTES, ENTRIES } from "./protocol.js";

const div = document.getElementById("visualiser");
const note = document.getElementById("visualiser-note");
const state = { connected: false, entries: 0, dropped: 0, error: null };

function show(text) {
  note.textContent = text;
  note.hidden = !text;
}

/** Call one of the visualiser's functions, if it has it; what it throws is shown, once. */
function call(visualiser, name, ...values) {
  if (typeof visualiser[name] !== "function") return;
  try {
    visualiser[name](...values);
  } catch (error) {
    if (state.error === null) console.error(error);
    state.error = `${name}: ${error}`;
    show(`The visualiser's ${state.error}`);
  }
}

/** Run the script, classic or a module, as the server says; what it defines is in `clVisualiser` at its end. */
function load() {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    let reason = "it did not come to its end";
    const heard = (event) => (reason = event.message ?? reason);
    const ended = () => {
      removeEventListener("error", heard);
      if (globalThis.clVisualiser) done(globalThis.clVisualiser);
      else failed(new Error(`The visualiser's script cannot be loaded: ${reason}`));
    };
    addEventListener("error", heard);
    element.onload = element.onerror = ended;
    element.type = div.dataset.type;
    element.src = new URL(div.dataset.script, location.href).href;
    document.head.append(element);
  });
}

async function start() {
  const script = await load();
  if (typeof script.createVisualiser !== "function") throw new Error("The script defines no createVisualiser(uniqueId, div)");
  const names = [JSON.parse(div.dataset.streams) ?? script.dataStreams ?? []].flat();
  const visualiser = script.createVisualiser(div.id, div) ?? {};
  const feed = new Feed(names);
  connect(visualiser, feed);
  const draw = (ms) => {
    requestAnimationFrame(draw);
    const now = feed.frame(ms, (...entry) => call(visualiser, "process", ...entry));
    if (now !== null) call(visualiser, "draw", ms, now);
  };
  requestAnimationFrame(draw);
}

function connect(visualiser, feed) {
  let recorded = false;
  const entries = { names: feed.names, format: "msgpack" };
  const begin = () => {
    feed.reset();
    call(visualiser, "reset");
    // What a device has just told comes first, so that a page that is loaded anew is not empty until the next entry.
    if (feed.names.length) link.subscribe("entries", { ...entries, ...(recorded ? {} : { since: 0 }) });
  };
  const wants = () => [
    ...(feed.names.length ? [{ type: "subscribe", topic: "entries", ...entries, since: 0 }] : []),
    { type: "subscribe", topic: "status" },
  ];
  const link = new Connection({
    wants,
    hello: (message) => {
      recorded = message.mode === "recording";
      state.connected = true;
      show("");
      begin();
      link.subscribe("status");
    },
    message: (message) => {
      const now = performance.now();
      if (message.type === "error") show(message.text);
      if (message.type === "reset") begin();
      if (message.type !== "status") return;
      if (recorded) feed.setPace(message.state === "paused" ? 0 : message.speed, now);
      // Who wants no entries is not left waiting for the first.
      if (!feed.names.length && feed.tie === null) feed.begin(message.position, now);
    },
    binary: ({ sections }) => {
      for (const section of sections) take(visualiser, feed, section);
    },
    closed: () => {
      state.connected = false;
      show("The device is closed.");
    },
  });
}

function take(visualiser, feed, { kind, count, argument, bytes }) {
  if (kind === ATTRIBUTES) {
    const { name, reset, updated } = new Reader(bytes).next();
    if (reset) call(visualiser, "attributesReset", name, reset);
    else call(visualiser, "attributesUpdated", name, updated);
  }
  if (kind !== ENTRIES) return;
  const reader = new Reader(bytes);
  const missed = reader.next();
  const now = performance.now();
  for (let i = 0; i < count; i++) {
    const [name, timestamp, data] = reader.next();
    feed.add(name, timestamp, data, argument === 1, now, visualiser.bufferMs, DELAY_MS);
  }
  state.entries += count;
  state.dropped = missed + feed.dropped;
}

// The page around this one may make its frame as high as what is in it.
if (window.parent !== window) {
  const tell = () => window.parent.postMessage({ clVisualiserHeight: Math.ceil(div.offsetTop + div.scrollHeight) }, "*");
  new ResizeObserver(tell).observe(div);
}

window.visualiser = () => ({ ...state });
start().catch((error) => {
  state.error = String(error);
  show(error.message);
});
