/* Picking rows of a list and doing one thing with all of them. Without this script the boxes and the form
   still work; it adds `x`, a range by Shift, and says the outcome without leaving the list. */
(() => {
  "use strict";
  const form = document.querySelector("[data-bulk]");
  if (!form) return;
  const $$ = (what) => [...document.querySelectorAll(what)];
  const said = document.querySelector("[data-bulk-said]");
  const outcome = document.querySelector("[data-bulk-outcome]");
  const undo = outcome.querySelector("[data-bulk-undo]");
  const UNDO_MS = 10 * 60 * 1000; // the server takes back no longer than this (desk/undo.py)
  const boxes = () => $$(".row input.pick");
  const keyOf = (box) => box.closest(".row").dataset.key;
  const picked = new Set();
  let last = null;

  const draw = () => {
    form.querySelector("[data-bulk-count]").textContent = `${picked.size} picked`;
    form.classList.toggle("is-empty", picked.size === 0);
    for (const box of boxes()) {
      box.checked = picked.has(keyOf(box));
      box.closest(".row").classList.toggle("is-picked", box.checked);
    }
  };
  const pick = (box, isOn) => { picked[isOn ? "add" : "delete"](keyOf(box)); };
  /* All rows from the last picked one to `box`, as `box` is. */
  const pickTo = (box, isOn) => {
    const all = boxes();
    const from = all.findIndex((each) => keyOf(each) === last);
    const to = all.indexOf(box);
    const range = from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const each of range) if (!each.closest(".row").classList.contains("is-snoozed")) pick(each, isOn);
  };
  const choose = (box, isOn, isRange) => {
    if (isRange) pickTo(box, isOn); else pick(box, isOn);
    last = keyOf(box);
    draw();
  };
  document.addEventListener("click", (event) => {
    if (event.target.matches?.(".row input.pick")) choose(event.target, event.target.checked, event.shiftKey);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input:not(.pick), select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
    const box = document.querySelector(".row.is-at input.pick");
    if (!box) return;
    event.preventDefault();
    choose(box, event.shiftKey ? true : !box.checked, event.shiftKey);
  });
  form.addEventListener("reset", () => { picked.clear(); last = null; setTimeout(draw); });

  let takesBack = {}; // request → ticket
  let timer = 0;
  const say = (text, tone, back = {}) => {
    outcome.hidden = false;
    outcome.className = `say bulk-said ${tone}`;
    said.textContent = text;
    takesBack = back;
    undo.hidden = Object.keys(back).length === 0;
    clearTimeout(timer);
    if (!undo.hidden) timer = setTimeout(() => { undo.hidden = true; }, UNDO_MS);
  };
  const send = async (path, body, keep = {}) => {
    const answer = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" } });
    const became = await answer.json();
    const tone = !answer.ok ? "bad" : became.refused.length ? "warn" : "good";
    say(became.said ?? became.detail ?? "It was not accepted.", tone, became.undo ?? keep);
    return answer.ok ? became : { done: [] };
  };
  undo.addEventListener("click", async () => {
    const back = takesBack;
    undo.disabled = true;
    try {
      await send("/queue/bulk/undo", new URLSearchParams(Object.entries(back).map(([asked, ticket]) => [`undo-${asked}`, ticket])), back);
    } catch { say("It could not be sent. Nothing was taken back: try again.", "bad", back); }
    undo.disabled = false;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    for (const name of [...body.keys()]) if (name.startsWith("pick-")) body.delete(name);
    for (const key of picked) body.set(`pick-${key}`, "yes");
    const button = form.querySelector("button:not([type])");
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      const became = await send(form.action, body);
      for (const key of became.done) picked.delete(key);
      if (became.undo) {
        form.elements.idempotency_key.value = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
        form.elements.add.value = form.elements.resolution.value = form.elements.why.value = "";
      }
    } catch { say("It could not be sent. What you picked is still picked: try again.", "bad"); }
    button.removeAttribute("aria-busy");
    button.disabled = false;
    draw();
  });
  const snooze = form.querySelector("[data-snooze-picked]");
  snooze.addEventListener("change", () => {
    if (!snooze.value) return;
    const count = picked.size;
    document.dispatchEvent(new CustomEvent("snoozepicked", { detail: { keys: [...picked], word: snooze.value } }));
    snooze.value = "";
    picked.clear();
    draw();
    say(`${count} snoozed, in this browser.`, "good");
  });
  /* Rows were drawn again: what left the list stays picked no longer. */
  document.addEventListener("listchange", () => {
    const present = new Set(boxes().map(keyOf));
    for (const key of picked) if (!present.has(key)) picked.delete(key);
    draw();
  });
  for (const box of boxes()) if (box.checked) pick(box, true); // kept by the browser on the way back
  draw();
})();
