// What the pointer is at: a spike or a stim of the raster, when it was, and the stim's current.

import { clockText } from "./axis.js";

/** What is said about a spike or a stim, whose current is the largest of its phases. */
export function told(event, start, fps) {
  const when = `${event.kind}, channel ${event.channel}, ${clockText((event.time - start) / fps, 3)}`;
  if (event.kind !== "stim") return when;
  return `${when}, ${Number.isNaN(event.current) ? "current not known" : `${event.current < 0 ? "−" : ""}${+Math.abs(event.current).toFixed(2)} µA`}`;
}

export class Tip {
  constructor(page, raster) {
    this.box = document.getElementById("tip");
    raster.canvas.addEventListener("pointermove", (event) => {
      const found = raster.near(event.offsetX, event.offsetY, page.clock.end(performance.now()));
      this.box.hidden = found === null;
      if (found) this.#show(told(found, page.device.start, page.fps), event);
    });
    raster.canvas.addEventListener("pointerleave", () => (this.box.hidden = true));
  }

  #show(text, { clientX, clientY }) {
    this.box.textContent = text;
    const wide = this.box.offsetWidth;
    this.box.style.left = `${Math.max(4, Math.min(clientX + 12, document.documentElement.clientWidth - wide - 4))}px`;
    this.box.style.top = `${Math.max(4, clientY - 30)}px`;
  }
}
