// Rates and bursts of a recording at rest: one entry a second.

const dataStreams = ["baseline"];
const SHOWN_SECONDS = 120;

function createVisualiser(uniqueId, div) {
  const part = (id) => div.querySelector(`#${id}`);
  const canvas = part("history");
  const cells = Array.from({ length: 64 }, (_, place) => {
    const cell = document.createElement("div");
    // Channels go down the columns of the array, cells along its rows.
    const channel = (place % 8) * 8 + Math.floor(place / 8);
    cell.title = `channel ${channel}`;
    part("array").append(cell);
    return { cell, channel };
  });
  let duration = null;
  let history = [];
  let latest = null;
  let changed = true;

  function show() {
    part("duration").textContent = duration ?? "–";
    part("seconds").textContent = latest?.seconds ?? "–";
    part("spikes").textContent = history.at(-1) ?? "–";
    part("bursts").textContent = latest?.bursts ?? "–";
    part("bursting").hidden = !latest?.is_bursting;
    part("progress").value = latest && duration ? latest.seconds / duration : 0;
    const most = Math.max(5, ...(latest?.counts ?? []));
    for (const { cell, channel } of cells) {
      const count = latest?.counts[channel] ?? 0;
      cell.textContent = count || "";
      cell.style.setProperty("--share", `${Math.round((55 * count) / most)}%`);
    }
    plot();
  }

  function plot() {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const colour = (name) => getComputedStyle(div).getPropertyValue(name);
    const most = Math.max(10, ...history);
    context.clearRect(0, 0, width, height);
    context.fillStyle = colour("--accent-color");
    const step = (width - 50) / SHOWN_SECONDS;
    history.forEach((count, i) => {
      const bar = ((height - 30) * count) / most;
      context.fillRect(50 + i * step, height - 20 - bar, Math.max(step - 1, 1), bar);
    });
    context.fillStyle = colour("--description-color");
    context.font = "14px system-ui, sans-serif";
    context.fillText(most, 4, 20);
    context.fillText("0", 4, height - 20);
    context.fillText("spikes", 4, height - 4);
    context.fillRect(50, height - 20, width - 50, 1);
  }

  return {
    reset() { history = []; latest = null; duration = null; changed = true; },
    attributesReset(name, attributes) { duration = attributes.duration_s; changed = true; },
    attributesUpdated(name, attributes) { duration = attributes.duration_s ?? duration; changed = true; },
    process(name, timestamp, data) {
      // A run that begins anew counts from 1.
      if (latest && data.seconds <= latest.seconds) history = [];
      latest = data;
      history.push(data.counts.reduce((sum, count) => sum + count, 0));
      history = history.slice(-SHOWN_SECONDS);
      changed = true;
    },
    draw() { if (changed) { changed = false; show(); } },
  };
}
