/* Tickets one does not want to see till a time: in this browser, for this person. A ticket comes back
   when its time has come, or when somebody else has written. Rows hide at one's own word, and come back
   only with a whole list, so that nothing moves under the pointer. */
(() => {
  "use strict";
  const account = document.body.dataset.account || "";
  const KEY = `snoozed:${account}`;
  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } };
  const write = (kept) => { try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* full or off */ } };
  const $$ = (what) => [...document.querySelectorAll(what)];
  const rows = () => $$(".row[data-said]");
  let hidden = new Set();
  let shown = false;

  const isAsleep = (kept, row) => {
    const nap = kept[row.dataset.key];
    const news = Number(row.dataset.said) > (nap?.said ?? 0) && row.dataset.saidBy !== account.toLowerCase();
    return Boolean(nap) && nap.until > Date.now() && !news;
  };
  const draw = () => {
    for (const row of rows()) row.classList.toggle("is-snoozed", hidden.has(row.dataset.key) && !shown);
    const bar = document.querySelector("[data-list-bar]");
    if (!bar) return;
    let button = bar.querySelector("[data-show-snoozed]");
    const count = rows().filter((row) => hidden.has(row.dataset.key)).length;
    if (!count) { button?.remove(); return; }
    if (!button) {
      button = Object.assign(document.createElement("button"), { type: "button", className: "slim quiet" });
      button.dataset.showSnoozed = "";
      bar.querySelector("[data-density]").before(button);
    }
    button.textContent = shown ? `Hide ${count} snoozed` : `Show ${count} snoozed`;
  };
  const look = () => {
    const kept = read();
    hidden = new Set(rows().filter((row) => isAsleep(kept, row)).map((row) => row.dataset.key));
    draw();
  };

  /* ---- how long ---- */
  const nine = (days) => { const at = new Date(); at.setDate(at.getDate() + days); at.setHours(9, 0, 0, 0); return at.getTime(); };
  const UNTIL = { hour: () => Date.now() + 3600e3, tomorrow: () => nine(1), monday: () => nine(((8 - new Date().getDay()) % 7) || 7) };
  const snooze = (key, said, word) => {
    const now = Date.now();
    const kept = Object.fromEntries(Object.entries(read()).filter(([, nap]) => nap.until > now));
    if (UNTIL[word]) kept[key] = { until: UNTIL[word](), said: Number(said) || 0 };
    else delete kept[key];
    write(kept);
  };
  const ticket = document.querySelector("[data-ticket][data-said]");
  const choice = document.querySelector("[data-snooze]");
  if (choice && ticket) {
    if ((read()[ticket.dataset.ticket]?.until ?? 0) > Date.now()) choice.options[0].textContent = "Snoozed; wake it";
    choice.addEventListener("change", () => {
      snooze(ticket.dataset.ticket, ticket.dataset.said, choice.value);
      if (choice.value !== "wake") document.querySelector("[data-back]")?.click();
      else choice.options[0].textContent = "Not snoozed";
    });
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-show-snoozed]")) return;
    shown = !shown;
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "z" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input:not(.pick), select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
    if (choice && ticket) { choice.focus(); event.preventDefault(); return; }
    const row = document.querySelector(".row.is-at[data-said]");
    if (!row) return;
    event.preventDefault();
    snooze(row.dataset.key, row.dataset.said, hidden.has(row.dataset.key) ? "wake" : "tomorrow");
    hidden[hidden.has(row.dataset.key) ? "delete" : "add"](row.dataset.key);
    draw();
  });
  document.addEventListener("snoozepicked", (event) => {
    for (const row of rows().filter((each) => event.detail.keys.includes(each.dataset.key))) {
      snooze(row.dataset.key, row.dataset.said, event.detail.word);
      hidden.add(row.dataset.key);
    }
    draw();
  });
  document.addEventListener("listchange", (event) => { if (event.detail?.isWhole) look(); else draw(); });
  look();
})();
