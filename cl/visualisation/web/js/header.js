// The header: what device, when, how much, how late, and whether it is recorded.

import { clockText } from "./axis.js";

const EVERY_MS = 200;

// Who lies in the dish: in the header the culture's species and line, all else where that is pointed at.
const inShort = (culture) => [culture?.species, culture?.cell_line].filter((text) => typeof text === "string");
const inFull = (culture) => Object.entries(culture ?? {}).map(([name, value]) =>
  `${name.replaceAll("_", " ")}: ${typeof value === "string" ? value : JSON.stringify(value)}`);

export class Header {
  constructor(page) {
    this.page = page;
    this.last = 0;
    const byId = (id) => document.getElementById(id);
    this.parts = Object.fromEntries(["lamp", "mode", "device", "device-label", "clock", "timestamp", "spike-rate", "stim-rate", "loop", "loop-label", "recording", "missed", "fact-missed", "fact-suspended", "fact-loop", "fact-recording", "pause", "theme", "live"].map((id) => [id, byId(id)]));
  }

  draw(now, end) {
    if (now - this.last < EVERY_MS) return;
    this.last = now;
    const { device, fps, clock, connected, status, spikes, stims } = this.page;
    const seconds = Math.max(0, end - device.start) / fps;
    this.#text("device-label", this.page.recorded ? "File" : "Device");
    this.#text("device", [device.device, ...inShort(device.culture)].join(" · "));
    this.parts.device.title = [device.device, ...inFull(device.culture)].join("\n");
    this.#text("clock", clockText(seconds, 1));
    this.#text("timestamp", Math.floor(end).toLocaleString("en-GB").replaceAll(",", "\u2009"));
    this.#text("spike-rate", `${this.#rate(spikes, end)}/s`);
    this.#text("stim-rate", `${this.#rate(stims, end)}/s`);
    this.#mode(clock, connected, status);
    this.#loops(status?.loops ?? []);
    this.#recordings(status?.recordings ?? []);
    this.#missed(this.page.dropped / fps, status?.lost ?? 0);
    this.parts["fact-suspended"].hidden = !status?.suspended;
  }

  // By this page, which was too slow for some frames, and by the device itself.
  #missed(seconds, lost) {
    this.parts["fact-missed"].hidden = seconds === 0 && lost === 0;
    const parts = [seconds > 0 ? `${seconds.toFixed(1)} s of frames` : "", lost > 0 ? `${lost} lost by the device` : ""];
    this.#text("missed", parts.filter(Boolean).join(", "));
  }

  #text(part, text) {
    if (this.parts[part].textContent !== text) this.parts[part].textContent = text;
  }

  #rate(store, end) {
    const { fps } = this.page;
    return store.index(end) - store.index(end - fps);
  }

  #mode(clock, connected, status) {
    const failed = status?.state === "failed";
    const paused = clock.paused || status?.state === "paused" || status?.state === "ended";
    const live = this.page.recorded ? "Playing" : "Live";
    const ended = status?.state === "ended" && !clock.paused;
    this.#text("mode", !connected ? "No device" : failed ? "Failed" : ended ? "End" : paused ? "Paused" : live);
    this.parts.lamp.className = `lamp ${!connected || failed ? "off" : paused ? "paused" : "live"}`;
    this.#text("pause", paused ? (this.page.recorded ? "Play" : "Resume") : "Pause");
    this.parts.pause.ariaPressed = String(paused);
    this.#text("theme", this.page.theme.name === "dark" ? "Light" : "Dark");
    this.parts.pause.disabled = !connected;
    this.parts.live.disabled = !this.page.recorded && (!clock.paused || !connected);
  }

  #loops(loops) {
    this.parts["fact-loop"].hidden = this.page.recorded;
    const loop = loops[loops.length - 1];
    if (!loop) {
      this.#text("loop-label", "Loop lateness");
      this.parts["fact-loop"].title = "";
      return this.#text("loop", "no loop");
    }
    const figure = (value) => (value >= 10_000 ? `${(value / 1000).toFixed(0)} ms` : value >= 1000 ? `${(value / 1000).toFixed(1)} ms` : `${value.toFixed(0)} µs`);
    this.#text("loop-label", `Loop lateness at ${loop.ticks_per_second}/s${loops.length > 1 ? ` (1 of ${loops.length})` : ""}`);
    this.#text("loop", `p50 ${figure(loop.p50_us)}  p99 ${figure(loop.p99_us)}  max ${figure(loop.max_us)}`);
    this.parts["fact-loop"].title = loops.map((each) => `${each.ticks_per_second}/s: ${each.count} ticks, p50 ${figure(each.p50_us)}, p99 ${figure(each.p99_us)}, p99.9 ${figure(each.p999_us)}, max ${figure(each.max_us)}`).join("\n");
  }

  #recordings(recordings) {
    this.parts["fact-recording"].hidden = this.page.recorded;
    this.parts.recording.classList.toggle("recording", recordings.length > 0);
    const newest = recordings[recordings.length - 1];
    const more = recordings.length > 1 ? ` +${recordings.length - 1}` : "";
    this.#text("recording", newest ? `${clockText(newest.seconds, 0)}${more}  ${newest.name}` : "off");
    this.parts.recording.title = recordings.map((each) => each.name).join("\n");
  }
}
