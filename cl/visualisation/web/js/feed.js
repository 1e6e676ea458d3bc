// Entries on their way to a custom visualiser: they wait until their time, and are handed over picture by picture.

const FRAMES_PER_MS = 25;
const BUFFER_MS = 1000 / 60;
const MOST_WAITING = 20_000; // of a stream, for a page that nobody looks at

export class Feed {
  constructor(names) {
    this.names = names;
    this.rate = FRAMES_PER_MS;
    this.dropped = 0;
    this.reset();
  }

  reset() {
    this.queues = new Map(this.names.map((name) => [name, []]));
    this.tie = null; // `timestamp` is the present when the browser's clock is at `at`
  }

  /** Tie a timestamp to a time of the browser's clock. */
  begin(timestamp, at, past = false) { this.tie = { timestamp, at, past }; }

  /**
   * Take an entry that comes at `now`. The first is handed over `bufferMs` (and `delayMs`) later, the others as much later as
   * their timestamps say. What is older than the page (`past`) is handed over at once, until one of the present comes.
   */
  add(name, timestamp, data, past, now, bufferMs, delayMs = 0) {
    const queue = this.queues.get(name);
    if (!queue) return;
    queue.push([timestamp, data]);
    if (queue.length > MOST_WAITING) this.dropped += queue.splice(0, queue.length - MOST_WAITING / 2).length;
    if (this.tie !== null && !this.tie.past) return;
    const wait = past ? 0 : (Number.isFinite(bufferMs) ? bufferMs : BUFFER_MS) + delayMs;
    this.begin(timestamp, now + wait, past);
  }

  /** The pace of a recording that is played; a device goes at 1. */
  setPace(speed, ms) {
    const rate = FRAMES_PER_MS * speed;
    if (rate === this.rate) return;
    if (this.tie) this.tie = { ...this.tie, timestamp: this.now(ms), at: ms };
    this.rate = rate;
  }

  /** The present, in frames. */
  now(ms) { return this.tie.timestamp + (ms - this.tie.at) * this.rate; }

  /** Hand over what is due at `ms`, stream by stream; return the present, or null before the first entry. */
  frame(ms, process) {
    if (this.tie === null) return null;
    const now = this.now(ms);
    for (const [name, queue] of this.queues) {
      let due = 0;
      while (due < queue.length && queue[due][0] < now) due++;
      for (const [timestamp, data] of queue.splice(0, due)) process(name, timestamp, data);
    }
    return now;
  }
}
