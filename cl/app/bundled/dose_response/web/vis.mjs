// The responses to doses: one entry a pulse.

const dataStreams = ["dose_response"];

function createVisualiser(uniqueId, div) {
  const part = (id) => div.querySelector(`#${id}`);
  const canvas = part("curves");
  let doses = { channels: [], currents_ua: [], pulse_count: null };
  let sums = new Map(); // by channel and current: [spikes, pulses]
  let latest = null;
  let changed = true;

  const key = (channel, current) => `${channel} ${current}`;
  function mean(channel, current) {
    const found = sums.get(key(channel, current));
    return found ? found[0] / found[1] : null;
  }

  function row(parent, kind, texts) {
    const tr = document.createElement("tr");
    texts.forEach((text, i) => {
      const cell = document.createElement(i === 0 ? "th" : kind);
      cell.scope = i === 0 ? "row" : "col";
      cell.textContent = text;
      tr.append(cell);
    });
    parent.append(tr);
    return tr;
  }

  function show() {
    part("number").textContent = latest?.number ?? "–";
    part("count").textContent = doses.pulse_count ?? "–";
    part("last").textContent = latest ? `${latest.current_ua} µA on electrode ${latest.channel}: ${latest.spikes} spikes` : "–";
    part("progress").value = latest && doses.pulse_count ? latest.number / doses.pulse_count : 0;
    const head = part("means").tHead;
    const body = part("means").tBodies[0];
    head.replaceChildren();
    body.replaceChildren();
    row(head, "th", ["electrode", ...doses.currents_ua.map((current) => `${current} µA`)]);
    const most = Math.max(1, ...doses.channels.flatMap((c) => doses.currents_ua.map((u) => mean(c, u) ?? 0)));
    for (const channel of doses.channels) {
      const means = doses.currents_ua.map((current) => mean(channel, current));
      const tr = row(body, "td", [channel, ...means.map((value) => value?.toFixed(1) ?? "")]);
      means.forEach((value, i) => tr.cells[i + 1].style.setProperty("--share", `${Math.round((55 * (value ?? 0)) / most)}%`));
    }
    plot(most);
  }

  function plot(most) {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const colour = (name) => getComputedStyle(div).getPropertyValue(name);
    const [left, bottom] = [60, 40];
    const largest = Math.max(...doses.currents_ua, 0.001);
    const x = (current) => left + ((width - left - 20) * current) / largest;
    const y = (value) => height - bottom - ((height - bottom - 20) * value) / most;
    context.clearRect(0, 0, width, height);
    context.font = "15px system-ui, sans-serif";
    context.fillStyle = colour("--description-color");
    context.fillRect(left, height - bottom, width - left, 1);
    context.fillRect(left, 0, 1, height - bottom);
    context.fillText(most.toFixed(1), 4, 24);
    context.fillText("0", 40, height - bottom);
    context.textAlign = "center";
    for (const current of doses.currents_ua) context.fillText(`${current} µA`, Math.min(x(current), width - 30), height - 14);
    context.textAlign = "left";
    doses.channels.forEach((channel, i) => {
      const points = doses.currents_ua.map((current) => [current, mean(channel, current)]).filter(([, value]) => value !== null);
      context.strokeStyle = context.fillStyle = `hsl(${(i * 360) / doses.channels.length} 70% 50%)`;
      context.lineWidth = 2;
      context.beginPath();
      points.forEach(([current, value], n) => context[n ? "lineTo" : "moveTo"](x(current), y(value)));
      context.stroke();
      for (const [current, value] of points) context.fillRect(x(current) - 4, y(value) - 4, 8, 8);
      if (doses.channels.length <= 10) context.fillText(`electrode ${channel}`, left + 14, 24 + i * 20);
    });
  }

  return {
    reset() { sums = new Map(); latest = null; changed = true; },
    attributesReset(name, attributes) { doses = attributes; sums = new Map(); latest = null; changed = true; },
    attributesUpdated(name, attributes) { doses = { ...doses, ...attributes }; changed = true; },
    process(name, timestamp, data) {
      if (latest && data.number <= latest.number) sums = new Map(); // a run that begins anew
      const at = key(data.channel, data.current_ua);
      const [spikes, pulses] = sums.get(at) ?? [0, 0];
      sums.set(at, [spikes + data.spikes, pulses + 1]);
      latest = data;
      changed = true;
    },
    draw() { if (changed) { changed = false; show(); } },
  };
}
