// The keyboard: everything can be done with it.

const TABLE = [
  ["Space", "Pause and go on"],
  ["← →", "Back and forward in time; with Shift by a whole window"],
  ["Home  End", "The oldest there is; now"],
  ["[  ]", "Previous and next channel"],
  ["M", "To the electrode map: arrow keys walk over it"],
  ["V  R", "The map in three dimensions; turn it (drag)"],
  ["T", "Show or hide the selected channel’s trace (double-click)"],
  ["+  −", "Raster: shorter, longer"],
  [",  .", "Traces: shorter, longer"],
  ["↑  ↓  0", "Traces: taller, lower, as it fits"],
  ["N", "A remark, into every recording that runs"],
  ["D", "Light or dark"],
  ["?", "This list"],
];

/** Keys by which a list of many data streams is scrolled, while it has the focus. */
const SCROLLING = new Set(["ArrowUp", "ArrowDown", "Home", "End"]);

// What the mouse has chosen does not keep the keys: space is to pause, and arrows are to scroll, whatever was clicked before.
function letGo() {
  let pointed = false;
  document.addEventListener("pointerdown", () => (pointed = true), true);
  document.addEventListener("keydown", () => (pointed = false), true);
  const leave = (event) => {
    if (pointed && event.target.matches("button, select") && !event.target.closest("#map-keys, dialog")) event.target.blur();
  };
  document.addEventListener("click", (event) => { if (event.target instanceof HTMLButtonElement) leave(event); });
  document.addEventListener("change", leave);
}

export function listenToKeys(page, { map, traces, theme, showKeys }) {
  const actions = {
    " ": () => page.pause(),
    ArrowLeft: (event) => page.scroll(event.shiftKey ? -1 : -0.1),
    ArrowRight: (event) => page.scroll(event.shiftKey ? 1 : 0.1),
    ArrowUp: () => page.setGain(-1, traces.gain),
    ArrowDown: () => page.setGain(1, traces.gain),
    Home: () => page.toEdge(false),
    End: () => page.toEdge(true),
    "[": () => page.step(-1),
    "]": () => page.step(1),
    "+": () => page.zoomRaster(-1),
    "=": () => page.zoomRaster(-1),
    "-": () => page.zoomRaster(1),
    ",": () => page.zoomTrace(-1),
    ".": () => page.zoomTrace(1),
    0: () => page.setGain(null),
    d: () => theme.toggle(),
    n: () => page.annotations.ask(),
    m: () => map.keys[page.selected].focus(),
    t: () => page.toggleTrace(page.selected),
    v: () => document.getElementById("relief").click(),
    r: () => map.relief.turn(),
    "?": showKeys,
  };
  letGo();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target instanceof HTMLSelectElement) return;
    if (target.id === "streams" && SCROLLING.has(event.key)) return;
    // A focused button keeps its own key; those of the map are chosen by walking, so space is free there.
    if (event.key === " " && target instanceof HTMLButtonElement && !target.closest("#map-keys")) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}

export function fillTable(table) {
  for (const [keys, meaning] of TABLE) {
    const row = table.insertRow();
    const cell = row.insertCell();
    keys.split(/ +/).forEach((key, i) => {
      if (i) cell.append(" ");
      cell.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    });
    row.insertCell().textContent = meaning;
  }
}
