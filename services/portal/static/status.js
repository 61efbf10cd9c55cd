/* The status page renews itself. It asks for nothing but the files beside it, and without it the page reloads each minute. */
(() => {
  "use strict";
  const OLD_MS = 5 * 60 * 1000;

  const main = document.getElementById("main");
  const asOf = document.getElementById("as-of");
  let mark = main.dataset.mark;

  /* Times are UTC in the page, and local on screen; what was there stays as the title. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const shown = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  const localise = (where) => {
    for (const el of where.querySelectorAll("time[datetime]")) {
      const at = new Date(el.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      el.title ||= el.textContent;
      el.textContent = shown.format(at);
    }
  };

  const renew = async () => {
    const answer = await fetch("/v1/status.json", { cache: "no-cache" });
    if (!answer.ok) return;
    const now = await answer.json();
    if (now.mark !== mark) {
      const page = await fetch(location.pathname, { cache: "no-cache" });
      if (!page.ok) return;
      const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
      main.replaceChildren(...document.importNode(fresh.getElementById("main"), true).childNodes);
      document.title = fresh.title;
      localise(main);
      mark = now.mark;
    }
    asOf.dateTime = now.as_of;
    asOf.title = now.as_of_words;
    asOf.textContent = shown.format(new Date(now.as_of));
  };

  const look = async () => {
    try { await renew(); } catch { /* away: what is shown stays, and says how old it is */ }
    const old = Date.now() - new Date(asOf.dateTime).getTime() > OLD_MS;
    document.getElementById("behind").hidden = !old;
  };
  localise(document);
  document.getElementById("zone").textContent = `Times: ${zone.replaceAll("_", " ")}; hover for UTC`;
  setInterval(look, 10000);
})();
