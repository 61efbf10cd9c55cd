/* Two people at one ticket: who else looks or writes, and what came in while one wrote. Nothing here ever
   keeps anybody from sending; without it the server says the same after Send. */
(() => {
  "use strict";
  const BEAT_MS = 5000;
  const WRITING_MS = 12000;
  const form = document.getElementById("reply");
  if (!form || !document.querySelector("[data-ticket]")) return;

  /* ---- who else is here: among staff ---- */
  const meet = (place) => {
    let typed = 0, said = "", beat = 0;
    const show = (people) => {
      const names = (state) => people.filter((person) => person.state === state).map((person) => person.name);
      const [writing, looking] = [names("writing"), names("looking")];
      const parts = [];
      if (writing.length) parts.push(`${writing.join(", ")} ${writing.length === 1 ? "is" : "are"} writing an answer`);
      if (looking.length) parts.push(`${looking.join(", ")} ${looking.length === 1 ? "is" : "are"} looking at it`);
      const words = parts.length ? `${parts.join("; ")}.` : "";
      if (place.textContent !== words) place.textContent = words;
      place.hidden = !words;
      place.classList.toggle("is-writing", writing.length > 0);
    };
    const now = () => (document.hidden ? "gone" : Date.now() - typed < WRITING_MS ? "writing" : "looking");
    const tell = async (state) => {
      said = state;
      clearTimeout(beat);
      if (!document.hidden) beat = setTimeout(() => tell(now()), BEAT_MS);
      try {
        const answer = await fetch(`${place.dataset.url}?state=${state}`, { method: "POST" });
        if (answer.ok && (answer.headers.get("content-type") || "").includes("json")) show((await answer.json()).people);
      } catch { /* it is only a courtesy */ }
    };
    form.addEventListener("input", () => { typed = Date.now(); if (said !== "writing") tell("writing"); });
    document.addEventListener("visibilitychange", () => tell(now()));
    window.addEventListener("pagehide", () => { clearTimeout(beat); navigator.sendBeacon(`${place.dataset.url}?state=gone`); });
    window.addEventListener("pageshow", (event) => { if (event.persisted) tell(now()); });
    tell(now());
  };
  const place = document.querySelector("[data-presence]");
  if (place) meet(place);

  /* ---- what came in while one wrote: said at once, and again by the server before it is sent ---- */
  const field = form.querySelector("[data-seen]");
  if (!field) return;
  const text = form.querySelector("[data-reply]");
  const warning = form.querySelector("[data-meanwhile]");
  document.body.addEventListener("htmx:afterSwap", () => {
    const last = [...document.querySelectorAll("[data-message]")].pop();
    const body = document.querySelector("[data-ticket]");
    const seq = Number(last?.dataset.seq || 0);
    if (!last || seq <= Number(field.value)) return;
    if (!text.value.trim() || last.dataset.message === "mine") {
      // Nothing is being written: what is on screen is what one answers.
      field.value = String(Math.max(Number(field.value), Number(body.dataset.seq || 0)));
      return;
    }
    warning.hidden = false;
    warning.querySelector("b").textContent = "Somebody wrote while you did. Look first.";
    let seen = warning.querySelector("button");
    if (!seen) {
      seen = Object.assign(document.createElement("button"), { type: "button", className: "slim quiet", textContent: "I have seen it" });
      seen.addEventListener("click", () => { field.value = document.querySelector("[data-ticket]").dataset.seq; warning.hidden = true; text.focus(); });
      warning.append(seen);
    }
  });
})();
