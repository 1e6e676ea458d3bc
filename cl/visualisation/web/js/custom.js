// The frame of a custom visualiser: it loads the application's script and feeds it data streams.

import { Connection } from "./connection.js";

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
    const heard = (event) => (reason = event.message ?? event.reason);
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
  const names = JSON.parse(div.dataset.streams) ?? script.dataStreams ?? [];
  const visualiser = script.createVisualiser(div.id, div) ?? {};
  connect(visualiser, Array.isArray(names) ? names : [names]);
  const draw = () => {
    call(visualiser, "draw");
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
}

function connect(visualiser, names) {
  const link = new Connection({
    hello: () => {
      state.connected = true;
      show("");
      call(visualiser, "reset");
      link.subscribe("status");
      if (names.length) link.subscribe("entries", { names, since: 0 });
    },
    message: (message) => take(visualiser, message),
    binary: () => {},
    closed: () => {
      state.connected = false;
      show("The device is closed.");
    },
  });
}

function take(visualiser, message) {
  if (message.type === "error") show(message.text);
  if (message.type === "entries") {
    state.dropped = message.dropped;
    for (const [name, timestamp, data] of message.entries) {
      state.entries++;
      call(visualiser, "process", name, timestamp, data);
    }
  }
  if (message.type === "attributes") {
    if (message.reset) call(visualiser, "attributesReset", message.name, message.reset);
    else call(visualiser, "attributesUpdated", message.name, message.updated);
  }
}

window.visualiser = () => ({ ...state });
start().catch((error) => {
  state.error = String(error);
  show(error.message);
});
