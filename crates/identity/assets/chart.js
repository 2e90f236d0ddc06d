// Draws the numbers of the table beside it. Without this script there is the table alone.
"use strict";

const place = document.querySelector("[data-chart]");
if (place && window.uPlot) {
  const { days, series } = JSON.parse(place.dataset.chart);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const said = (n) => (n == null ? "–" : n.toLocaleString(document.documentElement.lang));
  // Lines differ in their dashes too: colour is never the only sign.
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 5]];
  const colours = () => [token("--accent"), token("--ok"), token("--warn"), token("--danger"),
    token("--text"), token("--text-muted")];

  let chart;
  const draw = () => {
    chart?.destroy();
    const lines = colours();
    const axis = { stroke: token("--text-muted"), grid: { stroke: token("--line-soft"), width: 1 },
      ticks: { stroke: token("--line-soft"), width: 1 } };
    const day = { ...axis, space: 80, values: (_, ticks) => ticks.map((tick) =>
      tick % 86400 ? null : new Date(tick * 1000).toISOString().slice(5, 10)) };
    chart = new window.uPlot({
      width: place.clientWidth,
      height: 240,
      tzDate: (s) => window.uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      scales: { x: { range: (_, first, last) => [first - 43200, last + 43200] }, y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.05] } },
      axes: [day, { ...axis, size: 72, values: (_, ticks) => ticks.map(said) }],
      series: [
        { label: place.dataset.day, value: (_, s) => s == null ? "–" :
          new Date(s * 1000).toISOString().slice(0, 10) },
        ...series.map((line, at) => ({
          label: line.label, stroke: lines[at % lines.length], dash: dashes[at % dashes.length],
          width: 2, points: { show: days.length < 62, size: 5 }, value: (_, n) => said(n),
          // One model's days are columns; several are told apart better as lines.
          ...(series.length === 1 && { fill: lines[0], width: 0, points: { show: false },
            paths: window.uPlot.paths.bars({ size: [0.7, 32] }) }),
        })),
      ],
    }, [days, ...series.map((line) => line.values)], place);
  };
  draw();
  // Told of its width instead of asking for it, and drawn once a frame: nothing is laid out twice.
  let frame = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (width > 0 && width !== chart.width) chart.setSize({ width, height: 240 });
    });
  }).observe(place);
  dark.addEventListener("change", draw);
}
