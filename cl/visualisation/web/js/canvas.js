// Canvases at the screen's own resolution, and strips that scroll without being drawn anew.

// Who has a large window sits further away: what is written in canvases grows as the page's text does (style.css).
const LARGE = matchMedia("(min-width: 1800px) and (min-height: 900px)");
const LARGER = 1.2;

/**
 * A canvas that follows its size on the page. Sizes are in device pixels; `px` is how many make one of the
 * pixels that things are laid out in, and `zoom` how many CSS pixels those are.
 */
export class Surface {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: true });
    this.width = this.height = 0;
    this.px = this.zoom = 1;
    this.changed = true;
    new ResizeObserver(() => this.#measure()).observe(canvas);
    this.#measure();
  }

  #measure() {
    const ratio = window.devicePixelRatio || 1;
    this.zoom = LARGE.matches ? LARGER : 1;
    this.px = ratio * this.zoom;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (width === this.width && height === this.height) return;
    this.canvas.width = this.width = width;
    this.canvas.height = this.height = height;
    this.changed = true;
  }

  font(size, weight = 400) {
    this.context.font = `${weight} ${size * this.px}px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif`;
  }
}

/**
 * A picture whose x axis is time. It is kept as a ring of columns: when time goes on only what is new
 * is drawn, and showing it is two copies.
 */
export class Strip {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.key = "";
    this.drawn = null;
  }

  /** Draw everything anew next time. */
  spoil() { this.drawn = null; }

  /**
   * Bring the strip to show [end - frames, end) at `width` × `height`, and copy it to x, y of `target`.
   * `draw(context, from, to, columnOf)` draws what begins in [from, to); `key` says when all is different.
   */
  show(target, x, y, width, height, end, frames, key, draw) {
    const scale = width / frames;
    const ring = width + MARGIN;
    const all = `${width}×${height}×${frames}|${key}`;
    if (all !== this.key || this.canvas.width !== ring) {
      this.canvas.width = ring;
      this.canvas.height = height;
      this.key = all;
      this.drawn = null;
    }
    const last = Math.floor(end * scale);
    if (this.drawn === null || end < this.drawn || last - Math.floor(this.drawn * scale) > width) {
      this.context.clearRect(0, 0, ring, height);
      this.#draw(end - frames, end, scale, ring, draw);
    } else if (end > this.drawn) {
      this.#clear(Math.floor(this.drawn * scale) + 1, last, ring, height);
      this.#draw(this.drawn, end, scale, ring, draw);
    }
    this.drawn = end;
    this.#copy(target, x, y, width, height, last - width + 1, ring);
  }

  #clear(from, to, ring, height) {
    if (to < from) return;
    const low = modulo(from, ring);
    const size = to - from + 1;
    this.context.clearRect(low, 0, Math.min(size, ring - low), height);
    if (low + size > ring) this.context.clearRect(0, 0, low + size - ring, height);
  }

  #draw(from, to, scale, ring, draw) {
    const columnOf = (time) => Math.floor(time * scale);
    draw(this.context, from, to, columnOf, (column) => modulo(column, ring));
  }

  #copy(target, x, y, width, height, from, ring) {
    const low = modulo(from, ring);
    const part = Math.min(width, ring - low);
    target.drawImage(this.canvas, low, 0, part, height, x, y, part, height);
    if (part < width) target.drawImage(this.canvas, 0, 0, width - part, height, x + part, y, width - part, height);
  }
}

const MARGIN = 64;
export const modulo = (a, b) => ((a % b) + b) % b;

/** A pleasant number just above a value, for axes that fit what they show. */
export function closeAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  for (const step of [1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10]) if (step * power >= value * 0.999999) return +(step * power).toPrecision(3);
  return 10 * power;
}

/** A pleasant number at or above a value: 1, 2 or 5 times a power of ten. */
export function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  for (const step of [1, 2, 5, 10]) if (step * power >= value * 0.999999) return step * power;
  return 10 * power;
}
