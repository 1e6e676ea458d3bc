// The raster: a row for every channel, time running to the right; above it how much the whole array fires.

import { closeAbove, Strip, Surface } from "./canvas.js";
import { CHANNELS, SIDE } from "./layout.js";
import { drawTimeAxis } from "./axis.js";

const LEFT = 40;
const RIGHT = 8;
const RATE = 34;
const AXIS = 18;
const REACH = 4; // how near, in pixels and in rows, a pointer is to what it points at
const REACH_ROWS = 1.2;
const CALM = 40; // pictures for which the axis of the rate stays, though all is lower

export class Raster {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("raster"));
    this.strip = new Strip();
    this.rateTop = 20;
    this.cells = new Float64Array(CHANNELS).fill(-1);
    this.counts = new Uint32Array(CHANNELS);
    this.canvas = this.surface.canvas;
    this.canvas.onclick = (event) => this.#pick(event);
  }

  #pick(event) {
    const { zoom } = this.surface;
    const row = Math.floor(((event.offsetY - RATE * zoom) / (this.canvas.clientHeight - (RATE + AXIS) * zoom)) * CHANNELS);
    if (row >= 0 && row < CHANNELS) this.page.select(row);
  }

  #plot() {
    const { width, height, px } = this.surface;
    const left = Math.round(LEFT * px);
    const top = Math.round(RATE * px);
    return {
      left, top, frames: this.page.rasterSeconds * this.page.fps,
      plotWidth: Math.max(10, width - left - Math.round(RIGHT * px)),
      plotHeight: Math.max(CHANNELS, height - top - Math.round(AXIS * px)),
    };
  }

  /** Where on the canvas, in device pixels, an event is drawn while the view ends at `end`. */
  place(time, channel, end) {
    const { left, top, plotWidth, plotHeight, frames } = this.#plot();
    const scale = plotWidth / frames;
    const column = Math.floor(time * scale) - Math.floor(end * scale) + plotWidth - 1;
    return [left + column, Math.floor(top + ((channel + 0.5) * plotHeight) / CHANNELS)];
  }

  /** The spike or stim that is nearest to a place on the canvas, in CSS pixels: {kind, time, channel, current}. */
  near(x, y, end) {
    const { left, top, plotWidth, plotHeight, frames } = this.#plot();
    const { spikes, stims } = this.page;
    const ratio = this.surface.px / this.surface.zoom;
    const scale = plotWidth / frames;
    const channel = ((y * ratio - top) / plotHeight) * CHANNELS;
    const time = end - (left + plotWidth - x * ratio) / scale;
    const reach = (REACH * this.surface.px) / scale;
    let best = null;
    for (const [kind, store] of [["spike", spikes], ["stim", stims]]) {
      const last = store.index(Math.min(end, time + reach));
      for (let i = store.index(time - reach); i < last; i++) {
        const rows = Math.abs(store.channel(i) + 0.5 - channel);
        if (rows > REACH_ROWS) continue;
        const distance = Math.abs(store.time(i) - time) / reach + rows / REACH_ROWS - (kind === "stim" ? 0.5 : 0);
        if (best === null || distance < best.distance) best = { kind, distance, time: store.time(i), channel: store.channel(i), current: store.value(i) };
      }
    }
    return best;
  }

  draw(now, end) {
    const { context, width, height } = this.surface;
    const { theme, selected } = this.page;
    const { left, top, plotWidth, plotHeight, frames } = this.#plot();
    // Nothing has moved by a whole pixel: the picture is as it was. What stands still shows the last one whole.
    const state = `${this.page.clock.paused ? end : Math.floor((end * plotWidth) / frames)}|${frames}|${selected}|${theme.name}|${this.page.session}`;
    if (state === this.state && !this.surface.changed) return;
    // What is still on its way, after a recording was sought, is drawn when it has come.
    const whole = Math.min(this.page.spikes.until, this.page.stims.until) >= end;
    this.state = whole ? state : null;
    context.clearRect(0, 0, width, height);
    context.fillStyle = theme.plot;
    context.fillRect(left, top, plotWidth, plotHeight);
    this.#rows(left, top, plotWidth, plotHeight);
    const row = plotHeight / CHANNELS;
    this.strip.show(context, left, top, plotWidth, plotHeight, end, frames, `${theme.name}|${selected}`,
      (strip, from, to, columnOf, slotOf) => this.#marks(strip, from, to, columnOf, slotOf, row));
    if (!whole) this.strip.spoil();
    drawTimeAxis(this.surface, theme, left, top + plotHeight, plotWidth, end, frames, this.page);
    this.#rate(left, top, plotWidth, end, frames);
    this.surface.changed = false;
  }

  #rows(left, top, width, height) {
    const { context, px } = this.surface;
    const { theme, device, selected } = this.page;
    const row = height / CHANNELS;
    context.fillStyle = theme.dead;
    for (const channel of device.grounded) context.fillRect(left, top + channel * row, width, row);
    context.fillStyle = theme.line;
    for (let channel = SIDE; channel < CHANNELS; channel += SIDE) context.fillRect(left, Math.round(top + channel * row), width, 1);
    context.globalAlpha = 0.2;
    context.fillStyle = theme.accent;
    context.fillRect(left, top + selected * row, width, Math.max(row, 2));
    context.globalAlpha = 1;
    this.surface.font(10);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = theme.muted;
    for (let channel = 0; channel < CHANNELS; channel += SIDE) {
      if (Math.abs(channel - selected) * row > 12.5 * px) context.fillText(channel, left - 6 * px, top + (channel + 0.5) * row);
    }
    context.fillStyle = theme.accent;
    this.surface.font(11, 700);
    context.fillText(selected, left - 6 * px, top + (selected + 0.5) * row);
  }

  #marks(strip, from, to, columnOf, slotOf, row) {
    const { stims, theme } = this.page;
    const px = this.surface.px;
    const tall = Math.max(2, Math.ceil(row) - (row > 4 ? 1 : 0));
    const mark = (store, thick, extra, colourOf) => {
      const last = store.index(to);
      for (let i = store.index(from); i < last; i++) {
        const channel = store.channel(i);
        strip.fillStyle = colourOf(channel);
        strip.fillRect(slotOf(columnOf(store.time(i))) - thick + 1, Math.floor(channel * row) - extra, thick, tall + 2 * extra);
      }
    };
    this.#spikes(strip, from, to, columnOf, slotOf, row, tall, Math.max(1, Math.round(1.6 * px)));
    mark(stims, Math.round(3 * px), Math.round(px), () => theme.stim);
  }

  // How many of a channel fall into one place is what its colour says, so that bursts keep their shape.
  #spikes(strip, from, to, columnOf, slotOf, row, tall, thick) {
    const { spikes, theme, selected } = this.page;
    if (from !== this.marked) this.cells.fill(-1);
    this.marked = to;
    const last = spikes.index(to);
    for (let i = spikes.index(from); i < last; i++) {
      const channel = spikes.channel(i);
      const column = columnOf(spikes.time(i));
      const cell = Math.floor(column / thick);
      const count = (this.counts[channel] = cell === this.cells[channel] ? this.counts[channel] + 1 : 1);
      this.cells[channel] = cell;
      strip.fillStyle = count > 1 ? theme.dense[count > 4 ? 2 : count > 2 ? 1 : 0] : channel === selected ? theme.accent : theme.spike;
      // A single one is as thick as a mark, several fill the place as far as time has come.
      const wide = count > 1 ? column - cell * thick + 1 : thick;
      strip.fillRect(slotOf(column) - wide + 1, Math.floor(channel * row), wide, tall);
    }
  }

  #rate(left, top, width, end, frames) {
    const { context, px } = this.surface;
    const { spikes, stims, theme, fps } = this.page;
    const size = spikes.binFrames;
    const perSecond = fps / size;
    const first = Math.floor((end - frames) / size) + 1;
    const last = Math.floor(end / size);
    const tall = top - Math.round(9 * px);
    let most = 20;
    for (let bin = first; bin < last; bin++) most = Math.max(most, spikes.countOf(bin) * perSecond);
    const wanted = closeAbove(most);
    this.held = wanted >= this.rateTop ? 0 : (this.held ?? 0) + 1;
    if (wanted > this.rateTop || this.held > CALM) this.rateTop = wanted;
    const scale = width / frames;
    const bar = Math.max(1, size * scale - (size * scale > 3 ? 1 : 0));
    context.fillStyle = theme.muted;
    context.globalAlpha = 0.8;
    for (let bin = first; bin < last; bin++) {
      const count = spikes.countOf(bin);
      if (count === 0) continue;
      const high = Math.min(1, (count * perSecond) / this.rateTop) * tall;
      context.fillRect(left + width - (end - bin * size) * scale, top - high - 2 * px, bar, high);
    }
    context.globalAlpha = 1;
    context.fillStyle = theme.stim;
    for (let bin = first; bin < last; bin++) {
      if (stims.countOf(bin) > 0) context.fillRect(left + width - (end - bin * size) * scale, 2 * px, Math.max(bar, 2 * px), 3 * px);
    }
    context.fillStyle = theme.muted;
    this.surface.font(10);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(`${this.rateTop < 1000 ? this.rateTop : `${this.rateTop / 1000}k`}/s`, left - 6 * px, top - tall + 1 * px);
  }
}
