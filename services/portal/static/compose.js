/* Writing: drafts, the reply form, and replies that wait some seconds so that they can be taken back. Pages work without it. */
(() => {
  "use strict";
  const $ = (what, where = document) => where.querySelector(what);
  const $$ = (what, where = document) => [...where.querySelectorAll(what)];
  const who = document.body.dataset.account || "";
  const read = (key) => { try { return JSON.parse(localStorage.getItem(key) || "null"); } catch { localStorage.removeItem(key); return null; } };
  const write = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); return true; } catch { return false; } };
  const keysOf = (prefix) => Object.keys(localStorage).filter((key) => key.startsWith(prefix));

  /* ---- this tab, and which other tabs are open: a lock is held as long as the tab lives ---- */
  const tab = (sessionStorage.tab ??= Math.random().toString(36).slice(2));
  navigator.locks?.request(`tab-${tab}`, () => new Promise(() => {}));
  const living = async () => new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name.slice(4)));

  /* ---- drafts: kept in this browser, per person, form and tab, until what was written is in ---- */
  const nameOf = (form, of = tab) => `draft:${who}:${form}@${of}`;
  const KEPT = "input:not([type=hidden], [type=file]), select:not([data-macros]), textarea";
  const isChoice = (el) => el.type === "radio" || el.type === "checkbox";
  const fill = (form, kept) => {
    let found = false;
    for (const el of $$(KEPT, form)) {
      if (!el.name || !(el.name in kept)) continue;
      const before = isChoice(el) ? el.checked : el.value;
      if (isChoice(el)) el.checked = kept[el.name].includes(el.value);
      else el.value = kept[el.name][0] ?? "";
      found ||= before !== (isChoice(el) ? el.checked : el.value);
    }
    return found;
  };
  const valuesOf = (form) => {
    const kept = {};
    for (const el of $$(KEPT, form)) {
      if (!el.name) continue;
      kept[el.name] ??= [];
      if (!isChoice(el) || el.checked) kept[el.name].push(el.value);
    }
    return kept;
  };
  const say = (form, text) => { const place = $("[data-draft-state]", form); if (place) place.textContent = text; };
  const keep = (form) => { if (write(nameOf(form.dataset.draft), { at: Date.now(), fields: valuesOf(form) })) say(form, "Draft saved in this browser."); };
  /* A draft of a tab that is closed comes back; one of a tab that is open stays where it is. */
  const adopt = async (form) => {
    const alive = await living();
    const found = keysOf(`draft:${who}:${form.dataset.draft}`).map((key) => ({ key, kept: read(key) }))
      .filter(({ key, kept }) => kept && (!key.includes("@") ? key === `draft:${who}:${form.dataset.draft}` : key.startsWith(nameOf(form.dataset.draft, "")) && !alive.has(key.split("@").pop())))
      .sort((a, b) => (b.kept.at ?? 0) - (a.kept.at ?? 0));
    if (!found.length || form.dataset.touched) return;
    if (fill(form, found[0].kept.fields ?? found[0].kept)) { say(form, "Your draft was kept."); keep(form); }
    localStorage.removeItem(found[0].key);
  };
  for (const el of $$("[data-clear-draft]")) localStorage.removeItem(nameOf(el.dataset.clearDraft));
  for (const form of $$("form[data-draft]")) {
    if (!$("[aria-invalid]", form)) {
      const own = read(nameOf(form.dataset.draft));
      if (!own) adopt(form);
      else if (fill(form, own.fields)) say(form, "Your draft was kept.");
    }
    form.addEventListener("input", () => { form.dataset.touched = "1"; keep(form); });
  }
  $("form[action='/logout']")?.addEventListener("submit", () => { for (const key of keysOf(`draft:${who}:`)) localStorage.removeItem(key); });

  /* ---- replies on their way: kept in this browser until they are in, under a key that counts once ---- */
  const OUT = `outgoing:${who}:`;
  const TOO_OLD_MS = 10 * 60 * 1000;
  let inside = false; /* one goes on to another page of ours, which sends what waits */
  document.addEventListener("click", (event) => { const link = event.target.closest?.("a[href]"); if (link && link.origin === location.origin && !link.target && !event.ctrlKey && !event.metaKey) inside = true; });
  document.addEventListener("submit", () => { inside = true; });
  window.addEventListener("pageshow", () => { inside = false; });
  const go = (path) => { inside = true; location.href = path; };
  const toast = document.createElement("div");
  toast.className = "outgoing";
  toast.setAttribute("role", "status");
  document.body.append(toast);
  const show = (text, ...acts) => {
    toast.replaceChildren();
    if (!text) return;
    const words = document.createElement("span");
    words.textContent = text;
    toast.append(words);
    for (const [label, act] of acts) {
      const button = document.createElement("button");
      button.type = "button"; button.className = "quiet slim"; button.textContent = label;
      button.addEventListener("click", act);
      toast.append(button);
    }
  };
  const MOST_KEPT_ALIVE = 60000; /* the Fetch standard lets 64 KiB outlive a page */
  const post = (entry) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(entry.fields)) body.append(name, value);
    const keepalive = new Blob(Object.values(entry.fields)).size < MOST_KEPT_ALIVE;
    return fetch(entry.action, { method: "POST", body, headers: { Accept: "application/json" }, keepalive });
  };
  const backToDraft = (key, entry) => {
    const fields = Object.fromEntries(Object.entries(entry.fields).map(([name, value]) => [name, [value]]));
    write(nameOf(`reply-${entry.ticket}`), { at: Date.now(), fields });
    localStorage.removeItem(key);
    const form = $(`form[data-draft="reply-${entry.ticket}"]`);
    if (form) { fill(form, fields); $("textarea", form).focus(); say(form, "Not sent. It is a draft again."); }
    return Boolean(form);
  };
  const undo = (key, entry) => { show(""); if (!backToDraft(key, entry)) go(`/tickets/${entry.ticket}#reply`); };
  const busy = new Set();
  const send = async (key) => {
    const entry = read(key);
    if (!entry || busy.has(key)) return;
    busy.add(key);
    try {
      show(`Sending to “${entry.subject}”…`);
      const answer = await post(entry);
      if (answer.ok) {
        localStorage.removeItem(key);
        show(`Sent: “${entry.subject}”.`);
        if (location.pathname === `/tickets/${entry.ticket}`) document.dispatchEvent(new CustomEvent("reply-sent", { detail: await answer.json() }));
        setTimeout(() => { if (toast.textContent.startsWith("Sent")) show(""); }, 4000);
      } else if (answer.status === 401) {
        show("You were logged out. Your reply is kept and goes out when you are back.", ["Log in", () => go(`/login?next=${encodeURIComponent(location.pathname)}`)]);
      } else if (answer.status >= 500 || answer.status === 429) {
        show("It cannot be sent just now. It is kept, and tried again.");
        setTimeout(() => send(key), 5000);
      } else {
        const problem = await answer.json().catch(() => ({}));
        const here = backToDraft(key, entry);
        show(`Not sent to “${entry.subject}”: ${problem.detail ?? "it was refused"}`, ...(here ? [] : [["Look at it", () => go(`/tickets/${entry.ticket}#reply`)]]));
      }
    } catch {
      show("There is no connection. Your reply is kept, and tried again.");
      setTimeout(() => send(key), 5000);
    } finally { busy.delete(key); }
  };
  const wait = (key) => {
    const entry = read(key);
    if (!entry) return;
    const left = Math.ceil((entry.due - Date.now()) / 1000);
    if (left <= 0) { send(key); return; }
    if (!toast.dataset.for || toast.dataset.for !== key || !toast.firstChild) {
      toast.dataset.for = key;
      show(`Sending to “${entry.subject}” in a moment.`, ["Undo", () => undo(key, read(key) ?? entry)], ["Send now", () => send(key)]);
    }
    setTimeout(() => wait(key), Math.min(1000, entry.due - Date.now()));
  };
  const resume = async (isFirst) => {
    const alive = await living();
    for (const key of keysOf(OUT)) {
      const entry = read(key);
      if (!entry || (entry.tab === tab ? !isFirst : alive.has(entry.tab))) continue;
      if (Date.now() - entry.due > TOO_OLD_MS) {
        const here = backToDraft(key, entry);
        show(`A reply to “${entry.subject}” was never sent. It is a draft again.`, ...(here ? [] : [["Look at it", () => go(`/tickets/${entry.ticket}#reply`)]]));
      } else { write(key, { ...entry, tab }); wait(key); }
    }
  };
  window.addEventListener("pagehide", () => {
    if (inside) return;
    for (const key of keysOf(OUT)) { const entry = read(key); if (entry?.tab === tab) post(entry).catch(() => {}); }
  });

  /* ---- the reply form ---- */
  const form = $("form[data-composer]");
  const area = form && $("textarea", form);
  const ticket = form?.dataset.draft.slice("reply-".length);
  const nextTicket = () => {
    try {
      const ids = JSON.parse(sessionStorage.getItem(`list:${who}`) || "null")?.keys ?? []; /* lists.js keeps it */
      const at = ids.indexOf(ticket);
      return at >= 0 ? ids[at + 1] ?? "" : ids.find((id) => id !== ticket) ?? "";
    } catch { return ""; }
  };
  const insert = (text) => {
    area.focus();
    /* execCommand keeps the field's own undo. */
    if (!document.execCommand("insertText", false, text)) { area.setRangeText(text, area.selectionStart, area.selectionEnd, "end"); area.dispatchEvent(new Event("input", { bubbles: true })); }
  };
  if (form) {
    $$("[data-needs-script]", form).forEach((el) => { el.hidden = false; });
    const files = $("input[type=file]", form);
    const next = $("[name=next_ticket]", form);
    form.addEventListener("submit", (event) => {
      if (next) next.value = nextTicket();
      const seconds = Number(form.dataset.undo);
      if (!seconds || files.files.length || $("[name=attachments]", form)) return; /* files go at once: they cannot be kept here */
      const fields = Object.fromEntries([...new FormData(form, event.submitter)].filter(([, value]) => typeof value === "string"));
      const key = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
      fields.idempotency_key = `composer-${key}`;
      const entry = { ticket, subject: form.dataset.subject, action: form.getAttribute("action"), fields, due: Date.now() + seconds * 1000, tab };
      if (!write(OUT + key, entry)) return; /* storage is full or off: it goes at once */
      event.preventDefault();
      event.stopPropagation();
      localStorage.removeItem(nameOf(form.dataset.draft));
      area.value = "";
      hidePreview();
      clearMacro();
      say(form, "");
      if (fields.then === "next") go(`/tickets/next?not=${ticket}&next=${encodeURIComponent(fields.next_ticket ?? "")}`);
      else wait(OUT + key);
    });
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      const button = $(event.shiftKey ? "button[value=next]" : ".buttons button:not([name])", form) ?? $(".buttons button", form);
      if (form.reportValidity()) form.requestSubmit(button);
    });

    /* preview: the server draws it, by the function that draws the page */
    const preview = $("[data-preview]", form), toggle = $("[data-show-preview]", form);
    const hidePreview = () => { preview.hidden = true; area.hidden = false; toggle.setAttribute("aria-pressed", "false"); toggle.textContent = "Preview"; };
    toggle.addEventListener("click", async () => {
      if (!preview.hidden) { hidePreview(); area.focus(); return; }
      const answer = await fetch("/preview", { method: "POST", body: new URLSearchParams({ body: area.value }) }).catch(() => null);
      preview.innerHTML = answer?.ok ? await answer.text() : "<p>The preview is away just now.</p>";
      preview.hidden = false; area.hidden = true;
      toggle.setAttribute("aria-pressed", "true"); toggle.textContent = "Write on";
    });

    /* macros: text at the cursor, and what is done besides */
    const acts = $("[data-macro-acts]", form);
    const clearMacro = () => { acts.hidden = true; for (const label of $$("[data-act]", acts)) { label.hidden = true; $("input", label).checked = false; } };
    /* one's own are kept in this browser, by title; kept again without a text, one is gone */
    const MINE = `macros:${who}`;
    const choice = $("[data-macros]", form);
    const drawMine = () => {
      if (!choice) return;
      $("optgroup", choice)?.remove();
      const mine = Object.entries(read(MINE) ?? {});
      if (!mine.length) return;
      const group = document.createElement("optgroup");
      group.label = "Mine, in this browser";
      for (const [title, text] of mine) { const option = new Option(title, `mine:${title}`); option.dataset.text = text; group.append(option); }
      choice.append(group);
    };
    drawMine();
    choice?.addEventListener("change", (event) => {
      const macro = event.target.selectedOptions[0];
      event.target.value = "";
      if (!macro?.value) return;
      if (macro.value === "+") {
        const title = prompt("What is it called? The same name replaces one; without any text, it is removed.")?.trim().slice(0, 80);
        if (!title) return;
        const mine = read(MINE) ?? {};
        if (area.value.trim()) mine[title] = area.value; else delete mine[title];
        if (write(MINE, mine)) say(form, area.value.trim() ? `“${title}” is kept in this browser.` : `“${title}” is removed.`);
        drawMine();
        return;
      }
      const note = $("[name=audience][value=staff]", form), everyone = $("[name=audience][value=everyone]", form);
      if (!macro.value.startsWith("mine:")) (macro.dataset.isNote ? note : everyone)?.click();
      insert(macro.dataset.text);
      clearMacro();
      const solve = $("[data-act=solve]", acts), priority = $("[data-act=priority]", acts);
      solve.hidden = !macro.dataset.solves; $("input", solve).checked = Boolean(macro.dataset.solves);
      priority.hidden = !macro.dataset.priority; $("input", priority).checked = Boolean(macro.dataset.priority);
      $("input", priority).value = macro.dataset.priority ?? "";
      const reason = $("[name=macro_reason]", form);
      if (reason) reason.value = macro.dataset.reason ?? "";
      $("[data-priority-word]", priority).textContent = macro.dataset.priority ?? "";
      acts.hidden = solve.hidden && priority.hidden;
    });

    /* pictures: pasted ones become files; those that are chosen are shown */
    const shown = $("[data-pasted]", form);
    const draw = () => {
      shown.replaceChildren();
      for (const file of files.files) {
        if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type) || file.size > 5e6) continue;
        const reader = new FileReader();
        reader.onload = () => { const item = document.createElement("li"), img = document.createElement("img"); img.src = reader.result; img.alt = file.name; item.append(img); shown.append(item); };
        reader.readAsDataURL(file);
      }
    };
    files.addEventListener("change", draw);
    area.addEventListener("paste", (event) => {
      const images = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (!images.length) return;
      event.preventDefault();
      const all = new DataTransfer();
      for (const file of files.files) all.items.add(file);
      for (const [n, file] of images.entries()) all.items.add(new File([file], `pasted-${new Date().toISOString().slice(11, 19).replaceAll(":", "")}${n || ""}.${file.type.slice(6)}`, { type: file.type }));
      files.files = all.files;
      draw();
      say(form, "The picture will be attached.");
    });

    /* quoting: what is selected in a message, by q or the button beside it */
    const quoteButton = document.createElement("button");
    quoteButton.type = "button"; quoteButton.className = "slim quote-this"; quoteButton.textContent = "Quote"; quoteButton.hidden = true;
    document.body.append(quoteButton);
    const selected = () => {
      const found = document.getSelection();
      const at = found?.anchorNode?.parentElement;
      return found && !found.isCollapsed && at?.closest(".said") && !at.closest("[data-preview]") ? found : null;
    };
    const quote = () => {
      const text = selected()?.toString().trim();
      if (!text) return;
      hidePreview();
      const before = area.value && !area.value.endsWith("\n") ? "\n\n" : "";
      area.selectionStart = area.selectionEnd = area.value.length;
      insert(`${before}${text.split("\n").map((line) => `> ${line}`).join("\n")}\n\n`);
      quoteButton.hidden = true;
      area.scrollIntoView({ block: "center" });
    };
    quoteButton.addEventListener("click", quote);
    document.addEventListener("selectionchange", () => {
      const found = selected();
      quoteButton.hidden = !found;
      if (!found) return;
      const box = found.getRangeAt(0).getBoundingClientRect();
      quoteButton.style.insetInlineStart = `${Math.max(4, Math.min(innerWidth - 90, box.right - 40))}px`;
      quoteButton.style.insetBlockStart = `${Math.max(4, Math.min(innerHeight - 40, box.bottom + 4))}px`;
    });
    let gone = 0;
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
      if (event.key === "g") gone = Date.now();
      const note = $("[name=audience][value=staff]", form);
      if (event.key === "i" && note && Date.now() - gone > 1000) { event.preventDefault(); note.click(); hidePreview(); area.focus(); }
      if (event.key === "q" && Date.now() - gone > 1000 && selected()) { event.preventDefault(); quote(); }
    });
  }

  /* ---- a ticket opens where one left it; one's own reply is seen ---- */
  const line = $("ol.line");
  if (line && ticket !== undefined || line && location.pathname.startsWith("/tickets/")) {
    const id = location.pathname.split("/")[2];
    const key = `left:${who}`; /* the entry one saw last */
    const seen = read(key) ?? {};
    const entries = () => $$("li[data-key]", line.isConnected ? line : $("ol.line") ?? document);
    const all = entries();
    const at = all.findIndex((li) => li.dataset.key === seen[id]);
    const fresh = at >= 0 ? all.slice(at + 1).find((li) => $(".msg", li)) : null;
    fresh?.classList.add("since");
    if (!location.hash && !document.querySelector("[aria-invalid=true]")) {
      const isLong = line.getBoundingClientRect().height > 1.5 * innerHeight;
      if (fresh && all.indexOf(fresh) > 3) fresh.scrollIntoView({ block: "center" });
      else if (isLong && seen[id]) $("#newest")?.scrollIntoView({ block: "end" });
    }
    const note = () => {
      const last = entries().at(-1)?.dataset.key;
      if (!last) return;
      const kept = Object.entries({ ...(read(key) ?? {}), [id]: last }).slice(-300);
      write(key, Object.fromEntries(kept));
    };
    note();
    document.body.addEventListener("htmx:afterSwap", note);
    document.addEventListener("reply-sent", () => { setTimeout(() => $("#newest")?.scrollIntoView({ block: "center", behavior: "smooth" }), 300); });
  }
  resume(true);
  setInterval(() => resume(false), 15000); /* what a closed tab left behind */
})();
