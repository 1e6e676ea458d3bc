// Data streams: name, latest value, and numbers as curves. What a program put into them is only ever text.

const EVERY_MS = 150;
const FRESH_MS = 1500;
const MOST_FIELDS = 4;
const SHOWN_POINTS = 240;

export class StreamPanel {
  constructor(page) {
    this.page = page;
    this.panel = document.getElementById("stream-panel");
    this.count = document.getElementById("stream-count");
    this.box = document.getElementById("streams");
    this.rows = new Map();
    this.last = 0;
    this.drawn = -1;
  }

  draw(now) {
    if (now - this.last < EVERY_MS) return;
    this.last = now;
    const { streams } = this.page.streams;
    for (const [name, row] of this.rows) row.text.classList.toggle("fresh", now - (streams.get(name)?.seen ?? -Infinity) < FRESH_MS);
    const until = this.page.streamsUntil;
    const key = `${this.page.streams.version}|${until}|${this.page.theme.name}`;
    if (key === this.drawn) return;
    this.drawn = key;
    this.panel.hidden = streams.size === 0;
    this.count.textContent = streams.size; // there may be more than there is room for
    for (const [name, row] of this.rows) if (!streams.has(name)) (row.box.remove(), this.rows.delete(name));
    for (const stream of streams.values()) this.#show(stream, this.rows.get(stream.name) ?? this.#make(stream.name), until);
  }

  #make(name) {
    const part = (tag, kind, parent) => parent.appendChild(Object.assign(document.createElement(tag), { className: kind }));
    const box = part("div", "stream", this.box);
    const head = part("div", "head", box);
    const row = { box, name: part("span", "name", head), fields: part("span", "fields", head), text: part("div", "text", box), canvas: part("canvas", "", box) };
    row.name.textContent = name;
    row.name.title = name;
    this.rows.set(name, row);
    return row;
  }

  #show(stream, row, until) {
    const shown = (points) => points.slice(0, points.findLastIndex(([time]) => time <= until) + 1).slice(-SHOWN_POINTS);
    const fields = [...stream.series.entries()].map(([field, points]) => [field, shown(points)]).filter(([, points]) => points.length > 1).slice(0, MOST_FIELDS);
    this.#fields(row.fields, fields.map(([field]) => field).filter((field) => field !== ""));
    const value = stream.values.findLast(({ time }) => time <= until);
    row.text.textContent = value?.text ?? (stream.values.length ? "nothing of this time" : "nothing yet");
    row.text.title = value?.text ?? "";
    row.box.classList.toggle("plain", fields.length === 0);
    row.box.dataset.count = value?.count ?? 0;
    this.#curves(row.canvas, fields.map(([, points]) => points));
  }

  // Which curve is which: the fields' names in the curves' colours.
  #fields(box, names) {
    if (box.dataset.names === names.join("\n") && box.dataset.theme === this.page.theme.name) return;
    box.dataset.names = box.title = names.join("\n");
    box.dataset.theme = this.page.theme.name;
    box.replaceChildren(...names.map((name, i) => {
      const part = Object.assign(document.createElement("span"), { textContent: name });
      part.style.color = this.page.theme.traces[i];
      return part;
    }));
  }

  #curves(canvas, series) {
    const px = window.devicePixelRatio || 1;
    const width = (canvas.width = 96 * px);
    const height = (canvas.height = 30 * px);
    const context = canvas.getContext("2d");
    const { theme } = this.page;
    series.forEach((points, i) => {
      let low = Infinity;
      let high = -Infinity;
      for (const [, value] of points) (low = Math.min(low, value)), (high = Math.max(high, value));
      const first = points[0][0];
      const span = points[points.length - 1][0] - first || 1;
      const range = high - low || 1;
      const y = (value) => height - 3 * px - ((high === low ? 0.5 : (value - low) / range) * (height - 6 * px));
      context.strokeStyle = theme.traces[i];
      context.lineWidth = 1.3 * px;
      context.lineJoin = "round";
      context.beginPath();
      for (const [time, value] of points) context.lineTo(2 * px + ((time - first) / span) * (width - 6 * px), y(value));
      context.stroke();
      const end = points[points.length - 1];
      context.fillStyle = theme.traces[i];
      context.beginPath();
      context.arc(width - 4 * px, y(end[1]), 2 * px, 0, 7);
      context.fill();
    });
  }
}
