/* Small comforts over pages that work without them: local times, theme, shortcuts, drafts, lists by keyboard, live parts. */
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const root = document.documentElement;
  const skew = new Date(root.dataset.now).getTime() - Date.now();
  const now = () => Date.now() + skew;

  /* ---- times: UTC in the page, local on screen, UTC when hovered ---- */
  const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const other = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const span = (ms) => {
    const all = Math.floor(Math.abs(ms) / 60000);
    const [d, h, m] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
    if (d) return h && d < 7 ? `${d} d ${h} h` : `${d} d`;
    if (h) return m ? `${h} h ${m} min` : `${h} h`;
    return m ? `${m} min` : "";
  };
  const times = (where = document) => {
    for (const el of $$("time[data-local]", where)) {
      const at = new Date(el.dateTime);
      const isToday = at.toDateString() === new Date(now()).toDateString();
      el.textContent = (isToday ? today : other).format(at);
    }
    for (const el of $$("time[data-rel]", where)) {
      const away = new Date(el.dateTime).getTime() - now();
      const words = span(away);
      el.textContent = !words ? "just now" : away > 0 ? `in ${words}` : `${words} ago`;
    }
  };
  setInterval(() => times(), 20000);

  /* ---- theme ---- */
  const themeForm = $("#theme-form");
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  themeForm?.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = $("button", themeForm);
    const theme = button.value;
    fetch(themeForm.action, { method: "POST", redirect: "manual", body: new URLSearchParams({ theme, next: "/" }) });
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.value = NEXT[theme];
    button.textContent = theme[0].toUpperCase() + theme.slice(1);
    button.title = `Theme: ${theme}`;
    button.setAttribute("aria-label", `Theme: ${theme}. Change it`);
    document.dispatchEvent(new Event("themechange"));
  });

  /* ---- drafts: kept in this browser, per person and form, until the ticket or reply is in ---- */
  const who = document.body.dataset.account || "";
  const nameOf = (form) => `draft:${who}:${form}`;
  const KEEP = "input:not([type=hidden]), select, textarea";
  const fill = (form, kept) => {
    let found = false;
    for (const el of $$(KEEP, form)) {
      if (!(el.name in kept)) continue;
      const before = el.type === "radio" || el.type === "checkbox" ? el.checked : el.value;
      if (el.type === "radio" || el.type === "checkbox") el.checked = kept[el.name].includes(el.value);
      else el.value = kept[el.name][0] ?? "";
      found ||= before !== (el.type === "radio" || el.type === "checkbox" ? el.checked : el.value);
    }
    return found;
  };
  const drafts = () => {
    for (const form of $$("form[data-draft]")) {
      const key = nameOf(form.dataset.draft);
      const state = $("[data-draft-state]", form);
      if (!$("[aria-invalid]", form)) {
        try {
          const kept = JSON.parse(localStorage.getItem(key) || "null");
          if (kept && fill(form, kept)) state.textContent = "Your draft was kept.";
        } catch { localStorage.removeItem(key); }
      }
      form.addEventListener("input", () => {
        const kept = {};
        for (const el of $$(KEEP, form)) {
          if (!el.name) continue;
          kept[el.name] ??= [];
          if ((el.type === "radio" || el.type === "checkbox") && !el.checked) continue;
          kept[el.name].push(el.value);
        }
        try { localStorage.setItem(key, JSON.stringify(kept)); state.textContent = "Draft saved in this browser."; } catch { /* storage is full or off */ }
      });
    }
  };
  for (const el of $$("[data-clear-draft]")) localStorage.removeItem(nameOf(el.dataset.clearDraft));
  $("form[action='/logout']")?.addEventListener("submit", () => {
    for (const key of Object.keys(localStorage)) if (key.startsWith(nameOf(""))) localStorage.removeItem(key);
  });

  /* ---- one click is one request ---- */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-once")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    const button = event.submitter ?? $("button:not([type=button])", form);
    if (button) { button.setAttribute("aria-busy", "true"); }
    setTimeout(() => { delete form.dataset.sent; button?.removeAttribute("aria-busy"); }, 8000);
  });
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => { delete form.dataset.sent; $("[aria-busy]", form)?.removeAttribute("aria-busy"); }));
  if (location.search.includes("after=")) {
    const clean = new URL(location.href);
    clean.searchParams.delete("after");
    history.replaceState(null, "", clean);
  }

  /* ---- forms that answer to choices ---- */
  document.addEventListener("change", (event) => { if (event.target.matches("[data-submit]")) event.target.form.requestSubmit(); });
  const app = $("select#app"), addon = $("select#addon");
  const attached = () => {
    const chosen = app.selectedOptions[0];
    const slugs = chosen?.value ? chosen.dataset.addons.split(" ") : null;
    for (const option of addon.options) option.disabled = option.hidden = Boolean(option.value && slugs && !slugs.includes(option.value));
    if (addon.selectedOptions[0]?.disabled) addon.value = "";
  };
  app?.addEventListener("change", attached);

  /* ---- lists by keyboard, and shortcuts ---- */
  let at = null;
  const rows = () => $$("[data-list] .row");
  const mark = (row) => {
    rows().forEach((each) => each.classList.toggle("is-at", each === row));
    at = row?.dataset.key ?? null;
  };
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const place = all.findIndex((row) => row.dataset.key === at);
    const row = all[Math.max(0, Math.min(all.length - 1, place < 0 ? (step > 0 ? 0 : all.length - 1) : place + step))];
    mark(row);
    $(".subject", row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const keys = $("#keys");
  const showKeys = (event) => { event?.preventDefault(); keys.showModal(); };
  $("#show-keys")?.addEventListener("click", showKeys);
  keys?.addEventListener("click", (event) => { if (event.target === keys) keys.close(); });
  let gone = 0;
  const GO = { q: ["queue", "tickets"], p: ["pages"], c: ["on-call"], o: ["ops"], i: ["incidents"], a: ["announce"], h: ["help"] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys?.open) return;
    if (event.target.matches("input, select, textarea, [contenteditable]")) { if (event.key === "Escape") event.target.blur(); return; }
    if (event.key === "g") { gone = Date.now(); return; }
    if (Date.now() - gone < 1000) {
      gone = 0;
      const place = (GO[event.key] ?? []).map((key) => $(`.places a[data-place="${key}"]`)).find(Boolean);
      if (place) { event.preventDefault(); location.href = place.href; return; }
    }
    const does = {
      j: () => move(1),
      k: () => move(-1),
      o: () => $(".row.is-at .subject")?.click(),
      r: () => $("[data-reply]")?.focus(),
      "/": () => $("[data-search]")?.focus(),
      n: () => { const link = $("a[href='/tickets/new']"); if (link) location.href = link.href; },
      "?": showKeys,
    }[event.key];
    if (does) { event.preventDefault(); does(); }
  });

  /* ---- live parts are morphed, not replaced: what is focused, pressed or unfolded stays; what is new lights up ---- */
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, el) => !(name === "open" && el.localName === "details");
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) => !(old.localName === "time" && fresh.localName === "time" && old.dateTime === fresh.dateTime);
  const stamps = (where) => new Map($$("[data-key]", where).map((el) => [el.dataset.key, el.dataset.stamp]));
  let before = null;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
    else before = stamps(event.detail.target);
  });
  document.body.addEventListener("htmx:oobAfterSwap", () => times());
  document.body.addEventListener("htmx:afterSwap", () => {
    const live = $("#live-body");
    if (!live) return;
    times();
    if (before) for (const el of $$("[data-key]", live)) if (before.get(el.dataset.key) !== el.dataset.stamp) el.classList.add("fresh");
    before = null;
    const row = at && rows().find((each) => each.dataset.key === at);
    if (row) mark(row);
  });
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target;
    const changed = $$("textarea, input:not([type=hidden])", old).some((el) => (el.type === "checkbox" || el.type === "radio" ? el.checked !== el.defaultChecked : el.value !== el.defaultValue));
    const writing = old.hasAttribute("data-keep-while-editing") && (changed || $("details[open]:not([data-open])", old) || old.contains(document.activeElement));
    if (writing) event.detail.shouldSwap = false;
  });
  const state = $("#live-state");
  document.body.addEventListener("htmx:sseOpen", () => { state.textContent = "Live"; });
  document.body.addEventListener("htmx:sseError", () => { state.textContent = "Reconnecting…"; });

  /* ---- where one is: the time zone that is shown, the place in a narrow navigation, the field that is wrong ---- */
  const zone = $("#zone");
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && local !== "UTC") zone.textContent = `Times: ${local.replaceAll("_", " ")}; hover for UTC`;
  const place = $(".places [aria-current]");
  if (place) place.closest(".places").scrollLeft = place.offsetLeft - 24;
  $("main [aria-invalid=true]")?.focus();

  times();
  drafts();
  if (app) attached();
})();
