// What the device tells is not to be carried elsewhere: a page of this server it stays. The policy of the page forbids
// the rest (server/files.py), but no policy says where a page may lead itself.
// This runs before anything of the visualiser's, which may change what pages are made of: it is taken as it is now.
(() => {
  // Peers are reached past all policies.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) delete globalThis[name];
  const { apply, getOwnPropertyDescriptor } = Reflect;
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
