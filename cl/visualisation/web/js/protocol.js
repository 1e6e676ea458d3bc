// The binary messages of the server; docs/visualiser-protocol.md describes them.

export const VERSION = 1;
export const SPIKES = 1;
export const STIMS = 2;
export const OVERVIEW = 3;
export const TRACES = 4;
export const WAVEFORMS = 5;
export const ENTRIES = 6;
export const ATTRIBUTES = 7;
export const SAMPLES_BEFORE = 25;
export const SAMPLES_PER_SPIKE = 75;

const padded = (size) => (size + 7) & ~7;
// Timestamps stay exact in a double for 11 000 years at 25 000 frames per second.
const whole = (view, at) => view.getUint32(at, true) + view.getInt32(at + 4, true) * 4294967296;

/** Take a message apart: {position, dropped, sections}. */
export function decode(buffer) {
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) throw new Error(`unknown protocol version ${view.getUint8(0)}`);
  const sections = [];
  let at = 16;
  for (let left = view.getUint16(2, true); left > 0; left--) {
    const section = {
      kind: view.getUint8(at),
      argument: view.getUint8(at + 1),
      bin: view.getUint16(at + 2, true),
      count: view.getUint32(at + 4, true),
      start: whole(view, at + 8),
      stop: whole(view, at + 16),
    };
    const length = view.getUint32(at + 24, true);
    READERS[section.kind]?.(section, buffer, at + 32, length);
    sections.push(section);
    at += 32 + length;
  }
  return { position: whole(view, 8), dropped: view.getUint32(4, true), sections };
}

function events(section, buffer, at, length) {
  const { count } = section;
  section.offsets = new Uint32Array(buffer, at, count);
  section.channels = new Uint8Array(buffer, at + padded(4 * count), count);
  const rest = padded(4 * count) + padded(count);
  if (section.kind === STIMS && length >= rest + 4 * count) section.values = new Float32Array(buffer, at + rest, count); // µA
}

function extremes(section, buffer, at, channels) {
  const size = section.count * channels;
  section.low = new Int16Array(buffer, at, size);
  section.high = new Int16Array(buffer, at + padded(2 * size), size);
}

const packed = (section, buffer, at, length) => (section.bytes = new Uint8Array(buffer, at, length));

const READERS = {
  [ENTRIES]: packed,
  [ATTRIBUTES]: packed,
  [SPIKES]: events,
  [STIMS]: events,
  [OVERVIEW]: (section, buffer, at) => extremes(section, buffer, at, section.argument),
  [TRACES]: (section, buffer, at) => {
    section.channels = new Uint8Array(buffer, at, section.argument);
    const body = at + padded(section.argument);
    if (section.bin > 1) extremes(section, buffer, body, section.argument);
    else section.low = section.high = new Int16Array(buffer, body, section.count * section.argument);
  },
  [WAVEFORMS]: (section, buffer, at) => {
    section.offsets = new Uint32Array(buffer, at, section.count);
    section.samples = new Float32Array(buffer, at + padded(4 * section.count), section.count * SAMPLES_PER_SPIKE);
  },
};
