// Time axes: seconds before the right edge, or the device's own clock.

import { niceAbove } from "./canvas.js";

const STEPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Draw ticks and labels below a plot whose right edge is at `end`. The labels are the device's clock. */
export function drawTimeAxis(surface, theme, left, bottom, width, end, frames, page) {
  const { context, px } = surface;
  const seconds = frames / page.fps;
  const wanted = (seconds * 78 * px) / width;
  const step = STEPS.find((each) => each >= wanted) ?? niceAbove(wanted);
  const scale = width / frames;
  const origin = page.device.start;
  const last = Math.floor((end - origin) / page.fps / step);
  surface.font(10);
  context.textAlign = "center";
  context.textBaseline = "top";
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let k = last; ; k--) {
    const at = k * step * page.fps + origin;
    const x = left + width - (end - at) * scale;
    if (x < left || k < 0) break;
    context.fillStyle = theme.line;
    context.fillRect(Math.round(x), bottom, 1, 4 * px);
    const half = 26 * px;
    if (x + half > left + width + 8 * px || x - half < left - 20 * px) continue;
    context.fillStyle = theme.muted;
    context.fillText(clockText(k * step, digits), x, bottom + 5 * px);
  }
}

/** Seconds as 1:02:03.4. */
export function clockText(seconds, digits = 1) {
  const factor = 10 ** digits;
  const rounded = Math.round(seconds * factor) / factor;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor(rounded / 60) % 60;
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
