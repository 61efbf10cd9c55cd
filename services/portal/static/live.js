/* Pages that stay true: one stream for all tabs (live-worker.js). Where a browser has no shared worker
   (some phones), each page that is looked at holds its own, and closes it while hidden. */
(() => {
  "use strict";
  const script = document.getElementById("live-script");
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const subjects = () => [...new Set(parts().flatMap((el) => el.dataset.live.split(" ")))];
  if (!parts().length) return;

  const place = document.getElementById("live-state");
  const WORDS = { open: "Live", broken: "Reconnecting…" };
  /* A tab that nobody looks at draws nothing; it catches up when it is looked at. */
  let missed = false;
  const show = () => {
    missed = document.hidden;
    if (!missed) for (const el of parts()) el.dispatchEvent(new CustomEvent("live"));
  };
  document.addEventListener("visibilitychange", () => { if (missed) show(); });
  const hear = ({ state, changed }) => {
    if (state && place && WORDS[state]) place.textContent = WORDS[state];
    if (changed) show();
  };

  const LATE_MS = 6000;
  /* A stream of this page's own; what is returned ends it. */
  const alone = () => {
    let source = null, isOver = false;
    const close = () => { source?.close(); source = null; };
    const listen = () => {
      if (source || isOver || document.hidden) return;
      source = new EventSource("/live");
      source.addEventListener("open", () => hear({ state: "open" }));
      source.addEventListener("error", () => hear({ state: "broken" }));
      source.addEventListener("changed", (event) => {
        const said = JSON.parse(event.data);
        const mine = subjects();
        hear({ changed: said.all || mine.includes("*") || said.about.some((one) => mine.includes(one)) });
      });
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : listen()));
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", listen);
    listen();
    return () => { isOver = true; close(); };
  };

  const together = () => {
    const worker = new SharedWorker(script.dataset.worker, { name: `signalbox ${document.body.dataset.account || ""}` });
    const join = () => worker.port.postMessage({ subjects: subjects() });
    /* Where the worker cannot, for whatever reason, the page listens by itself. */
    let own = null;
    const late = setTimeout(() => { own ??= alone(); }, LATE_MS);
    worker.addEventListener("error", () => { own ??= alone(); });
    worker.port.addEventListener("message", ({ data }) => {
      if (data.state === "open") { clearTimeout(late); own?.(); own = null; }
      hear(data);
    });
    worker.port.start();
    window.addEventListener("pagehide", () => worker.port.postMessage({ leaves: true }));
    window.addEventListener("pageshow", (event) => { if (event.persisted) join(); });
    join();
  };

  try {
    if (!("SharedWorker" in window)) throw new Error("no shared worker here");
    together();
  } catch { alone(); }
})();
