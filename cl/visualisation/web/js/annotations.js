// Remarks: what there are, and, for who has the token, the making of one. It is the one thing that a page writes.

const KEY = "cl-annotation-token";
const NEAR = 5; // pixels

// The token comes behind the address, once, and is not left there to be copied with it.
function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    try { sessionStorage.setItem(KEY, token); } catch { /* a frame without storage asks again */ }
    history.replaceState(null, "", location.pathname + location.search);
  }
  try { return token ?? sessionStorage.getItem(KEY); } catch { return token; }
}

export class Annotations {
  constructor(page) {
    this.page = page;
    this.token = tokenOfAddress();
    this.list = [];
  }

  clear() { this.list = []; }

  add(message) {
    for (const [timestamp, text, fields] of message.annotations) this.list.push({ timestamp, text, fields });
    const last = this.list.at(-1);
    if (last && message.annotations.length === 1) this.page.said(`Annotation: ${last.text}`);
  }

  /** The remarks near a place, in words; `x` says where on the timeline a time is. */
  near(place, x) {
    const found = this.list.filter(({ timestamp }) => Math.abs(x(timestamp) - place) <= NEAR);
    return found.map(({ text, fields }) => [text, ...Object.entries(fields).map(([name, value]) =>
      `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)].join(", ")).join("\n");
  }

  send(text) { this.page.link.send({ type: "annotate", text, token: this.token ?? "" }); }

  ask() {
    if (this.page.recorded) return this.page.said("Nothing can be added to what was recorded");
    const dialog = document.getElementById("annotate");
    document.getElementById("annotate-help").hidden = Boolean(this.token);
    document.getElementById("annotate-box").hidden = !this.token;
    const input = document.getElementById("annotate-text");
    input.value = "";
    dialog.onclose = () => {
      const text = input.value.trim();
      if (dialog.returnValue === "add" && text && this.token) this.send(text);
      dialog.returnValue = "";
    };
    return dialog.showModal();
  }
}
