/* The offline page, and nothing else: no page, answer or form is kept, so none can be out of date. */
"use strict";
const KEPT = {{ name | json | safe }};
const SHELL = {{ shell | json | safe }};
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(SHELL)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const asked = event.request;
  if (asked.mode === "navigate" && asked.method === "GET") {
    event.respondWith(fetch(asked).catch(() => caches.match(SHELL[0])));
  } else if (SHELL.includes(new URL(asked.url).pathname + new URL(asked.url).search)) {
    event.respondWith(caches.match(asked).then((found) => found ?? fetch(asked)));
  }
});
