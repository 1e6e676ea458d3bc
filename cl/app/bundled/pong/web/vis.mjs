// The game, picture by picture: an entry of `pong` a tick, and the stims themselves.

const dataStreams = ["pong", "cl_stims"];
const PHASES = { play: "the ball is told", hit: "hit: the predictable stimulus", miss: "miss: the unpredictable stimulus", rest: "rest" };
const FADES_FRAMES = 5000;

function createVisualiser(uniqueId, div) {
  const part = (id) => div.querySelector(`#${id}`);
  const canvas = part("court");
  const context = canvas.getContext("2d");
  let settings = {};
  let game = null;
  let longest = 0;
  let trail = [];
  let stims = new Map(); // channel: the timestamp of its last stim
  let most = 1;

  function show(id, text) {
    const element = part(id);
    if (element.textContent !== String(text)) element.textContent = text;
  }

  function figures() {
    for (const name of ["hits", "misses", "rally"]) show(name, game[name]);
    show("longest", longest);
    show("phase", PHASES[game.phase] ?? game.phase);
    most = Math.max(most * 0.999, 1, ...game.activity);
    part("up").value = game.activity[0] / most;
    part("down").value = game.activity[1] / most;
  }

  function court(now) {
    const style = getComputedStyle(div);
    const colour = (name) => style.getPropertyValue(name);
    const { width, height } = canvas;
    const left = 60;
    const x = (at) => left + at * (width - left - 20);
    const y = (at) => at * height;
    context.fillStyle = colour(game.phase === "miss" ? "--court-miss" : "--panel-bg");
    context.fillRect(0, 0, width, height);
    context.strokeStyle = colour("--border-color");
    context.strokeRect(1, 1, width - 2, height - 2);
    electrodes(now, colour, height);
    const flies = game.phase === "play" || game.phase === "hit";
    if (flies) {
      trail.forEach(([bx, by], i) => {
        context.globalAlpha = (0.35 * i) / trail.length;
        disc(x(bx), y(by), 9, colour("--accent-color"));
      });
      context.globalAlpha = 1;
    }
    disc(x(game.ball[0]), y(game.ball[1]), 13, colour(flies ? "--text-color" : "--description-color"));
    const size = y(settings.paddle_size ?? 0.3);
    context.fillStyle = colour(game.phase === "hit" ? "--court-hit" : "--accent-color");
    context.fillRect(x(0) - 22, y(game.paddle) - size / 2, 14, size);
  }

  function electrodes(now, colour, height) {
    const channels = settings.sensory_channels ?? [];
    channels.forEach((channel, i) => {
      const age = (now - (stims.get(channel) ?? -Infinity)) / FADES_FRAMES;
      context.globalAlpha = 0.25 + 0.75 * Math.max(0, 1 - Math.max(age, 0));
      disc(16, ((i + 0.5) * height) / channels.length, 8, colour(age < 1 ? "--court-stim" : "--description-color"));
      context.globalAlpha = 1;
    });
  }

  function disc(x, y, radius, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  return {
    reset() { game = null; longest = 0; trail = []; stims = new Map(); },
    attributesReset(name, attributes) { settings = attributes; },
    attributesUpdated(name, attributes) { settings = { ...settings, ...attributes }; },
    process(name, timestamp, data) {
      if (name === "cl_stims") {
        stims.set(data.channel, timestamp);
        return;
      }
      if (game && data.misses < game.misses) longest = 0; // a run that begins anew
      game = data;
      longest = Math.max(longest, data.rally);
      trail.push(data.ball);
      if (trail.length > 14) trail.shift();
    },
    draw(ms, now) {
      if (!game) return;
      figures();
      court(now);
    },
  };
}
