// What the page has been told and still remembers, by device time.

/** Spikes or stims in time order; the oldest make room for the newest. */
export class EventStore {
  constructor(capacity, binFrames) {
    this.capacity = capacity;
    this.binFrames = binFrames;
    this.times = new Float64Array(capacity);
    this.channels = new Uint8Array(capacity);
    this.values = new Float32Array(capacity); // of stims their currents in µA; NaN: not known
    this.counts = new Uint32Array(4096);
    this.clear();
  }

  clear() {
    this.first = this.end = 0; // absolute indices
    this.begin = this.until = 0; // the time that is covered
    this.total = 0;
    this.gaps = 0;
    this.counts.fill(0);
    this.newestBin = -1;
  }

  add(section) {
    if (this.until === 0 || section.start !== this.until) {
      if (this.until !== 0) this.gaps++;
      if (section.start < this.until) return;
      if (this.until === 0) this.begin = section.start;
    }
    this.until = section.stop;
    const { start, offsets, channels, values, count } = section;
    for (let i = 0; i < count; i++) {
      const time = start + offsets[i];
      const slot = this.end % this.capacity;
      this.times[slot] = time;
      this.channels[slot] = channels[i];
      this.values[slot] = values?.[i] ?? NaN;
      this.end++;
      this.#countIn(time);
    }
    this.total += count;
    this.first = Math.max(this.first, this.end - this.capacity);
  }

  #countIn(time) {
    const bin = Math.floor(time / this.binFrames);
    if (this.newestBin < 0) this.newestBin = bin;
    if (bin - this.newestBin > this.counts.length) this.newestBin = bin - this.counts.length;
    while (this.newestBin < bin) this.counts[++this.newestBin % this.counts.length] = 0;
    this.counts[bin % this.counts.length]++;
  }

  /** How many there were in a bin of `binFrames` frames. */
  countOf(bin) {
    if (bin < 0 || bin > this.newestBin || bin <= this.newestBin - this.counts.length) return 0;
    return this.counts[bin % this.counts.length];
  }

  time(index) { return this.times[index % this.capacity]; }
  value(index) { return this.values[index % this.capacity]; }
  channel(index) { return this.channels[index % this.capacity]; }

  /** The absolute index of the first event at or after a time. */
  index(time) {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.time(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Extremes per bin of some channels, in a ring that is addressed by the bin's number. */
export class BinStore {
  constructor(channels, binFrames, capacity) {
    this.channels = channels;
    this.binFrames = binFrames;
    this.capacity = capacity;
    this.column = new Map(channels.map((channel, column) => [channel, column]));
    this.low = new Int16Array(capacity * channels.length);
    this.high = new Int16Array(capacity * channels.length);
    this.bins = new Float64Array(capacity).fill(-1);
    this.from = null;
    this.until = 0;
  }

  /** The time of the oldest bin that is held. */
  get begin() { return Math.max(this.from ?? 0, this.until - this.capacity * this.binFrames); }

  add(section) {
    const width = this.channels.length;
    const first = section.start / this.binFrames;
    this.from ??= section.start;
    for (let i = 0; i < section.count; i++) {
      const slot = (first + i) % this.capacity;
      this.bins[slot] = first + i;
      this.low.set(section.low.subarray(i * width, (i + 1) * width), slot * width);
      this.high.set(section.high.subarray(i * width, (i + 1) * width), slot * width);
    }
    this.until = section.stop;
  }

  /** Where in `low` and `high` a channel's bin is, or -1 where it is not held. */
  at(bin, column) {
    const slot = bin % this.capacity;
    return this.bins[slot] === bin ? slot * this.channels.length + column : -1;
  }
}

/** The newest waveforms of one channel. */
export class WaveformStore {
  constructor(limit) {
    this.limit = limit;
    this.select(null);
  }

  select(channel) {
    this.channel = channel;
    this.shapes = [];
    this.version = (this.version ?? 0) + 1;
  }

  add(section, size) {
    if (section.argument !== this.channel) return;
    for (let i = 0; i < section.count; i++) {
      this.shapes.push({ time: section.start + section.offsets[i], samples: section.samples.slice(i * size, (i + 1) * size) });
    }
    this.shapes.splice(0, this.shapes.length - this.limit);
    this.version++;
  }

  /** The last `count` that there were at a time. */
  last(count, end) {
    const stop = this.shapes.findLastIndex(({ time }) => time <= end) + 1;
    return this.shapes.slice(Math.max(0, stop - count), stop);
  }
}

/** Data streams: values as text and numbers, as they were told; the oldest make room for the newest. */
export class StreamStore {
  constructor(values, points) {
    this.limits = { values, points };
    this.clear();
  }

  clear() {
    this.streams = new Map();
    this.version = (this.version ?? 0) + 1;
  }

  add(message) {
    for (const told of message.streams) {
      let stream = this.streams.get(told.name);
      if (!stream) this.streams.set(told.name, (stream = { name: told.name, values: [], series: new Map() }));
      if (told.text === undefined) continue;
      stream.seen = performance.now();
      stream.values.push({ time: told.timestamp, text: told.text, count: told.count });
      stream.values.splice(0, stream.values.length - this.limits.values);
      for (const [field, points] of Object.entries(told.points)) {
        const series = stream.series.get(field) ?? [];
        series.push(...points);
        series.splice(0, series.length - this.limits.points);
        stream.series.set(field, series);
      }
    }
    this.version++;
  }
}
