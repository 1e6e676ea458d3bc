// Traces: the chosen channels' voltage, one lane each, with spikes and stims marked.

import { drawTimeAxis } from "./axis.js";
import { niceAbove, Strip, Surface } from "./canvas.js";
import { dashed, line } from "./waveforms.js";

const LEFT = 62;
const RIGHT = 8;
const AXIS = 18;
const TOP = 4;
const MARK = 4;

export class Traces {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("traces"));
    this.strip = new Strip();
    this.means = new Map();
    this.gain = 20; // µV from the middle of a lane to its edge
    this.hold = 0;
    this.checked = 0;
    this.note = document.getElementById("trace-note");
    this.surface.canvas.onclick = (event) => this.#pick(event);
  }

  #pick(event) {
    const { chosen } = this.page;
    const { canvas, zoom } = this.surface;
    const lane = Math.floor(((event.offsetY - TOP * zoom) / (canvas.clientHeight - (AXIS + TOP) * zoom)) * chosen.length);
    if (chosen[lane] !== undefined) this.page.select(chosen[lane]);
  }

  draw(now, end) {
    // Every other picture is enough for what moves so fast, and leaves the processor to the program.
    this.odd = !this.odd;
    if (this.odd && !this.surface.changed) return;
    const { context, width, height, px } = this.surface;
    const { theme, traceSeconds, fps, chosen } = this.page;
    const store = this.page.traceData;
    context.clearRect(0, 0, width, height);
    this.surface.changed = false;
    if (chosen.length === 0) return this.#nothing("Press T, or double-click an electrode, to show its trace");
    const frames = traceSeconds * fps;
    // What is not there yet is not drawn as a gap: frames come in blocks of 5 ms.
    if (store.until > 0 && store.until < end && end - store.until < fps) end = store.until;
    const left = Math.round(LEFT * px);
    const top = Math.round(TOP * px);
    const plotWidth = Math.max(10, width - left - Math.round(RIGHT * px));
    const plotHeight = Math.max(10, height - top - Math.round(AXIS * px));
    if (now - this.checked > 500) this.#measure(now, store, end, frames);
    context.fillStyle = theme.plot;
    context.fillRect(left, top, plotWidth, plotHeight);
    const lane = plotHeight / chosen.length;
    this.#tell();
    this.#lanes(left, top, plotWidth, lane);
    const key = `${theme.name}|${chosen}|${this.gain}|${this.version}|${store.binFrames}|${store.serial}`;
    this.strip.show(context, left, top, plotWidth, plotHeight, end, frames, key,
      (strip, from, to, columnOf, slotOf) => chosen.forEach((channel, i) => this.#lane(strip, store, channel, i, lane, from, to, columnOf, slotOf)));
    this.#limits(left, top, plotWidth, lane);
    if (store.until < end) this.strip.spoil(); // more of it is on its way
    if (store.from !== null && store.begin >= end) this.#nothing("The samples of this time are gone: these traces were chosen later");
    drawTimeAxis(this.surface, theme, left, top + plotHeight, plotWidth, end, frames, this.page);
  }

  // Also where the lanes are too low for a scale of their own.
  #tell() {
    const text = `±${this.gain} µV${this.page.traceGain === null ? "" : ", fixed"}`;
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  #nothing(text) {
    const { context, width, height } = this.surface;
    context.fillStyle = this.page.theme.muted;
    this.surface.font(12);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, width / 2, height / 2);
  }

  // The middle of a lane is the channel's mean; the gain follows the loudest, in steps, and slowly down.
  #measure(now, store, end, frames) {
    this.checked = now;
    const unit = this.page.device.uV_per_sample_unit;
    const last = Math.floor(end / store.binFrames);
    const bins = Math.min(store.capacity, Math.floor(frames / store.binFrames));
    const stride = Math.max(1, Math.floor(bins / 1500));
    let loudest = null;
    const calm = [];
    for (let bin = last - bins; bin < last; bin += stride) if (this.page.quiet(bin * store.binFrames, (bin + 1) * store.binFrames)) calm.push(bin);
    for (const channel of this.page.chosen) {
      const column = store.column.get(channel);
      if (column === undefined) continue;
      let sum = 0;
      let count = 0;
      let low = 32767;
      let high = -32768;
      for (const bin of calm) {
        const at = store.at(bin, column);
        if (at < 0) continue;
        sum += store.low[at] + store.high[at];
        count += 2;
        low = Math.min(low, store.low[at]);
        high = Math.max(high, store.high[at]);
      }
      if (count === 0) continue;
      const mean = sum / count;
      const before = this.means.get(channel);
      if (before === undefined || Math.abs(mean - before) * unit > this.gain * 0.08) {
        this.means.set(channel, mean);
        this.version = (this.version ?? 0) + 1;
      }
      loudest = Math.max(loudest, (high - mean) * unit, (mean - low) * unit);
    }
    const fixed = this.page.traceGain;
    if (loudest === null && fixed === null) return; // nothing to go by: as it was
    const wanted = fixed ?? niceAbove(Math.max(5, loudest * 1.05));
    this.hold = wanted >= this.gain ? 0 : this.hold + 1;
    if (fixed !== null || wanted > this.gain || this.hold > 6) this.gain = wanted;
  }

  #lanes(left, top, width, lane) {
    const { context, px } = this.surface;
    const { theme, chosen, selected, device } = this.page;
    chosen.forEach((channel, i) => {
      const middle = Math.round(top + (i + 0.5) * lane);
      context.fillStyle = theme.grid;
      context.fillRect(left, middle, width, 1);
      context.fillStyle = theme.line;
      if (i > 0) context.fillRect(left, Math.round(top + i * lane), width, 1);
      context.fillStyle = theme.traces[i];
      context.fillRect(3 * px, top + i * lane + 3 * px, 3 * px, lane - 6 * px);
      context.textAlign = "left";
      context.textBaseline = "middle";
      this.surface.font(12, channel === selected ? 700 : 500);
      context.fillStyle = channel === selected ? theme.text : theme.muted;
      context.fillText(channel === device.reference ? `${channel} ref` : channel, 11 * px, middle);
      if (lane > 30 * px) this.#bar(left, middle, lane);
    });
  }

  // The threshold is known of the channel whose waveforms are shown (waveforms.js).
  #limits(left, top, width, lane) {
    const { limits, chosen } = this.page;
    const at = chosen.indexOf(limits?.channel);
    if (at < 0) return;
    const { context, px } = this.surface;
    dashed(context, this.page.theme.limit, px);
    for (const limit of limits.limits) {
      const y = top + (at + 0.5) * lane - (lane * 0.46 * limit) / this.gain;
      if (Math.abs(limit) <= this.gain) line(context, left, Math.round(y) + 0.5, left + width);
    }
    context.setLineDash([]);
  }

  // The scale: half a lane, in µV.
  #bar(left, middle, lane) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    const half = lane * 0.46;
    context.fillStyle = theme.muted;
    context.textAlign = "right";
    this.surface.font(9.5);
    context.textBaseline = "top";
    context.fillText(`+${this.gain}`, left - 5 * px, middle - half);
    context.textBaseline = "bottom";
    context.fillText(`−${this.gain}`, left - 5 * px, middle + half);
  }

  #lane(strip, store, channel, i, lane, from, to, columnOf, slotOf) {
    const column = store.column.get(channel);
    const { theme } = this.page;
    if (column !== undefined) {
      strip.fillStyle = theme.traces[i];
      this.#line(strip, store, column, (this.means.get(channel) ?? 0), i, lane, from, to, columnOf, slotOf);
    }
    // Marks are wider than a column: they wait until all of it lies in what has been cleared.
    const wait = (MARK * this.surface.px) / (columnOf(1e6) / 1e6);
    this.#events(strip, channel, i, lane, from - wait, to - wait, columnOf, slotOf);
  }

  // One upright bar a pixel column, from the lowest to the highest of what falls into it, and joined
  // to its neighbour: a line where samples are far apart, an envelope where they are dense.
  #line(strip, store, column, mean, i, lane, from, to, columnOf, slotOf) {
    const size = store.binFrames;
    const scale = (lane * 0.46 * this.page.device.uV_per_sample_unit) / this.gain;
    const middle = (i + 0.5) * lane;
    const least = Math.max(1, Math.round(this.surface.px * 0.9));
    const limit = lane * 0.49;
    const y = (value) => middle - Math.max(-limit, Math.min(limit, (value - mean) * scale));
    let x = null;
    let high = 0;
    let low = 0;
    const flush = () => strip.fillRect(slotOf(x), high, 1, Math.max(least, low - high));
    const last = Math.floor((to - 1) / size);
    for (let bin = Math.floor(from / size) - 1; bin <= last; bin++) {
      const at = store.at(bin, column);
      if (at < 0) {
        if (x !== null) flush();
        x = null;
        continue;
      }
      const above = y(store.high[at]);
      const below = y(store.low[at]);
      const next = columnOf(bin * size);
      if (x === null) {
        [x, high, low] = [next, above, below];
      } else if (next === x) {
        high = Math.min(high, above);
        low = Math.max(low, below);
      } else {
        flush();
        [high, low] = this.#join(strip, x, next, high, low, above, below, least, slotOf);
        x = next;
      }
    }
    if (x !== null) flush();
  }

  #join(strip, x, next, high, low, above, below, least, slotOf) {
    const from = (high + low) / 2;
    const to = (above + below) / 2;
    for (let k = x + 1; k < next; k++) {
      const a = from + ((to - from) * (k - 1 - x)) / (next - x);
      const b = from + ((to - from) * (k - x)) / (next - x);
      strip.fillRect(slotOf(k), Math.min(a, b), 1, Math.max(least, Math.abs(b - a)));
    }
    const reach = next > x + 1 ? from + ((to - from) * (next - 1 - x)) / (next - x) : null;
    // Neighbouring columns touch, so that steep flanks do not fall apart.
    const touch = reach ?? (above > low ? low : below < high ? high : null);
    return touch === null ? [above, below] : [Math.min(above, touch), Math.max(below, touch)];
  }

  #events(strip, channel, i, lane, from, to, columnOf, slotOf) {
    const { spikes, stims, theme } = this.page;
    const px = this.surface.px;
    const top = Math.round(i * lane);
    strip.fillStyle = theme.text;
    let last = spikes.index(to);
    for (let k = spikes.index(from); k < last; k++) {
      if (spikes.channel(k) !== channel) continue;
      const x = slotOf(columnOf(spikes.time(k)));
      // A small arrow head at the upper edge, pointing at the spike.
      for (let step = 0; step < 4; step++) strip.fillRect(x - (3 - step) * px, top + (2 + step) * px, (7 - 2 * step) * px, px);
    }
    strip.fillStyle = theme.stim;
    last = stims.index(to);
    for (let k = stims.index(from); k < last; k++) {
      const own = stims.channel(k) === channel;
      strip.globalAlpha = own ? 0.95 : 0.22;
      strip.fillRect(slotOf(columnOf(stims.time(k))), top + px, (own ? 2 : 1) * px, lane - 2 * px);
    }
    strip.globalAlpha = 1;
  }
}
