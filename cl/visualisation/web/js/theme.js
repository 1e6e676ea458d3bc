// Colours. They are defined in style.css; canvases read them from there.

const NAMES = ["page", "panel", "plot", "line", "grid", "text", "muted", "accent", "spike", "stim", "good", "bad", "warn", "dead", "limit"];
const RAMP = 5;
const TRACES = 8;
const DENSE = 3;
const STEPS = 256;

export class Theme {
  constructor(changed) {
    this.changed = changed;
    this.media = matchMedia("(prefers-color-scheme: light)");
    this.media.addEventListener("change", () => this.#apply());
    this.chosen = remembered("theme");
    this.#apply();
  }

  get name() { return this.chosen ?? (this.media.matches ? "light" : "dark"); }

  toggle() {
    this.chosen = this.name === "dark" ? "light" : "dark";
    remember("theme", this.chosen);
    this.#apply();
  }

  #apply() {
    document.documentElement.dataset.theme = this.name;
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of NAMES) this[name] = read(name);
    this.traces = Array.from({ length: TRACES }, (_, i) => read(`trace-${i}`));
    this.dense = Array.from({ length: DENSE }, (_, i) => read(`dense-${i}`));
    this.#ramp(Array.from({ length: RAMP }, (_, i) => rgb(read(`ramp-${i}`))));
    this.changed();
  }

  #ramp(stops) {
    this.ramp = [];
    this.onRamp = [];
    for (let i = 0; i < STEPS; i++) {
      const at = (i / (STEPS - 1)) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      const colour = stops[low].map((part, k) => Math.round(part + (stops[low + 1][k] - part) * (at - low)));
      this.ramp.push(`rgb(${colour.join(",")})`);
      // Text stays readable on every step: relative luminance decides.
      const light = 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]) > 0.18;
      this.onRamp.push(light ? "#0b1016" : "#f2f7fb");
    }
  }

  /** The colours of a value from 0 to 1, of the field and of what is written on it. */
  level(value) {
    const step = Math.max(0, Math.min(STEPS - 1, Math.round(value * (STEPS - 1))));
    return [this.ramp[step], this.onRamp[step]];
  }
}

const linear = (part) => ((part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Keep a choice over visits, where the browser lets us. */
export function remember(name, value) {
  try { localStorage.setItem(`cl-${name}`, JSON.stringify(value)); } catch { /* a private window */ }
}

export function remembered(name) {
  try { return JSON.parse(localStorage.getItem(`cl-${name}`)); } catch { return null; }
}
