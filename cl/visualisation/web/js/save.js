// What is seen as files: the page as a picture, the raster's spikes and stims as a table.

const LONGEST = 8192; // device pixels of a picture's side

/** The events of [from, to) as CSV, in the order of time. */
export function table(page, from, to) {
  const rows = [];
  for (const [kind, store] of [["stim", page.stims], ["spike", page.spikes]]) {
    const last = store.index(to);
    for (let i = store.index(from); i < last; i++) rows.push([store.time(i), kind, store.channel(i), store.value(i)]);
  }
  rows.sort((one, other) => one[0] - other[0] || one[2] - other[2]);
  const line = ([time, kind, channel, current]) =>
    `${time},${((time - page.device.start) / page.fps).toFixed(5)},${kind},${channel},${Number.isNaN(current) ? "" : +current.toFixed(4)}`;
  return `${["timestamp,seconds,event,channel,current_uA", ...rows.map(line)].join("\r\n")}\r\n`;
}

/** The page as it is seen, on a canvas. */
export function picture() {
  const { scrollWidth, scrollHeight } = document.documentElement;
  const ratio = Math.min(window.devicePixelRatio || 1, LONGEST / Math.max(scrollWidth, scrollHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scrollWidth * ratio);
  canvas.height = Math.round(scrollHeight * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.translate(window.scrollX, window.scrollY);
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, scrollWidth, scrollHeight);
  paint(context, document.body);
  return canvas;
}

// A box, what it holds, then its text: enough of what a browser does for this page.
function paint(context, element) {
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden" || element.matches(".unseen, dialog, .tip, script")) return;
  box(context, element.getBoundingClientRect(), style);
  for (const node of element.childNodes) {
    if (node instanceof HTMLCanvasElement) {
      const { left, top, width, height } = node.getBoundingClientRect();
      if (width > 0 && height > 0 && node.width > 0) context.drawImage(node, left, top, width, height);
    } else if (node instanceof Element) paint(context, node);
    else if (node instanceof Text && node.textContent.trim()) write(context, node, element, style);
  }
}

function box(context, { left, top, width, height }, style) {
  context.globalAlpha = Number(style.opacity);
  if (style.backgroundColor !== "rgba(0, 0, 0, 0)") {
    context.fillStyle = style.backgroundColor;
    context.fillRect(left, top, width, height);
  }
  const thick = parseFloat(style.borderTopWidth);
  if (thick > 0 && width > 2 * thick) {
    context.strokeStyle = context.fillStyle = style.borderTopColor;
    context.lineWidth = thick;
    if (height > 2 * thick) context.strokeRect(left + thick / 2, top + thick / 2, width - thick, height - thick);
    else context.fillRect(left, top, width, thick);
  }
  context.globalAlpha = 1;
}

function write(context, node, element, style) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const place = range.getBoundingClientRect();
  const around = element.getBoundingClientRect();
  context.save();
  context.beginPath();
  context.rect(around.left, around.top, around.width, around.height);
  context.clip();
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`; // `font` is empty beside tabular figures
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  context.fillText(node.textContent.trim(), place.left, place.top + place.height / 2);
  context.restore();
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function listenToSaving(page) {
  const window_ = () => {
    const end = page.clock.end(performance.now());
    return [Math.max(0, Math.ceil(end - page.rasterSeconds * page.fps)), Math.floor(end)];
  };
  document.getElementById("save-png").onclick = () => {
    const [, to] = window_();
    picture().toBlob((blob) => save(blob, `cl-view-${to}.png`));
  };
  document.getElementById("save-csv").onclick = () => {
    const [from, to] = window_();
    save(new Blob([table(page, from, to)], { type: "text/csv" }), `cl-events-${from}-${to}.csv`);
  };
}
