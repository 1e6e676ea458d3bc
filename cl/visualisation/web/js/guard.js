// What the device tells is not to be carried elsewhere: a page of this server it stays. The policy of the page forbids
// the rest (server/files.py), but no policy says where a page may lead itself.
// This runs before anything of the visualiser's, which may change what pages are made of: it is taken as it is now.
(() => {
  // Peers are reached past most policies: Chromium has one (server/files.py), others have none.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) delete globalThis[name];
  const { apply, getOwnPropertyDescriptor } = Reflect;
  // A page without an origin gets at no window of a frame but by a script in it, which only a text can have there. Its
  // policy (relay/bundle.py) has every text that becomes HTML come by here; in pieces, none could be judged.
  if (globalThis.trustedTypes && "relayed" in document.documentElement.dataset) {
    const { exec } = RegExp.prototype;
    const { includes } = String.prototype;
    const frames = /srcdoc/i;
    const refused = (text, sink) => apply(includes, sink, ["write"]) || apply(includes, sink, ["srcdoc"]) || apply(exec, frames, [text]) !== null;
    const createHTML = (text, type, sink) => (refused(text, sink) ? null : text);
    trustedTypes.createPolicy("default", { createHTML, createScript: (text) => text, createScriptURL: (url) => url });
    // Libraries that would make one of their own do without.
    for (const name of ["trustedTypes", "XSLTProcessor"]) delete globalThis[name];
  }
  const getter = (type, name) => getOwnPropertyDescriptor(type.prototype, name).get;
  const own = `${location.origin}/`;
  const { startsWith } = String.prototype;
  const { preventDefault } = Event.prototype;
  if (!globalThis.navigation) return;
  const destinationOf = getter(NavigateEvent, "destination");
  const urlOf = getter(NavigationDestination, "url");
  const staysOn = getter(NavigationDestination, "sameDocument");
  navigation.addEventListener("navigate", (event) => {
    const destination = apply(destinationOf, event, []);
    if (apply(staysOn, destination, []) || apply(startsWith, apply(urlOf, destination, []), [own])) return;
    apply(preventDefault, event, []);
  });
})();
