// A frame in a notebook (an anywidget): of the program's own server where this browser reaches it, else of a page that
// comes through the kernel, as all that it shows.

const ALIVE_MS = 2000;
const REACH_MS = 4000;
const SETTLE_MS = 600; // a page that cannot be reached is "loaded", too
// Of the page around; it gives the one inside what that may (relay/bundle.py).
const SANDBOX = "allow-scripts allow-downloads allow-forms allow-modals allow-pointer-lock";
const NARROW = 0.2;
const WIDE = 0.8;

function element(name, style, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  made.style.cssText = style;
  return made;
}

// -- which way -------------------------------------------------------------------------------

/** Return whether the program's server answers this browser, and is the one that is meant. */
function reached(url, mark) {
  return new Promise((done) => {
    const probe = element("iframe", "display:none", { src: url });
    const heard = ({ source, data }) => {
      if (source === probe.contentWindow && data?.clVisualiserHere === mark) end(true);
    };
    const end = (answer) => {
      removeEventListener("message", heard);
      probe.remove();
      done(answer);
    };
    addEventListener("message", heard);
    probe.onload = () => setTimeout(() => end(false), SETTLE_MS);
    setTimeout(() => end(false), REACH_MS);
    document.body.append(probe);
  });
}

// -- through the kernel ----------------------------------------------------------------------

/** Fill a frame with the page that the kernel has, and carry messages between the two; return what ends it. */
function relay(model, frame) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const channel = new MessageChannel();
  const say = (message) => model.send({ view, ...message });
  let serial = null;
  let received = 0;
  let begun = false;
  const take = (content, buffers) => {
    if (content.view !== view) return;
    if (content.page !== undefined) return void (frame.srcdoc = content.page);
    if (content.serial !== serial) [serial, received] = [content.serial, 0];
    const part = buffers?.[0];
    const data = part && part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength);
    received += data?.byteLength ?? content.text?.length ?? 0;
    channel.port1.postMessage({ ...content, data }, data ? [data] : []);
  };
  const ready = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.clRelay !== "ready" || begun) return;
    begun = true;
    source.postMessage({ clRelay: "port" }, "*", [channel.port2]);
  };
  const gone = () => say({ gone: true });
  channel.port1.onmessage = ({ data }) => say(data);
  model.on("msg:custom", take);
  addEventListener("message", ready);
  addEventListener("pagehide", gone);
  const alive = setInterval(() => say({ serial, received }), ALIVE_MS);
  frame.setAttribute("sandbox", SANDBOX);
  say({ page: true });
  return () => {
    clearInterval(alive);
    model.off("msg:custom", take);
    removeEventListener("message", ready);
    removeEventListener("pagehide", gone);
    gone();
  };
}

// -- where -----------------------------------------------------------------------------------

const sidebar = {
  box: null,

  /** Return the panel on the right of JupyterLab or Notebook, which makes room for it. */
  open() {
    if (this.box) return this.box;
    this.box = element("aside", "position:fixed;top:0;right:0;bottom:0;overflow:auto;z-index:1;background:var(--jp-layout-color1,Canvas);border-left:1px solid var(--jp-border-color1,grey);box-sizing:border-box;padding:8px 8px 8px 12px", { id: "cl-sidebar", ariaLabel: "Visualisers" });
    const grip = element("div", "position:absolute;top:0;bottom:0;left:0;width:7px;cursor:col-resize;touch-action:none", { id: "cl-sidebar-grip", title: "Drag: the width of the panel" });
    grip.onpointerdown = (event) => {
      grip.setPointerCapture(event.pointerId);
      this.box.style.pointerEvents = "none"; // frames would take the pointer away
    };
    grip.onpointermove = (event) => grip.hasPointerCapture(event.pointerId) && this.resize(1 - event.clientX / innerWidth);
    grip.onpointerup = () => (this.box.style.pointerEvents = "");
    this.box.append(grip);
    document.body.append(this.box);
    this.resize(remembered() ?? NARROW);
    return this.box;
  },

  resize(part) {
    const kept = Math.min(WIDE, Math.max(NARROW, part));
    try { localStorage.setItem("cl-sidebar", kept); } catch { /* a private window */ }
    this.box.style.width = `${100 * kept}vw`;
    document.getElementById("main").style.right = `${100 * kept}vw`;
    dispatchEvent(new Event("resize"));
  },

  close(part) {
    part.remove();
    if (!this.box || this.box.querySelector("iframe")) return;
    this.box.remove();
    this.box = null;
    document.getElementById("main").style.right = "";
    dispatchEvent(new Event("resize"));
  },
};

function remembered() {
  try {
    const found = Number(localStorage.getItem("cl-sidebar"));
    return found > 0 ? found : null;
  } catch { return null; }
}

/** Whether this is a page of JupyterLab or Notebook, and not one of an editor's own. */
const hasRoom = () => document.getElementById("main")?.classList.contains("lm-Widget") ?? false;

// -- the widget ------------------------------------------------------------------------------

function render({ model, el }) {
  const shown = model.get("shown");
  const aside = shown.sidebar && hasRoom();
  const box = element("div", aside ? "margin-bottom:8px" : "", { className: "cl-visualiser" });
  const frame = element("iframe", shown.style, { title: shown.title, referrerPolicy: "no-referrer" });
  if (aside && shown.tall) Object.assign(frame.style, { aspectRatio: "auto", height: "calc(100vh - 24px)" });
  box.append(frame);
  (aside ? sidebar.open() : el).append(box);
  if (aside) el.append(element("div", "opacity:.7;font-size:90%", { textContent: `${shown.title}: on the right` }));
  let ended = false;
  let end = () => {};
  const follow = ({ source, data }) => {
    const height = data?.clVisualiserHeight;
    if (source !== frame.contentWindow || !shown.follow || !Number.isFinite(height)) return;
    frame.style.height = `${Math.min(4000, Math.max(40, height))}px`;
  };
  addEventListener("message", follow);
  reached(shown.probe, shown.mark).then((answer) => {
    if (ended) return;
    box.dataset.way = answer ? "port" : "kernel";
    if (answer) frame.src = shown.url;
    else end = relay(model, frame);
  });
  return () => {
    ended = true;
    removeEventListener("message", follow);
    end();
    sidebar.close(box);
  };
}

export default { render };
