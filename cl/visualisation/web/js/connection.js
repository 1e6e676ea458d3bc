// The WebSocket to the program: it comes back by itself, and subscribes again.

import { openSocket } from "./port.js";
import { decode, VERSION } from "./protocol.js";

const RETRY_MS = 1000;
const SILENT_MS = 6000;

// Beside the page's own files, whatever the path and the scheme that a proxy gives them.
function address() {
  const url = new URL("../ws", import.meta.url);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

export class Connection {
  /** `on` has hello, message, binary, closed: what the page does with what comes; and wants: what it begins with. */
  constructor(on) {
    this.on = on;
    this.topics = new Map();
    this.socket = null;
    this.bytes = 0;
    this.messages = 0;
    this.#open();
    setInterval(() => this.#watch(), 1000);
  }

  get open() { return this.socket?.readyState === WebSocket.OPEN; }

  #open() {
    const socket = openSocket(address, this.on.wants);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heard = performance.now();
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.on.closed(event.code, event.reason);
      setTimeout(() => this.#open(), RETRY_MS);
    };
  }

  // A connection that says nothing for long is dead, whatever the network thinks: status comes twice a second.
  #watch() {
    if (this.open && performance.now() - this.heard > SILENT_MS) this.socket.close();
  }

  #take(data) {
    this.heard = performance.now();
    this.messages++;
    if (typeof data !== "string") {
      this.bytes += data.byteLength;
      this.on.binary(decode(data));
      return;
    }
    this.bytes += data.length;
    const message = JSON.parse(data);
    if (message.type === "hello") {
      if (message.protocol !== VERSION) throw new Error(`unknown protocol version ${message.protocol}`);
      this.on.hello(message);
    } else this.on.message(message);
  }

  /** Send a command; false where there is nobody to send it to. */
  send(command) {
    if (!this.open) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  subscribe(topic, details = {}) { return this.send({ type: "subscribe", topic, ...details }); }
  unsubscribe(topic) { return this.send({ type: "unsubscribe", topic }); }
}
