/* One stream of events for all tabs of a browser: a browser opens six connections to a site, and each
   tab needs some to load. Tabs say what they show; each is told when something of that has changed. */
"use strict";
const AGAIN_MS = 3000;
const tabs = new Map();
let source = null;
let state = "connecting";
let again = 0;

const everybody = (message) => { for (const port of tabs.keys()) port.postMessage(message); };
const say = (word) => { state = word; everybody({ state }); };

const pass = (event) => {
  const said = JSON.parse(event.data);
  for (const [port, subjects] of tabs) {
    const about = said.all || subjects.has("*") || said.about.some((subject) => subjects.has(subject));
    if (about) port.postMessage({ changed: true });
  }
};

const listen = () => {
  clearTimeout(again);
  if (source) return;
  source = new EventSource("/live");
  source.addEventListener("changed", pass);
  source.addEventListener("open", () => say("open"));
  source.addEventListener("error", () => {
    say("broken");
    if (source?.readyState !== EventSource.CLOSED) return;
    // The server said no: nobody is logged in just now, or it is not there. A tab may know better later.
    source = null;
    again = setTimeout(() => { if (tabs.size) listen(); }, AGAIN_MS);
  });
};

const leave = (port) => {
  tabs.delete(port);
  if (tabs.size) return;
  clearTimeout(again);
  source?.close();
  source = null;
};

addEventListener("connect", (event) => {
  const port = event.ports[0];
  port.addEventListener("message", ({ data }) => {
    if (data.leaves) { leave(port); return; }
    tabs.set(port, new Set(data.subjects));
    // Whatever happened between drawing the page and now is shown.
    port.postMessage({ state, changed: true });
    listen();
  });
  port.start();
});
