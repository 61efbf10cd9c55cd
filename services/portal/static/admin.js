/* Small comforts of the administration's pages, which work without them: line numbers beside a document, a mistake that leads to its line. */
(() => {
  "use strict";
  for (const area of document.querySelectorAll("textarea[data-lines]")) {
    const frame = document.createElement("div"), numbers = document.createElement("pre");
    frame.className = "numbered";
    numbers.setAttribute("aria-hidden", "true");
    area.replaceWith(frame);
    frame.append(numbers, area);
    let count = 0;
    const draw = () => {
      const lines = area.value.split("\n").length;
      if (lines !== count) numbers.textContent = Array.from({ length: lines }, (_, n) => n + 1).join("\n");
      count = lines;
      numbers.scrollTop = area.scrollTop;
    };
    area.addEventListener("input", draw);
    area.addEventListener("scroll", draw);
    draw();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]"), area = document.querySelector("textarea[data-lines]");
    if (!link || !area) return;
    event.preventDefault();
    const lines = area.value.split("\n"), line = Number(link.dataset.line);
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    area.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(area).lineHeight));
  });
})();
