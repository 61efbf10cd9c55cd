/* Lists of tickets: walked by keyboard, kept still under the pointer, remembered on the way to a ticket
   and back; what was not read yet is marked. All of it is kept in this browser. */
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const account = document.body.dataset.account || "";
  const read = (store, key, otherwise) => { try { return JSON.parse(store.getItem(key)) ?? otherwise; } catch { return otherwise; } };
  const keep = (store, key, value) => { try { store.setItem(key, JSON.stringify(value)); } catch { /* full or off */ } };
  const LIST = `list:${account}`, SEEN = `seen:${account}`, DENSE = "dense-rows";
  const rows = (where = document) => $$(".row[data-key]", where);

  /* ---- what was read: ticket → the seq of the last message one has seen ---- */
  const seen = () => read(localStorage, SEEN, {});
  const MOST_SEEN = 3000;
  const noteSeen = () => {
    const ticket = $("[data-ticket]");
    if (!ticket || document.hidden || !ticket.dataset.said) return;
    const known = seen();
    const said = Number(ticket.dataset.said);
    if (known[ticket.dataset.ticket] >= said) return;
    delete known[ticket.dataset.ticket];
    known[ticket.dataset.ticket] = said;
    const names = Object.keys(known);
    for (const name of names.slice(0, Math.max(0, names.length - MOST_SEEN))) delete known[name];
    keep(localStorage, SEEN, known);
  };
  const markUnread = () => {
    const known = seen();
    for (const row of $$(".row[data-said]")) {
      const isNew = row.dataset.saidBy !== account.toLowerCase() && !(known[row.dataset.key] >= Number(row.dataset.said));
      row.classList.toggle("is-unread", isNew);
      const link = $(".subject", row);
      const mark = $(".unread", row);
      if (isNew && !mark) link.insertAdjacentHTML("beforebegin", '<span class="unread"><span class="vh">Not read yet: </span></span>');
      else if (!isNew) mark?.remove();
    }
  };

  /* ---- density ---- */
  const density = () => {
    const dense = read(localStorage, DENSE, false);
    document.documentElement.classList.toggle("dense", dense);
    for (const button of $$("[data-density]")) button.setAttribute("aria-pressed", String(dense));
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-density]")) return;
    keep(localStorage, DENSE, !read(localStorage, DENSE, false));
    density();
  });

  /* ---- where one was ---- */
  const live = $("[data-live-list]");
  let at = null;
  const remember = () => {
    if (!live) return;
    const name = $("[data-list]")?.dataset.name ?? "list";
    const keys = rows().map((row) => row.dataset.key);
    keep(sessionStorage, LIST, { href: live.dataset.liveList, name, keys, at });
    keep(sessionStorage, "list", keys); // where "Reply and next" goes on (compose.js)
  };
  const mark = (row) => {
    rows().forEach((each) => each.classList.toggle("is-at", each === row));
    at = row?.dataset.key ?? null;
    if (live) remember();
  };
  const go = (row) => {
    if (!row) return;
    mark(row);
    $(".subject", row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const move = (step) => {
    const all = rows().filter((row) => !row.classList.contains("is-snoozed"));
    if (!all.length) return;
    const place = all.findIndex((row) => row.dataset.key === at);
    go(all[Math.max(0, Math.min(all.length - 1, place < 0 ? (step > 0 ? 0 : all.length - 1) : place + step))]);
  };
  /* The row one was at; where it has left the list, the one that has taken its place. */
  const comeBack = () => {
    const was = read(sessionStorage, LIST, null);
    if (!live || !was || was.href !== live.dataset.liveList || !was.at) return;
    const present = new Map(rows().map((row) => [row.dataset.key, row]));
    const from = was.keys.indexOf(was.at);
    const next = [...was.keys.slice(from), ...was.keys.slice(0, Math.max(0, from)).reverse()].find((key) => present.has(key));
    if (next) go(present.get(next));
  };
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row?.dataset.key && event.target.closest("a.subject")) mark(row);
  });
  const list = read(sessionStorage, LIST, null);
  const shown = $("[data-ticket]")?.dataset.ticket;
  if (list?.keys.includes(shown)) keep(sessionStorage, LIST, { ...list, at: shown });
  /* The server knows no list: the link is set again each time the ticket is drawn anew. */
  const setBack = () => {
    const back = $("[data-back]");
    if (!back || !list) return;
    back.href = list.href;
    back.textContent = `Back to ${list.name}`;
  };
  const neighbour = (step) => {
    const place = list?.keys.indexOf(shown) ?? -1;
    const next = place < 0 ? null : list.keys[place + step];
    if (next) location.href = `/tickets/${next}`;
  };

  /* ---- kept still: rows change where they are, new ones wait ---- */
  let coming = null;
  const news = () => $("[data-list-news]");
  const order = (all, known) => all.map((row) => row.dataset.key).filter((key) => known.has(key)).join();
  const say = (fresh) => {
    const old = new Map(rows().map((row) => [row.dataset.key, row]));
    const others = rows(fresh);
    const added = others.filter((row) => !old.has(row.dataset.key)).length;
    const known = new Set(others.map((row) => row.dataset.key).filter((key) => old.has(key)));
    const moved = order(rows(), known) !== order(others, known);
    const words = added ? `${added} new, show ${added === 1 ? "it" : "them"}` : moved ? "The order has changed, sort again" : "";
    const place = news();
    if (!place || (place.textContent === words)) return;
    place.replaceChildren();
    if (!words) return;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "slim", textContent: words });
    button.dataset.showNew = "";
    place.append(button);
  };
  const lightUp = (row) => { row.classList.remove("fresh"); void row.offsetWidth; row.classList.add("fresh"); };
  const settle = (isWhole = false) => {
    document.dispatchEvent(new CustomEvent("listchange", { detail: { isWhole } }));
    markUnread();
    density();
    const row = at && rows().find((each) => each.dataset.key === at);
    if (row) row.classList.add("is-at");
  };
  const showAll = () => {
    if (!coming) return;
    const before = new Map(rows().map((row) => [row.dataset.key, row.dataset.stamp]));
    Idiomorph.morph($("#live-body"), coming.cloneNode(true), { morphStyle: "outerHTML" });
    for (const row of rows()) if (before.get(row.dataset.key) !== row.dataset.stamp) lightUp(row);
    coming = null;
    settle(true);
    remember();
  };
  const take = (fresh) => {
    coming = fresh;
    const mine = rows();
    if (!mine.length) { showAll(); return; }
    const bar = $("nav", $("#live-body")), tabs = $("nav", fresh);
    if (bar && tabs) Idiomorph.morph(bar, tabs.cloneNode(true), { morphStyle: "outerHTML" });
    const theirs = new Map(rows(fresh).map((row) => [row.dataset.key, row]));
    for (const row of mine) {
      const other = theirs.get(row.dataset.key);
      row.classList.toggle("is-gone", !other);
      if (!other || other.dataset.stamp === row.dataset.stamp) continue;
      Idiomorph.morph(row, other.cloneNode(true), { morphStyle: "outerHTML" });
      lightUp($(`[data-key="${CSS.escape(other.dataset.key)}"]`));
    }
    say(fresh);
    settle();
  };
  const PAUSE_MS = 700; // a busy desk is drawn so often, not at each event
  const RETRY_MS = 3000;
  let asking = false, again = false;
  const ask = async () => {
    if (asking) { again = true; return; }
    asking = true;
    again = false;
    let pause = PAUSE_MS;
    const later = () => { again = true; pause = RETRY_MS; }; // what changed is still to be drawn
    try {
      const answer = await fetch(live.dataset.liveList, { headers: { Accept: "text/html" } });
      const fresh = answer.ok && !answer.redirected && $("#live-body", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (fresh) take(document.importNode(fresh, true));
      else if (answer.status >= 429) later();
    } catch { later(); }
    setTimeout(() => { asking = false; if (again) ask(); }, pause);
  };
  live?.addEventListener("live", ask);
  document.addEventListener("click", (event) => { if (event.target.closest("[data-show-new]")) showAll(); });

  /* ---- keys ---- */
  const takeIt = async () => {
    const form = $("[data-take]");
    if (form) { form.click(); return; }
    const row = $(".row.is-at");
    if (!row || row.dataset.owner) return;
    const body = new URLSearchParams({ idempotency_key: crypto.randomUUID?.() ?? String(Math.random()), instead_of: "" });
    await fetch(`/tickets/${row.dataset.key}/take`, { method: "POST", body, redirect: "manual" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("dialog[open]")) return;
    if (event.target.matches("input:not(.pick), select, textarea, [contenteditable]")) return;
    const onTicket = Boolean($("[data-ticket]"));
    const does = {
      j: () => (onTicket ? neighbour(1) : move(1)),
      k: () => (onTicket ? neighbour(-1) : move(-1)),
      o: () => $(".row.is-at .subject")?.click(),
      t: takeIt,
      u: () => $("[data-back]")?.click(),
      ".": showAll,
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });

  document.body.addEventListener("htmx:afterSwap", () => { setBack(); noteSeen(); });
  document.addEventListener("visibilitychange", noteSeen);
  window.addEventListener("pageshow", (event) => { if (event.persisted) { markUnread(); comeBack(); } });
  document.documentElement.classList.add("has-script");
  const tab = $("[data-list] .tabs [aria-current]");
  if (tab) tab.closest(".tabs").scrollLeft = tab.offsetLeft - 24;
  density();
  setBack();
  noteSeen();
  markUnread();
  comeBack();
  if (live) remember();
})();
