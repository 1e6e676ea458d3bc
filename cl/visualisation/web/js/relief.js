// The array in three dimensions: what each electrode fires as a column in its place.

import { CHANNELS, columnOf, rowOf, SIDE } from "./layout.js";

const TILT = 0.55; // how deep the floor looks, by its width
const TALLEST = 0.34; // of the map's width
const FILLED = 0.86; // of an electrode's place
const FLAT = 0.004; // of the map's width: what a silent electrode's column has
const STEP = Math.PI / 4;
const FLASH_SECONDS = 0.7;
const SIDES = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // the directions in which a column's sides look
const DRAGGED_PX = 4;

export class Relief {
  constructor(map, box, changed) {
    this.map = map;
    this.box = box;
    this.changed = changed;
    this.on = false;
    this.angle = Math.PI / 8;
    this.#listen();
  }

  show(on) {
    this.on = on;
    this.box.classList.toggle("relief", on);
    this.#place();
    this.changed();
  }

  turn(by = STEP) {
    this.angle = (this.angle + by) % (2 * Math.PI);
    this.#place();
    this.changed();
  }

  // It is turned by dragging; the click at the end of that chooses nothing.
  #listen() {
    let from = null;
    let dragged = false;
    this.box.addEventListener("pointerdown", (event) => {
      from = this.on ? event.clientX : null;
      dragged = false;
    });
    addEventListener("pointermove", (event) => {
      if (from === null || (!dragged && Math.abs(event.clientX - from) < DRAGGED_PX)) return;
      dragged = true;
      this.turn(((event.clientX - from) / this.box.clientWidth) * -Math.PI);
      from = event.clientX;
    });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (from = null));
    this.box.addEventListener("click", (event) => dragged && event.detail > 0 && event.stopPropagation(), true);
  }

  /** Where a place of the floor is seen, as parts of the map's width; each coordinate goes from -1 to 1. */
  #seen(across, down, height = 0) {
    const [sin, cos] = [Math.sin(this.angle), Math.cos(this.angle)];
    const size = 0.97 / (2 * Math.SQRT2);
    const x = 0.5 + size * (across * cos - down * sin);
    const y = 0.97 - TILT * 0.485 + TILT * size * (across * sin + down * cos);
    return [x, y - height];
  }

  #depth(channel) {
    const [across, down] = middle(channel);
    return across * Math.sin(this.angle) + down * Math.cos(this.angle);
  }

  // The buttons of the electrodes lie where these are seen, the nearest on top.
  #place() {
    this.order = Array.from({ length: CHANNELS }, (_, channel) => channel).sort((a, b) => this.#depth(a) - this.#depth(b));
    this.order.forEach((channel, at) => {
      const [x, y] = this.#seen(...middle(channel));
      const style = { left: `${100 * x}%`, top: `${100 * y}%`, zIndex: at };
      Object.assign(this.map.keys[channel].style, this.on ? style : { left: "", top: "", zIndex: "" });
    });
  }

  draw(end) {
    const { surface, page } = this.map;
    surface.context.clearRect(0, 0, surface.width, surface.height);
    const stims = this.#flashes(end);
    for (const channel of this.order) this.#column(channel, page.device.grounded.includes(channel), stims.get(channel));
  }

  /** The channels that were stimulated a moment ago, and how fresh that is, from 0 to 1. */
  #flashes(end) {
    const { stims, fps } = this.map.page;
    const found = new Map();
    const last = stims.index(end);
    for (let i = stims.index(end - FLASH_SECONDS * fps); i < last; i++) found.set(stims.channel(i), 1 - (end - stims.time(i)) / (FLASH_SECONDS * fps));
    return found;
  }

  #column(channel, grounded, fresh) {
    const { surface, page, rates, top } = this.map;
    const { theme, chosen, selected } = page;
    const { context, px } = surface;
    const part = grounded ? 0 : rates[channel] / top;
    const height = Math.max(FLAT, TALLEST * Math.min(1, part));
    const [field, ink] = grounded ? [theme.dead, theme.muted] : theme.level(Math.sqrt(part));
    const floor = corners(channel).map((corner) => this.#seen(...corner));
    const lid = floor.map(([x, y]) => [x, y - height]);
    SIDES.forEach(([across, down], at) => {
      const facing = across * Math.sin(this.angle) + down * Math.cos(this.angle);
      if (facing <= 0) return;
      const next = (at + 1) % 4;
      this.#path([floor[at], floor[next], lid[next], lid[at]]);
      context.fillStyle = field;
      context.fill();
      context.fillStyle = `rgba(0, 0, 0, ${0.55 - 0.35 * facing})`;
      context.fill();
    });
    this.#path(lid);
    context.fillStyle = field;
    context.fill();
    const trace = chosen.indexOf(channel);
    if (trace >= 0) this.#stroke(theme.traces[trace], 2 * px);
    if (channel === selected) this.#stroke(theme.text, 2 * px);
    if (fresh !== undefined) this.#stimulated(channel, lid, height, fresh);
    this.#name(channel, height, ink);
  }

  #stimulated(channel, lid, height, fresh) {
    const { surface, page } = this.map;
    const { context, width, px } = surface;
    context.globalAlpha = 0.25 + 0.75 * fresh;
    this.#path(lid);
    this.#stroke(page.theme.stim, (2 + 2 * fresh) * px);
    const [x, y] = this.#seen(...middle(channel), height);
    context.fillStyle = page.theme.stim;
    context.fillRect(x * width - px, (y - 0.08) * width, 2 * px, 0.08 * width);
    context.globalAlpha = 1;
  }

  #name(channel, height, ink) {
    const { surface, page } = this.map;
    const { context, width } = surface;
    const [x, y] = this.#seen(...middle(channel), height);
    surface.font(9);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.globalAlpha = 0.75;
    context.fillStyle = ink;
    context.fillText(channel === page.device.reference ? `${channel} ref` : channel, x * width, y * width);
    context.globalAlpha = 1;
  }

  #path(places) {
    const { context, width } = this.map.surface;
    context.beginPath();
    for (const [x, y] of places) context.lineTo(x * width, y * width);
    context.closePath();
  }

  #stroke(colour, size) {
    const { context } = this.map.surface;
    context.strokeStyle = colour;
    context.lineWidth = size;
    context.lineJoin = "round";
    context.stroke();
  }
}

const middle = (channel) => [(2 * columnOf(channel) + 1) / SIDE - 1, (2 * rowOf(channel) + 1) / SIDE - 1];

/** The corners of an electrode's place; the side that looks in `SIDES[i]` goes from corner i to the next. */
function corners(channel) {
  const [across, down] = middle(channel);
  const half = FILLED / SIDE;
  return [[1, -1], [1, 1], [-1, 1], [-1, -1]].map(([x, y]) => [across + x * half, down + y * half]);
}
