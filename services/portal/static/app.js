/* Small comforts over pages that work without them: local times, theme, shortcuts, drafts, lists by keyboard, live parts. */
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const root = document.documentElement;
  const skew = new Date(root.dataset.now).getTime() - Date.now();
  const now = () => Date.now() + skew;

  /* ---- times: UTC when hovered; on screen in the zone and style of the account, else of the browser ---- */
  const dates = (options) => {
    try { return new Intl.DateTimeFormat(root.dataset.dates, { ...options, timeZone: root.dataset.zone }); }
    catch { return new Intl.DateTimeFormat(undefined, options); }
  };
  const day = dates({ year: "numeric", month: "numeric", day: "numeric" });
  const today = dates({ hour: "2-digit", minute: "2-digit" });
  const other = dates({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
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
      const isToday = day.format(at) === day.format(new Date(now()));
      el.textContent = (isToday ? today : other).format(at);
    }
    for (const el of $$("time[data-rel]", where)) {
      const away = new Date(el.dateTime).getTime() - now();
      const words = span(away);
      el.textContent = !words ? "just now" : away > 0 ? `in ${words}` : `${words} ago`;
    }
  };
  setInterval(() => times(), 20000);
  const countdown = (ms) => {
    const all = Math.floor(ms / 1000);
    if (all < 1) return "any moment";
    if (all >= 600) return `in ${span(ms)}`;
    const [m, s] = [Math.floor(all / 60), all % 60];
    return `in ${[m && `${m} min`, s && `${s} s`].filter(Boolean).join(" ")}`;
  };
  const counts = () => { for (const el of $$("time[data-countdown]")) el.textContent = countdown(new Date(el.dateTime).getTime() - now()); };
  setInterval(counts, 1000);

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

  /* ---- times to enter: in the person's own zone, sent as UTC, and the UTC shown beside them ---- */
  const two = (n) => String(n).padStart(2, "0");
  const asField = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  const zoneName = Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll("_", " ");
  const converted = new WeakSet();
  const echo = (el) => {
    const at = new Date(el.value);
    const said = el.nextElementSibling?.matches(".echo") ? el.nextElementSibling : el.insertAdjacentElement("afterend", Object.assign(document.createElement("small"), { className: "echo hint" }));
    said.textContent = el.value && !Number.isNaN(at.getTime()) && at.getTimezoneOffset() ? `${at.toISOString().slice(0, 16).replace("T", ", ")} UTC` : "";
  };
  const zones = () => {
    for (const el of $$("[data-needs-script]")) el.hidden = false;
    for (const el of $$("input[type='datetime-local']")) {
      const mark = $("[data-zone]", el.closest("label") ?? $(`label[for="${el.id}"]`) ?? el.parentElement);
      if (mark) mark.textContent = `(${zoneName})`;
      if (converted.has(el)) continue;
      converted.add(el);
      const change = (value) => (value ? asField(new Date(`${value}Z`)) : "");
      el.defaultValue = change(el.defaultValue);
      echo(el);
    }
  };
  document.addEventListener("input", (event) => { if (event.target.matches("input[type='datetime-local']")) echo(event.target); });
  document.addEventListener("formdata", (event) => {
    for (const el of $$("input[type='datetime-local']", event.target)) {
      if (el.name && el.value && converted.has(el)) event.formData.set(el.name, new Date(el.value).toISOString().slice(0, 16) + "Z");
    }
  });

  const who = document.body.dataset.account || "";

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

  /* ---- copy what stands in a field ---- */
  if (navigator.clipboard) for (const button of $$("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      field.select();
      try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; } catch { button.textContent = "Press Ctrl+C"; }
      setTimeout(() => { button.textContent = "Copy"; }, 3000);
    });
  }

  /* ---- forms that answer to choices ---- */
  document.addEventListener("change", (event) => { if (event.target.matches("[data-submit]")) event.target.form.requestSubmit(); });
  document.addEventListener("change", (event) => {
    const from = event.target;
    if (!from.matches("[data-fills]")) return;
    const into = document.getElementById(from.dataset.fills);
    into.value = from.value;
    into.dispatchEvent(new Event("input", { bubbles: true }));
    const phase = from.selectedOptions[0]?.dataset.phase, select = from.form && $("[name='phase']", from.form);
    if (phase && select && [...select.options].some((one) => one.value === phase)) select.value = phase;
  });
  const app = $("select#app"), addon = $("select#addon");
  const attached = () => {
    const chosen = app.selectedOptions[0];
    const slugs = chosen?.value ? chosen.dataset.addons.split(" ") : null;
    for (const option of addon.options) option.disabled = option.hidden = Boolean(option.value && slugs && !slugs.includes(option.value));
    if (addon.selectedOptions[0]?.disabled) addon.value = "";
  };
  app?.addEventListener("change", attached);

  /* ---- shortcuts; those of lists and tickets are in lists.js ---- */
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
      r: () => $("[data-reply]")?.focus(),
      "/": () => ($("main [data-search]") ?? $("[data-search]"))?.focus(),
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
  document.body.addEventListener("htmx:oobAfterSwap", () => { times(); zones(); });
  document.body.addEventListener("htmx:afterSwap", () => {
    const live = $("#live-body");
    if (!live) return;
    times();
    if (before) for (const el of $$("[data-key]", live)) if (before.get(el.dataset.key) !== el.dataset.stamp) el.classList.add("fresh");
    before = null;
  });
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target;
    const changed = $$("textarea, input:not([type=hidden])", old).some((el) => (el.type === "checkbox" || el.type === "radio" ? el.checked !== el.defaultChecked : el.value !== el.defaultValue));
    const writing = old.hasAttribute("data-keep-while-editing") && (changed || $("details[open]:not([data-open])", old) || old.contains(document.activeElement));
    if (writing) event.detail.shouldSwap = false;
  });
  document.addEventListener("listchange", () => times());

  /* ---- where one is: the time zone that is shown, the place in a narrow navigation, the field that is wrong ---- */
  const zone = $("#zone");
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !root.dataset.zone && local !== "UTC") zone.textContent = `Times: ${local.replaceAll("_", " ")}; hover for UTC`;
  const place = $(".places [aria-current]");
  if (place) place.closest(".places").scrollLeft = place.offsetLeft - 24;
  $("main [aria-invalid=true]")?.focus();

  /* ---- on a phone it can be installed; the worker keeps the page that says there is no connection, and no other ---- */
  if (who && "serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => { /* private windows refuse it */ });

  times();
  zones();
  for (const el of $$("input[type='datetime-local']")) echo(el);
  if (app) attached();
})();
