// The electrode map: where on the array it fires, how much, and where it is stimulated.

import { niceAbove, Surface } from "./canvas.js";
import { channelAt, CHANNELS, columnOf, neighbour, rowOf, SIDE } from "./layout.js";
import { Relief } from "./relief.js";

const RATE_SECONDS = 2;
const FLASH_SECONDS = 0.7;
const TRACE_SECONDS = 1;
const EVERY_MS = 80;

export class ElectrodeMap {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("map-canvas"));
    this.legend = new Surface(document.getElementById("map-legend"));
    this.rates = new Float64Array(CHANNELS);
    this.top = 2; // the rate that the brightest colour stands for
    this.gain = 10; // µV from the middle of a tile to its edge
    this.last = 0;
    this.note = document.getElementById("map-note");
    const box = document.getElementById("map-keys");
    this.#makeKeys(box);
    this.relief = new Relief(this, box, () => (this.last = 0));
  }

  // Every tile is a button over the canvas: for the mouse, the keyboard and those who listen.
  #makeKeys(box) {
    this.keys = Array.from({ length: CHANNELS }, (_, channel) => {
      const key = document.createElement("button");
      key.type = "button";
      key.tabIndex = -1;
      key.onclick = (event) => {
        if (event.shiftKey || event.ctrlKey || event.metaKey) this.page.toggleTrace(channel);
        else this.page.select(channel);
      };
      key.ondblclick = () => this.page.toggleTrace(channel);
      key.onfocus = () => (key.ariaLabel = this.describe(channel));
      box.append(key);
      return key;
    });
    box.onkeydown = (event) => this.#arrow(event);
  }

  #arrow(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const channel = neighbour(this.page.selected, ...step);
    this.page.select(channel);
    this.keys[channel].focus();
  }

  /** What a tile says to those who cannot see it. */
  describe(channel) {
    const { grounded, reference } = this.page.device;
    const place = `row ${rowOf(channel) + 1}, column ${columnOf(channel) + 1}`;
    if (grounded.includes(channel)) return `Channel ${channel}, ${place}, grounded`;
    const role = channel === reference ? ", the reference" : "";
    return `Channel ${channel}, ${place}${role}, ${this.rates[channel].toFixed(1)} spikes per second`;
  }

  marked(channel) {
    this.keys.forEach((key, at) => {
      key.tabIndex = at === channel ? 0 : -1;
      key.title = at === channel ? "" : `Channel ${at}`;
    });
    this.keys[channel].ariaLabel = this.describe(channel);
    this.last = 0;
  }

  draw(now, end) {
    if (now - this.last < EVERY_MS && !this.surface.changed) return;
    this.last = now;
    this.surface.changed = false;
    this.#count(end);
    this.#scale(end);
    if (this.relief.on) this.relief.draw(end);
    else this.#tiles(end);
    this.#drawLegend();
    const trace = `trace ${TRACE_SECONDS} s, ±${this.gain} µV`;
    const note = `spikes/s, last ${RATE_SECONDS} s; ${this.relief.on ? `the tallest is ${this.top}` : trace}`;
    if (this.note.textContent !== note) this.note.textContent = note;
  }

  #tiles(end) {
    const { context, width, px } = this.surface;
    context.clearRect(0, 0, width, width);
    const pitch = width / SIDE;
    const gap = Math.max(1, Math.round(px));
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const x = Math.round(column * pitch) + gap;
        const y = Math.round(row * pitch) + gap;
        const size = Math.round((column + 1) * pitch) - gap - x;
        this.#tile(channelAt(row, column), x, y, size, Math.round((row + 1) * pitch) - gap - y, end);
      }
    }
    this.#flashes(end, pitch, gap);
    this.#chosen(pitch, gap);
  }

  #count(end) {
    const { spikes, fps } = this.page;
    this.rates.fill(0);
    const last = spikes.index(end);
    const from = Math.max(end - RATE_SECONDS * fps, spikes.begin);
    for (let i = spikes.index(from); i < last; i++) this.rates[spikes.channel(i)]++;
    const seconds = Math.max((end - from) / fps, 0.5);
    for (let channel = 0; channel < CHANNELS; channel++) this.rates[channel] /= seconds;
  }

  // The scales grow at once and shrink slowly, so that colours can be compared over some seconds.
  #scale(end) {
    const top = niceAbove(Math.max(2, ...this.rates));
    this.holdTop = top >= this.top ? 0 : (this.holdTop ?? 0) + 1;
    if (top > this.top || this.holdTop > 40) this.top = top;
    const loudest = niceAbove(Math.max(5, this.#loudest(end)));
    this.holdGain = loudest >= this.gain ? 0 : (this.holdGain ?? 0) + 1;
    if (loudest > this.gain || this.holdGain > 40) this.gain = loudest;
  }

  #loudest(end) {
    const store = this.page.overview;
    const last = Math.floor(Math.min(end, store.until) / store.binFrames);
    let most = 0;
    for (let bin = last - 40; bin < last; bin++) {
      const at = store.at(bin, 0);
      if (at < 0 || !this.page.quiet(bin * store.binFrames, (bin + 1) * store.binFrames)) continue;
      for (let i = at; i < at + CHANNELS; i++) most = Math.max(most, store.high[i], -store.low[i]);
    }
    return most * this.page.device.uV_per_sample_unit;
  }

  #tile(channel, x, y, width, height, end) {
    const { context, px } = this.surface;
    const { theme, device } = this.page;
    if (device.grounded.includes(channel)) return this.#grounded(channel, x, y, width, height);
    const [field, ink] = theme.level(Math.sqrt(this.rates[channel] / this.top));
    context.fillStyle = field;
    context.fillRect(x, y, width, height);
    context.fillStyle = ink;
    this.#trace(channel, x, y, width, height, end);
    this.surface.font(10);
    context.textAlign = "left";
    context.textBaseline = "top";
    context.globalAlpha = 0.75;
    context.fillText(channel === device.reference ? `${channel} ref` : channel, x + 3 * px, y + 2.5 * px);
    context.globalAlpha = 1;
    if (this.rates[channel] > 0 && height > 30 * px) {
      this.surface.font(10, 600);
      context.textAlign = "right";
      context.textBaseline = "bottom";
      const rate = this.rates[channel];
      context.fillText(rate < 9.95 ? rate.toFixed(1) : rate.toFixed(0), x + width - 3 * px, y + height - 2 * px);
    }
  }

  #grounded(channel, x, y, width, height) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    context.fillStyle = theme.dead;
    context.fillRect(x, y, width, height);
    context.fillStyle = theme.muted;
    this.surface.font(10);
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(channel, x + 3 * px, y + 2.5 * px);
    // The sign for earth.
    const middle = x + width / 2;
    const base = y + height * 0.5;
    context.fillRect(Math.round(middle - px / 2), base - height * 0.12, Math.max(1, Math.round(px)), height * 0.12);
    [0.34, 0.2, 0.08].forEach((part, i) =>
      context.fillRect(Math.round(middle - (width * part) / 2), Math.round(base + i * 3.5 * px), Math.round(width * part), Math.max(1, Math.round(px))));
  }

  #trace(channel, x, y, width, height, end) {
    const store = this.page.overview;
    const bins = TRACE_SECONDS * this.page.fps / store.binFrames;
    const last = Math.floor(Math.min(end, store.until) / store.binFrames);
    const scale = (height * 0.4 * this.page.device.uV_per_sample_unit) / this.gain;
    const middle = y + height * 0.54;
    const { context, px } = this.surface;
    const least = Math.max(1, Math.round(px));
    const columns = Math.floor(width / least);
    const limit = height * 0.4;
    context.globalAlpha = 0.42;
    for (let column = 0; column < columns; column++) {
      let low = 32767;
      let high = -32768;
      const stop = last - bins + Math.floor(((column + 1) * bins) / columns);
      for (let bin = last - bins + Math.floor((column * bins) / columns); bin < stop; bin++) {
        const at = store.at(bin, channel);
        if (at < 0) continue;
        if (store.low[at] < low) low = store.low[at];
        if (store.high[at] > high) high = store.high[at];
      }
      if (high < low) continue;
      const above = Math.min(limit, high * scale);
      const below = Math.max(-limit, low * scale);
      context.fillRect(x + column * least, middle - above, least, Math.max(least, above - below));
    }
    context.globalAlpha = 1;
  }

  #flashes(end, pitch, gap) {
    const { stims, fps, theme } = this.page;
    const { context, px } = this.surface;
    const newest = new Map();
    const last = stims.index(end);
    for (let i = stims.index(end - FLASH_SECONDS * fps); i < last; i++) newest.set(stims.channel(i), stims.time(i));
    context.strokeStyle = theme.stim;
    for (const [channel, time] of newest) {
      const fresh = 1 - (end - time) / (FLASH_SECONDS * fps);
      context.globalAlpha = 0.25 + 0.75 * fresh;
      context.lineWidth = (2 + 2 * fresh) * px;
      this.#outline(channel, pitch, gap, context.lineWidth / 2);
    }
    context.globalAlpha = 1;
  }

  #chosen(pitch, gap) {
    const { theme, chosen, selected } = this.page;
    const { context, px } = this.surface;
    chosen.forEach((channel, i) => {
      context.fillStyle = theme.traces[i];
      context.fillRect(columnOf(channel) * pitch + gap, (rowOf(channel) + 1) * pitch - gap - 3 * px, pitch * 0.42, 3 * px);
    });
    context.strokeStyle = theme.text;
    context.lineWidth = 2 * px;
    this.#outline(selected, pitch, gap, -px / 2);
  }

  #outline(channel, pitch, gap, inset) {
    const size = pitch - 2 * (gap + inset);
    this.surface.context.strokeRect(columnOf(channel) * pitch + gap + inset, rowOf(channel) * pitch + gap + inset, size, size);
  }

  #drawLegend() {
    const { context, width, height, px } = this.legend;
    const { theme } = this.page;
    context.clearRect(0, 0, width, height);
    const bar = Math.round(7 * px);
    for (let x = 0; x < width; x++) {
      context.fillStyle = theme.level(x / width)[0];
      context.fillRect(x, 0, 1, bar);
    }
    context.fillStyle = theme.muted;
    this.legend.font(10);
    context.textBaseline = "top";
    [0, 0.1, 0.25, 0.5, 1].forEach((part) => {
      const x = Math.sqrt(part) * width;
      context.textAlign = part === 0 ? "left" : part === 1 ? "right" : "center";
      context.fillText(+(part * this.top).toPrecision(3), x, bar + 3 * px);
    });
  }
}
