// The page's state: what is told, what is shown, what was chosen. Panels read it; keys and buttons change it.

import { Annotations } from "./annotations.js";
import { ViewClock } from "./clock.js";
import { Connection } from "./connection.js";
import { neighbour } from "./layout.js";
import { OVERVIEW, SAMPLES_PER_SPIKE, SPIKES, STIMS, TRACES, WAVEFORMS } from "./protocol.js";
import { BinStore, EventStore, StreamStore, WaveformStore } from "./store.js";
import { remember, remembered } from "./theme.js";

export const RASTER_SECONDS = [2, 5, 10, 20, 30];
export const TRACE_SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10];
const GAINS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000];
const MOST_TRACES = 8;
const REMEMBERED_SECONDS = 60;
const EVENTS = 1 << 18;
const RATE_BIN = 1250; // 50 ms
const TRACE_VALUES = 1 << 21;
const TRACE_BACK = 5; // seconds that newly chosen traces reach back, as the device's history does; single samples are too many
const SEEK_MS = 120; // the program answers a seek with all that lies before it, and the page asks for it anew
const KEPT_WAVEFORMS = 2000; // so that one can scroll back
const ARTEFACT = 250; // frames after a stim that are not looked at when a scale is chosen
/** What is shown before the program has said what it is. */
const UNKNOWN = { device: "–", channels: 64, frames_per_second: 25_000, uV_per_sample_unit: 0.195, start: 0, grid: 125, grounded: [0, 7, 56, 63], reference: 4, mode: "live" };

export class Page {
  constructor(said, changed) {
    this.said = said; // tells those who cannot see
    this.changed = changed; // told when a choice was made
    this.device = UNKNOWN;
    this.session = null;
    this.connected = false;
    this.status = null;
    this.annotations = new Annotations(this);
    this.failure = null; // why the device has failed; also after it was closed
    this.dropped = 0;
    this.lastError = null;
    this.selected = whole(remembered("selected"), 0, 63) ?? 27;
    this.chosen = (remembered("traces") ?? [18, 27, 36, 45]).filter((c) => whole(c, 0, 63) !== null).slice(0, MOST_TRACES);
    this.rasterSeconds = oneOf(RASTER_SECONDS, remembered("raster")) ?? 10;
    this.traceSeconds = oneOf(TRACE_SECONDS, remembered("trace")) ?? 2;
    this.traceGain = null;
    this.speed = 1; // of a recording
    this.clock = new ViewClock(UNKNOWN.frames_per_second);
    this.spikes = new EventStore(EVENTS, RATE_BIN);
    this.stims = new EventStore(EVENTS, RATE_BIN);
    this.waveforms = new WaveformStore(KEPT_WAVEFORMS);
    this.streams = new StreamStore(10 * REMEMBERED_SECONDS, 2400);
    this.serial = 0;
    this.#clear();
    this.link = new Connection({
      hello: (message) => this.#hello(message),
      message: (message) => this.#message(message),
      binary: (message) => this.#binary(message),
      closed: (code, reason) => this.#closed(code, reason),
      wants: () => this.#wants(),
    });
    document.addEventListener("visibilitychange", () => this.#frames());
  }

  get fps() { return this.device.frames_per_second; }
  get recorded() { return this.device.mode === "recording"; }

  #clear() {
    this.spikes.clear();
    this.stims.clear();
    this.streams.clear();
    this.waveforms.select(this.selected);
    this.overview = new BinStore(Array.from({ length: 64 }, (_, c) => c), this.device.grid, (REMEMBERED_SECONDS * this.fps) / this.device.grid);
    this.#newTraces();
  }

  // -- what comes --------------------------------------------------------------------------

  #hello(message) {
    const anew = message.session !== this.session;
    this.session = message.session;
    this.device = message;
    this.connected = true;
    this.failure = null;
    this.dropped = 0;
    this.speed = 1;
    this.wanted = undefined;
    if (anew || this.recorded) {
      this.clock = new ViewClock(this.fps);
      this.status = null;
      this.#clear();
    }
    this.streams.clear();
    this.#subscribe();
    this.said(anew ? `Connected to ${message.device}` : "Connected again");
    this.changed();
  }

  #message(message) {
    switch (message.type) {
      case "status": {
        if (this.recorded && message.stop) this.device.stop = message.stop; // one that is still recorded grows
        const news = (message.error ?? null) !== this.failure;
        this.status = message;
        this.failure = message.error ?? null;
        this.dropped = message.dropped;
        this.clock.told(message.position, performance.now());
        if (message.speed !== undefined) this.clock.setPace(message.speed, message.state === "playing");
        if (news) this.#failed();
        break;
      }
      case "streams":
        this.streams.add(message);
        break;
      case "annotations":
        this.annotations.add(message);
        break;
      case "reset":
        if (this.seeking === undefined) this.wanted = undefined;
        this.clock.reset();
        this.clock.position = this.clock.shown = message.position;
        this.#clear();
        this.#subscribe();
        break;
      case "error":
        this.lastError = message.text;
        console.warn(`visualiser: ${message.text}`);
    }
  }

  #binary({ position, dropped, sections }) {
    this.clock.told(position, performance.now());
    this.dropped = dropped;
    for (const section of sections) this.#section(section);
  }

  #section(section) {
    switch (section.kind) {
      case SPIKES: return this.spikes.add(section);
      case STIMS: return this.stims.add(section);
      case OVERVIEW: return this.overview.add(section);
      case WAVEFORMS: return this.waveforms.add(section, SAMPLES_PER_SPIKE);
      case TRACES: {
        const { channels, binFrames } = this.traceData;
        // What was under way when the choice changed is of no use any more.
        if (section.bin === binFrames && channels.join() === section.channels.join()) this.traceData.add(section);
      }
    }
  }

  #failed() {
    if (this.failure !== null) this.said(`The device has failed: ${this.failure}`);
    this.changed();
  }

  #closed(code, reason) {
    const was = this.connected;
    this.connected = false;
    this.status = null;
    this.closing = { code, reason };
    if (was) {
      this.clock.frozen ??= this.clock.head(performance.now());
      this.frozeAtClose = true;
      this.said("The device is closed");
    }
    this.changed();
  }

  // -- what is asked for -------------------------------------------------------------------

  #subscribe() {
    if (this.frozeAtClose) {
      this.clock.frozen = null;
      this.frozeAtClose = false;
    }
    const past = this.#past();
    this.link.subscribe("spikes", { since: this.spikes.until || past });
    this.link.subscribe("stims", { since: this.stims.until || past });
    this.link.subscribe("streams", { since: past });
    this.annotations.clear(); // they come all again, with the status
    this.link.subscribe("status");
    this.#waveforms();
    this.#frames();
  }

  // What a device is asked for at first, for those who ask it in the page's place.
  #wants() {
    const { channels, binFrames } = this.traceData;
    const topics = { spikes: {}, stims: {}, streams: {}, waveforms: { channel: this.selected }, overview: {} };
    if (channels.length) topics.traces = { channels, bin: binFrames };
    const from = Object.entries(topics).map(([topic, more]) => ({ type: "subscribe", topic, ...more, since: 0 }));
    return [...from, { type: "subscribe", topic: "status" }];
  }

  // How far back the page asks for what it has not been told: all that a device still has, the longest raster of a recording.
  #past() { return this.recorded ? Math.max(0, Math.floor(this.clock.position - REMEMBERED_SECONDS * this.fps * 0.5)) : 0; }

  // A page that nobody sees takes no frames.
  #frames() {
    if (document.hidden) {
      this.link.unsubscribe("overview");
      this.link.unsubscribe("traces");
      return;
    }
    const now = this.clock.position;
    const past = this.recorded ? now - 2 * this.fps : now - REMEMBERED_SECONDS * this.fps;
    this.link.subscribe("overview", { since: Math.max(0, Math.floor(past), this.overview.until) });
    this.#traces();
  }

  #newTraces() {
    const channels = this.chosen.slice();
    const bin = this.traceSeconds <= 0.2 ? 1 : this.traceSeconds <= 0.5 ? 5 : this.traceSeconds <= 5 ? 25 : 125;
    const capacity = Math.floor(Math.min((REMEMBERED_SECONDS * this.fps) / bin, TRACE_VALUES / Math.max(1, channels.length)));
    this.traceData = new BinStore(channels, bin, capacity);
    this.traceData.serial = ++this.serial;
  }

  #traces() {
    if (this.traceData.channels.length === 0) return this.link.unsubscribe("traces");
    const { channels, binFrames, until } = this.traceData;
    const back = Math.max(this.traceSeconds + 0.3, binFrames > 1 ? TRACE_BACK : 0);
    const since = Math.max(0, Math.floor(this.clock.end(performance.now()) - back * this.fps), until);
    return this.link.subscribe("traces", { channels, bin: binFrames, since });
  }

  #waveforms() {
    this.waveforms.select(this.selected);
    this.link.subscribe("waveforms", { channel: this.selected, since: this.#past() });
  }

  /** Until when data streams are shown. Their timestamps are the program's own, so in the present it is all there is. */
  get streamsUntil() { return this.clock.paused && !this.frozeAtClose ? this.clock.frozen : Infinity; }

  /** Whether a stretch of time is free of what a stim does to the electrodes, so that a scale may follow it. */
  quiet(from, to) { return this.stims.index(from - ARTEFACT) === this.stims.index(to); }

  // -- what is chosen ----------------------------------------------------------------------

  select(channel) {
    if (channel === this.selected) return;
    this.selected = channel;
    remember("selected", channel);
    this.#waveforms();
    this.changed();
  }

  /** Begin with these channels ("8,9"), as a notebook asks for: the first is selected, their traces are shown. */
  focus(text) {
    const channels = (text ?? "").split(",").filter((part) => /^\d+$/.test(part)).map(Number).filter((channel) => whole(channel, 0, 63) !== null);
    if (channels.length === 0) return;
    this.selected = channels[0];
    this.chosen = [...new Set(channels)].slice(0, MOST_TRACES);
    this.waveforms.select(this.selected);
    this.#newTraces();
  }

  step(by) { this.select((this.selected + by + 64) % 64); }

  move(down, right) { this.select(neighbour(this.selected, down, right)); }

  toggleTrace(channel) {
    if (this.chosen.includes(channel)) this.chosen = this.chosen.filter((each) => each !== channel);
    else if (this.chosen.length < MOST_TRACES) this.chosen = [...this.chosen, channel];
    else return this.said(`At most ${MOST_TRACES} traces are shown`);
    remember("traces", this.chosen);
    this.#newTraces();
    this.#traces();
    this.said(`Trace of channel ${channel} ${this.chosen.includes(channel) ? "shown" : "hidden"}`);
    return this.changed();
  }

  setRaster(seconds) {
    this.rasterSeconds = seconds;
    remember("raster", seconds);
    this.changed();
  }

  setTrace(seconds) {
    if (seconds === this.traceSeconds) return; // a key that is held at the end of the list
    this.traceSeconds = seconds;
    remember("trace", seconds);
    this.#newTraces();
    this.#traces();
    this.changed();
  }

  zoomRaster(by) { this.setRaster(next(RASTER_SECONDS, this.rasterSeconds, by)); }
  zoomTrace(by) { this.setTrace(next(TRACE_SECONDS, this.traceSeconds, by)); }

  /** Make traces taller (-1) or lower (1); null lets the page choose again. */
  setGain(by, now) {
    this.traceGain = by === null ? null : next(GAINS, this.traceGain ?? now, by);
    this.changed();
  }

  // -- time --------------------------------------------------------------------------------

  /** The times between which one can look: the page's own memory, or the whole recording. */
  range() {
    const { start, stop } = this.device;
    if (this.recorded) return [start, stop];
    const to = this.clock.position;
    return [Math.max(start, this.spikes.begin, to - REMEMBERED_SECONDS * this.fps), Math.max(to, start + 1)];
  }

  pause(paused = !this.isPaused) {
    if (this.recorded) this.link.send({ type: paused ? "pause" : "play" });
    else if (this.connected || paused) this.clock.frozen = paused ? (this.clock.frozen ?? this.clock.head(performance.now())) : null;
    this.said(paused ? "Paused" : "Running");
    this.changed();
  }

  get isPaused() { return this.recorded ? this.status?.state !== "playing" : this.clock.paused; }

  /** Go by a part of the raster's length. */
  scroll(part) { this.goTo((this.wanted ?? this.clock.end(performance.now())) + part * this.rasterSeconds * this.fps); }

  goTo(time) {
    const [from, to] = this.range();
    const wanted = Math.min(to, Math.max(from, time));
    if (!this.recorded) {
      this.clock.frozen = wanted > to - 0.25 * this.fps && this.connected ? null : Math.max(wanted, Math.min(to, from + 0.5 * this.fps));
      return this.changed();
    }
    this.wanted = Math.floor(wanted);
    this.seeking ??= setTimeout(() => this.#seek(), Math.max(0, (this.sought ?? 0) + SEEK_MS - performance.now()));
    return undefined;
  }

  // Keys that are held and pointers that drag want more places than can be shown: the last of them counts.
  #seek() {
    this.seeking = undefined;
    this.sought = performance.now();
    if (this.wanted === undefined || !this.link.send({ type: "seek", position: this.wanted })) this.wanted = undefined;
  }

  setSpeed(factor) {
    this.speed = factor;
    this.link.send({ type: "speed", factor });
    this.changed();
  }

  toEdge(last) {
    const [from, to] = this.range();
    this.goTo(last ? to : from);
  }
}

function whole(value, low, high) {
  return Number.isInteger(value) && value >= low && value <= high ? value : null;
}

const oneOf = (choices, value) => (choices.includes(value) ? value : null);

function next(choices, value, by) {
  let at = choices.findIndex((each) => each >= value);
  if (at < 0) at = choices.length - 1;
  return choices[Math.min(choices.length - 1, Math.max(0, at + by))];
}
