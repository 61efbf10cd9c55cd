/* The chart of the operations page: drawn once, fed by every redraw of the live part. Colours come from the stylesheet. */
(() => {
  "use strict";
  const box = document.querySelector("#chart");
  if (!box) return;
  const css = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    box.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const series = () => JSON.parse(document.querySelector("#chart-data")?.dataset.series || "[[],[]]");
  let chart = null;
  const draw = () => {
    chart?.destroy();
    const [line, grid, ink] = [css("--accent"), css("--line"), css("--muted")];
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "12px Inter, system-ui, sans-serif" };
    chart = new uPlot({
      width: box.clientWidth, height: 224, cursor: { y: false }, legend: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })) }, { ...axis, size: 44 }],
      series: [{}, { stroke: line, width: 0, fill: line, paths: uPlot.paths.bars({ size: [0.7, 24] }), points: { show: false } }],
    }, series(), box);
  };
  draw();
  document.body.addEventListener("htmx:afterSettle", () => chart?.setData(series()));
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => chart?.setSize({ width: box.clientWidth, height: 224 })).observe(box);
})();
