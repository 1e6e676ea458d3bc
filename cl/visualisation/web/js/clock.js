// Which moment the page shows. Messages come in lumps; what is drawn moves evenly, a little behind them.

const DELAY_MS = 260;
const FORGET_MS = 3000;

export class ViewClock {
  constructor(framesPerSecond) {
    this.framesPerMs = framesPerSecond / 1000;
    this.reset();
  }

  reset() {
    this.position = 0; // everything before it has been told
    this.speed = 1;
    this.moving = true;
    this.frozen = null; // the time that is shown while paused
    this.shown = 0;
    this.#forget();
  }

  #forget() {
    this.offset = this.recentOffset = -Infinity;
    this.offsetSince = 0;
  }

  /** The pace of a recording that is played; a device goes at 1. */
  setPace(speed, moving) {
    if (speed === this.speed && moving === this.moving) return;
    this.speed = speed;
    this.moving = moving;
    this.#forget();
  }

  /** The position has come to `position`. */
  told(position, now) {
    if (position < this.position) {
      this.#forget();
      this.shown = position;
    }
    this.position = position;
    // How far the device is ahead of this page's clock: the promptest message of the last seconds tells it best.
    const offset = position - now * this.framesPerMs * this.speed;
    if (now - this.offsetSince > FORGET_MS) {
      this.offset = this.recentOffset;
      this.recentOffset = -Infinity;
      this.offsetSince = now;
    }
    this.recentOffset = Math.max(this.recentOffset, offset);
    this.offset = Math.max(this.offset, offset);
  }

  /** The time at which new things appear. */
  head(now) {
    if (!this.moving || this.offset === -Infinity) return this.position;
    const smooth = this.offset + (now - DELAY_MS) * this.framesPerMs * this.speed;
    // It never goes back by a little: better to wait for a moment.
    this.shown = Math.min(this.position, smooth < this.shown && this.shown - smooth < 25_000 ? this.shown : smooth);
    return this.shown;
  }

  get paused() { return this.frozen !== null; }

  /** The end of the window that is shown. */
  end(now) { return this.frozen ?? this.head(now); }
}
