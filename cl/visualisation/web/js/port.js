// A WebSocket's place in a notebook whose reader cannot reach the program's port: messages go through the frame
// around this one, and through the notebook's kernel.

const RELAYED = "relayed" in document.documentElement.dataset;
const MOST_HELD = 200;

/** What entries wait for beyond their usual time: they come in lumps. */
export const DELAY_MS = RELAYED ? 150 : 0;

const pipe = { port: null, socket: null, held: [], opened: false, wants: null };

/** Tell the program what this page begins with. It connects by itself, and anew, whenever there is a device. */
function open() {
  if (pipe.opened || !pipe.port || !pipe.wants) return;
  pipe.opened = true;
  pipe.port.postMessage({ open: pipe.wants().map((command) => JSON.stringify(command)) });
}

/** Take a message of the program. The first of a connection begins it; while there is no socket they are held. */
function hear(message) {
  const { socket } = pipe;
  if (message.again) {
    pipe.opened = false;
    return open();
  }
  if (socket.readyState === WebSocket.CLOSED) {
    if (pipe.held.length < MOST_HELD) pipe.held.push(message);
    return;
  }
  const { serial, text, closed, data } = message;
  if (closed) return socket.end({ code: closed[0], reason: closed[1] });
  if (socket.serial === null) {
    socket.serial = serial;
    socket.readyState = WebSocket.OPEN;
  } else if (serial !== socket.serial) {
    socket.end({ code: 1006, reason: "another connection" });
    return hear(message);
  }
  socket.onmessage?.({ data: text ?? data });
}

class PortSocket {
  constructor(wants) {
    this.readyState = WebSocket.CONNECTING;
    this.serial = null;
    pipe.socket = this;
    pipe.wants = wants;
    open();
    setTimeout(() => pipe.held.splice(0).forEach(hear), 0);
  }

  send(command) { pipe.port.postMessage({ serial: this.serial, command }); }

  close() {
    pipe.opened = false;
    this.end({ code: 1006, reason: "it was silent" });
  }

  end(event) {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.onclose?.(event);
  }
}

if (RELAYED) {
  addEventListener("message", ({ source, data, ports }) => {
    if (source !== window.parent || data?.clRelay !== "port" || pipe.port) return;
    [pipe.port] = ports;
    pipe.port.onmessage = (event) => hear(event.data);
    open();
  });
  window.parent.postMessage({ clRelay: "ready" }, "*");
}

/** Open a socket to the program at a URL; `wants` returns the commands that the page begins with. */
export function openSocket(url, wants) {
  return RELAYED ? new PortSocket(wants) : new WebSocket(url());
}
