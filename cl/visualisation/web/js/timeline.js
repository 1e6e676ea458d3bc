// The timeline: what can be looked back at, how much it fired, and which part is shown.

import { clockText } from "./axis.js";
import { Surface } from "./canvas.js";

const EVERY_MS = 100;
const PAD = 8;
const MOST_BINS = 300;

export class Timeline {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("timeline"));
    this.canvas = this.surface.canvas;
    this.last = 0;
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.#go(event);
    };
    this.canvas.onpointermove = (event) => {
      if (event.buttons & 1) this.#go(event);
      this.#annotation(event);
    };
  }

  // What a mark says, where it is pointed at.
  #annotation(event) {
    const [from, to] = this.page.range();
    const pad = PAD * this.surface.zoom;
    const x = (time) => pad + ((time - from) / Math.max(1, to - from)) * (this.canvas.clientWidth - 2 * pad);
    this.canvas.title = this.page.annotations.near(event.offsetX, x);
  }

  #go(event) {
    const [from, to] = this.page.range();
    const pad = PAD * this.surface.zoom;
    const part = (event.offsetX - pad) / (this.canvas.clientWidth - 2 * pad);
    this.page.goTo(from + Math.max(0, Math.min(1, part)) * (to - from));
  }

  draw(now, end) {
    if (now - this.last < EVERY_MS && !this.surface.changed) return;
    this.last = now;
    this.surface.changed = false;
    const { context, width, height, px } = this.surface;
    const { theme, fps, device } = this.page;
    const [from, to] = this.page.range();
    context.clearRect(0, 0, width, height);
    const pad = PAD * px;
    const scale = (width - 2 * pad) / Math.max(1, to - from);
    const x = (time) => pad + (time - from) * scale;
    this.#activity(from, to, x, height - 16 * px);
    const shown = Math.max(from, end - this.page.rasterSeconds * fps);
    context.fillStyle = theme.accent;
    context.globalAlpha = 0.16;
    context.fillRect(x(shown), 2 * px, Math.max(2 * px, x(end) - x(shown)), height - 18 * px);
    context.globalAlpha = 1;
    context.fillRect(Math.round(x(end) - px), 2 * px, 2 * px, height - 18 * px);
    for (const { timestamp } of this.page.annotations.list) {
      if (timestamp >= from && timestamp <= to) this.#mark(x(timestamp), height - 16 * px);
    }
    context.fillStyle = theme.muted;
    this.surface.font(10);
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.fillText(clockText((from - device.start) / fps), pad, height - 2 * px);
    context.textAlign = "right";
    context.fillText(clockText((to - device.start) / fps), width - pad, height - 2 * px);
    const text = clockText((end - device.start) / fps, 2);
    const half = context.measureText(text).width / 2;
    const centre = Math.max(pad + half + 60 * px, Math.min(width - pad - half - 60 * px, x(end)));
    context.textAlign = "center";
    context.fillStyle = theme.text;
    context.fillText(text, centre, height - 2 * px);
    this.#tell(from, to, end, text);
  }

  #mark(at, bottom) {
    const { context, px } = this.surface;
    context.fillStyle = this.page.theme.text;
    context.fillRect(Math.round(at - px / 2), 2 * px, px, bottom - 2 * px);
    context.beginPath();
    context.moveTo(at, 2 * px);
    context.lineTo(at + 7 * px, 5.5 * px);
    context.lineTo(at, 9 * px);
    context.fill();
  }

  #activity(from, to, x, height) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    const { size, begin, spikes, stims } = this.#bins(from, to);
    const most = Math.max(1, ...spikes);
    const wide = Math.max(px, x(begin + size) - x(begin) - px * 0.5);
    const left = x(from);
    const right = x(to);
    context.fillStyle = theme.muted;
    spikes.forEach((count, bin) => {
      const at = Math.max(left, x(begin + bin * size));
      const high = (count / most) * (height - 8 * px);
      context.fillRect(at, height - high, Math.min(wide, right - at), high);
    });
    context.fillStyle = theme.stim;
    stims.forEach((count, bin) => {
      if (count) context.fillRect(Math.max(left, x(begin + bin * size)), 2 * px, Math.max(wide, 2 * px), 2.5 * px);
    });
  }

  // A recording comes with its own summary; of a device the page counts what it has seen.
  #bins(from, to) {
    const { spikes, stims, device } = this.page;
    if (device.summary) return { size: device.summary.bin_frames, begin: device.start, ...device.summary };
    const own = spikes.binFrames;
    const size = own * Math.max(1, Math.ceil((to - from) / own / MOST_BINS));
    const begin = Math.floor(from / size) * size;
    const sum = (store, at) => {
      let count = 0;
      for (let bin = at / own; bin < (at + size) / own; bin++) count += store.countOf(bin);
      return count;
    };
    const starts = Array.from({ length: Math.ceil((to - begin) / size) }, (_, k) => begin + k * size);
    return { size, begin, spikes: starts.map((at) => sum(spikes, at)), stims: starts.map((at) => sum(stims, at)) };
  }

  #tell(from, to, end, text) {
    const { fps, device } = this.page;
    this.canvas.ariaValueMin = ((from - device.start) / fps).toFixed(1);
    this.canvas.ariaValueMax = ((to - device.start) / fps).toFixed(1);
    this.canvas.ariaValueNow = ((end - device.start) / fps).toFixed(1);
    this.canvas.ariaValueText = text;
  }
}
