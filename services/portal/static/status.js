/* The status page renews itself. It asks for nothing but the files beside it, and without it the page reloads each minute. */
(() => {
  "use strict";
  const OLD_MS = 5 * 60 * 1000;

  const main = document.getElementById("main");
  const asOf = document.getElementById("as-of");
  let mark = main.dataset.mark;

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
      mark = now.mark;
    }
    asOf.dateTime = now.as_of;
    asOf.textContent = now.as_of_words;
  };

  const look = async () => {
    try { await renew(); } catch { /* away: what is shown stays, and says how old it is */ }
    const old = Date.now() - new Date(asOf.dateTime).getTime() > OLD_MS;
    document.getElementById("behind").hidden = !old;
  };
  setInterval(look, 10000);
})();
