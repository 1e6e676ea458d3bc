// How much it fires around the stims of the selected channel: the peri-stimulus time histogram.

import { closeAbove, Surface } from "./canvas.js";

const LEFT = 46;
const RIGHT = 10;
const BOTTOM = 18;
const TOP = 6;
const BEFORE_MS = 50;
const AFTER_MS = 200;
const BIN_MS = 5;
const MOST_STIMS = 200;
const EVERY_MS = 200;

/** Count spikes around the last stims of a channel before `end`: {stims, all, own}, in spikes a second by bin. */
export function around(spikes, stims, channel, end, fps) {
  const size = (BIN_MS * fps) / 1000;
  const before = (BEFORE_MS * fps) / 1000;
  const bins = (BEFORE_MS + AFTER_MS) / BIN_MS;
  const all = new Float64Array(bins);
  const own = new Float64Array(bins);
  const times = [];
  // Only those around which everything is known and has happened.
  for (let i = stims.index(end - bins * size + before) - 1; i >= stims.first && times.length < MOST_STIMS; i--) {
    if (stims.channel(i) === channel && stims.time(i) - before >= spikes.begin) times.push(stims.time(i));
  }
  for (const time of times) {
    const last = spikes.index(time - before + bins * size);
    for (let i = spikes.index(time - before); i < last; i++) {
      const bin = Math.floor((spikes.time(i) - time + before) / size);
      all[bin]++;
      if (spikes.channel(i) === channel) own[bin]++;
    }
  }
  const scale = 1000 / BIN_MS / Math.max(1, times.length);
  return { stims: times.length, all: all.map((count) => count * scale), own: own.map((count) => count * scale) };
}

export class PsthPanel {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("psth"));
    this.title = document.getElementById("psth-title");
    this.note = document.getElementById("psth-note");
    this.last = 0;
    this.drawn = "";
  }

  draw(now, end) {
    if (now - this.last < EVERY_MS && !this.surface.changed) return;
    this.last = now;
    this.surface.changed = false;
    const { spikes, stims, theme, selected, fps } = this.page;
    const found = around(spikes, stims, selected, end, fps);
    const { context, width, height, px } = this.surface;
    const key = `${selected}|${found.stims}|${found.all}|${found.own}|${theme.name}|${width}|${height}`;
    if (key === this.drawn) return;
    this.drawn = key;
    this.shown = found;
    this.title.textContent = `Around stims of channel ${selected}`;
    this.note.textContent = found.stims ? `spikes/s, ${found.stims} stim${found.stims > 1 ? "s" : ""}, ${BIN_MS} ms bins` : "";
    context.clearRect(0, 0, width, height);
    const plot = { x: LEFT * px, y: TOP * px, width: width - (LEFT + RIGHT) * px, height: height - (TOP + BOTTOM) * px };
    if (plot.height < 15 * px) return;
    context.fillStyle = theme.plot;
    context.fillRect(plot.x, plot.y, plot.width, plot.height);
    const top = closeAbove(Math.max(1, ...found.all));
    this.#axes(plot, top, found.stims > 0);
    if (found.stims) this.#bars(plot, top, found);
    else this.#nothing(plot, selected);
  }

  #axes(plot, top, known) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    this.surface.font(10);
    context.fillStyle = theme.muted;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText("0", plot.x - 4 * px, plot.y + plot.height);
    if (known) context.fillText(top < 1000 ? top : `${top / 1000}k`, plot.x - 4 * px, plot.y + 3 * px);
    context.textBaseline = "top";
    for (const ms of [-50, 0, 50, 100, 150, 200]) {
      const x = plot.x + ((ms + BEFORE_MS) / (BEFORE_MS + AFTER_MS)) * plot.width;
      context.fillStyle = theme.grid;
      context.fillRect(Math.round(x), plot.y, 1, plot.height);
      context.fillStyle = theme.muted;
      context.textAlign = ms < 0 ? "left" : ms === AFTER_MS ? "right" : "center";
      context.fillText(ms === AFTER_MS ? `${ms} ms` : ms < 0 ? `−${-ms}` : ms, x, plot.y + plot.height + 4 * px);
    }
  }

  #bars(plot, top, { all, own }) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    const wide = plot.width / all.length;
    context.fillStyle = theme.muted;
    all.forEach((rate, i) => {
      const high = (rate / top) * plot.height;
      context.fillRect(plot.x + i * wide, plot.y + plot.height - high, Math.max(1, wide - px), high);
    });
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5 * px;
    context.beginPath();
    own.forEach((rate, i) => {
      const y = plot.y + plot.height - (rate / top) * plot.height;
      context.lineTo(plot.x + i * wide, y);
      context.lineTo(plot.x + (i + 1) * wide, y);
    });
    context.stroke();
    context.fillStyle = theme.stim;
    context.fillRect(Math.round(plot.x + (BEFORE_MS / (BEFORE_MS + AFTER_MS)) * plot.width) - px, plot.y, 2 * px, plot.height);
  }

  #nothing(plot, channel) {
    const { context } = this.surface;
    context.fillStyle = this.page.theme.muted;
    this.surface.font(12);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(`no stims on channel ${channel} yet`, plot.x + plot.width / 2, plot.y + plot.height / 2);
  }
}
