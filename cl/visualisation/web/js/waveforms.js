// The selected channel's last spikes, laid over each other.

import { niceAbove, Surface } from "./canvas.js";
import { SAMPLES_BEFORE, SAMPLES_PER_SPIKE } from "./protocol.js";

const LEFT = 46;
const RIGHT = 10;
const BOTTOM = 18;
const TOP = 6;
const FRAME_MS = 0.04;
const SHOWN = 50;
const FEW = 3; // as many are wanted for a scale and for a mean

/**
 * Beyond which voltages spikes are detected, as far as they tell: no spike of either sign was detected at less. In µV
 * from the mean; the device does not say it.
 */
export function limitsOf(shapes) {
  const found = shapes.map(({ samples }) => samples[SAMPLES_BEFORE]);
  const of = (sign) => {
    const sizes = found.map((value) => value * sign).filter((size) => size > 0);
    return sizes.length < FEW ? [] : [sign * Math.min(...sizes)];
  };
  return [...of(1), ...of(-1)];
}

export function dashed(context, colour, px) {
  context.strokeStyle = colour;
  context.lineWidth = px;
  context.setLineDash([4 * px, 4 * px]);
}

export function line(context, from, y, to) {
  context.beginPath();
  context.moveTo(from, y);
  context.lineTo(to, y);
  context.stroke();
}

export class WaveformPanel {
  constructor(page) {
    this.page = page;
    this.surface = new Surface(document.getElementById("waveforms"));
    this.title = document.getElementById("waveform-title");
    this.note = document.getElementById("waveform-note");
    this.drawn = "";
  }

  draw(now, end) {
    const { waveforms, stims, theme } = this.page;
    const { context, width, height, px } = this.surface;
    const shapes = waveforms.last(SHOWN, end);
    const newest = shapes.at(-1)?.time ?? 0;
    // Whether there were stims near them may be told later than they are.
    const known = Math.min(stims.until, newest + SAMPLES_PER_SPIKE - SAMPLES_BEFORE);
    const key = `${waveforms.version}|${newest}|${known}|${theme.name}|${width}|${height}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const calm = shapes.filter(({ time }) => this.page.quiet(time - SAMPLES_BEFORE, time + SAMPLES_PER_SPIKE - SAMPLES_BEFORE));
    this.title.textContent = `Waveforms of channel ${waveforms.channel ?? "–"}`;
    this.note.textContent = shapes.length ? this.#noted(shapes.length, shapes.length - calm.length) : "µV";
    context.clearRect(0, 0, width, height);
    const plot = { x: LEFT * px, y: TOP * px, width: width - (LEFT + RIGHT) * px, height: height - (TOP + BOTTOM) * px };
    if (plot.height < 20 * px) return;
    context.fillStyle = theme.plot;
    context.fillRect(plot.x, plot.y, plot.width, plot.height);
    const top = this.#scale(shapes, calm);
    const limits = limitsOf(calm);
    this.page.limits = { channel: waveforms.channel, limits };
    this.#axes(plot, top);
    if (shapes.length) this.#lines(plot, top, shapes, calm);
    else this.#nothing(plot);
    this.#limits(plot, top, limits);
  }

  #limits(plot, top, limits) {
    const { context, px } = this.surface;
    dashed(context, this.page.theme.limit, px);
    for (const limit of limits) {
      const y = Math.round(plot.y + plot.height * (0.5 - (0.46 * limit) / top)) + 0.5;
      line(context, plot.x, y, plot.x + plot.width);
    }
    context.setLineDash([]);
  }

  #noted(count, beside) {
    return beside ? `µV, last ${count}, ${beside} near stims` : `µV, last ${count} spike${count > 1 ? "s" : ""}`;
  }

  // What a stim does to the electrode is far larger than a spike: it is cut rather than letting the rest shrink.
  #scale(shapes, calm) {
    const few = calm.length < FEW;
    const sizes = (few ? shapes : calm).map(({ samples }) => samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).sort((a, b) => a - b);
    return niceAbove(Math.max(5, sizes[Math.floor(sizes.length * (few ? 0.5 : 0.9))] ?? 0));
  }

  #axes(plot, top) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    this.surface.font(10);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const part of [-1, 0, 1]) {
      const y = plot.y + plot.height * (0.5 - 0.46 * part);
      context.fillStyle = theme.grid;
      context.fillRect(plot.x, Math.round(y), plot.width, 1);
      context.fillStyle = theme.muted;
      const text = part === 0 ? "0" : `${part < 0 ? "−" : ""}${top}`;
      context.fillText(text, plot.x - 4 * px, y);
    }
    context.textBaseline = "top";
    for (const ms of [-1, 0, 1, 2]) {
      const x = plot.x + ((ms / FRAME_MS + SAMPLES_BEFORE) / (SAMPLES_PER_SPIKE - 1)) * plot.width;
      context.fillStyle = ms === 0 ? theme.line : theme.grid;
      if (x < plot.x + plot.width) context.fillRect(Math.round(x), plot.y, 1, plot.height); // the samples end just before 2 ms
      context.fillStyle = theme.muted;
      context.textAlign = ms === -1 ? "left" : ms === 2 ? "right" : "center";
      context.fillText(ms === 2 ? "2 ms" : ms < 0 ? `−${-ms}` : ms, Math.min(x, plot.x + plot.width), plot.y + plot.height + 4 * px);
    }
  }

  #path(plot, top, samples) {
    const { context } = this.surface;
    const step = plot.width / (SAMPLES_PER_SPIKE - 1);
    const middle = plot.y + plot.height / 2;
    const scale = (plot.height * 0.46) / top;
    context.beginPath();
    for (let i = 0; i < SAMPLES_PER_SPIKE; i++) context.lineTo(plot.x + i * step, middle - samples[i] * scale);
    context.stroke();
  }

  #lines(plot, top, shapes, calm) {
    const { context, px } = this.surface;
    const { theme } = this.page;
    const meant = calm.length < FEW ? shapes : calm;
    context.save();
    context.beginPath();
    context.rect(plot.x, plot.y, plot.width, plot.height);
    context.clip();
    context.lineWidth = px;
    context.lineJoin = "round";
    const lay = (each, colour, strength) => {
      context.strokeStyle = colour;
      each.forEach(({ samples }, i) => {
        context.globalAlpha = strength * (0.16 + (0.3 * (i + 1)) / each.length); // the newer, the stronger
        this.#path(plot, top, samples);
      });
    };
    lay(shapes.filter((shape) => !calm.includes(shape)), theme.stim, 0.5);
    lay(calm, theme.accent, 1);
    context.globalAlpha = 1;
    context.strokeStyle = theme.text;
    context.lineWidth = 2 * px;
    if (meant.length >= FEW) this.#path(plot, top, this.#mean(meant));
    context.restore();
  }

  #mean(shapes) {
    const mean = new Float64Array(SAMPLES_PER_SPIKE);
    for (const { samples } of shapes) for (let k = 0; k < SAMPLES_PER_SPIKE; k++) mean[k] += samples[k] / shapes.length;
    return mean;
  }

  #nothing(plot) {
    const { context } = this.surface;
    context.fillStyle = this.page.theme.muted;
    this.surface.font(12);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(this.page.waveforms.shapes.length ? "none is kept of this time" : "no spikes yet", plot.x + plot.width / 2, plot.y + plot.height * 0.3);
  }
}
