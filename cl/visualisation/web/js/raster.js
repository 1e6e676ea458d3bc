// The raster: a row for every channel, time running to the right; above it how much the whole array fires.

import { niceAbove, Strip, Surface } from "./canvas.js";
import { CHANNELS, SIDE } from "./layout.js";
import { drawTimeAxis } from "./axis.js";

const LEFT = 40;
const RIGHT = 8;
const RATE = 34;
const AXIS = 18;

export class Raster {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("raster"));
    this.strip = new Strip();
    this.rateTop = 20;
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
    const { spikes, stims, theme, selected } = this.page;
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
    const thick = Math.max(1, Math.round(1.6 * px));
    mark(spikes, thick, 0, (channel) => (channel === selected ? theme.accent : theme.spike));
    mark(stims, Math.round(3 * px), Math.round(px), () => theme.stim);
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
    const wanted = niceAbove(most);
    this.held = wanted >= this.rateTop ? 0 : (this.held ?? 0) + 1;
    if (wanted > this.rateTop || this.held > 120) this.rateTop = wanted;
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
