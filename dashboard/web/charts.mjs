// Four charts of the last five minutes, drawn by uPlot (vendor/). A line across all
// of them is a change of leader, in the colour of the new term.
import { el } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { count, latency, rate } from "./format.mjs";
import { behind } from "./ring.mjs";

const LENGTH = 300, LEAST = 60; // seconds that are shown at most, and at least
const HEIGHT = 170;
const samples = []; // {time, snapshot}, oldest first
const terms = []; // {time, term, name}: since when who leads
let drawn = "", charts = [];

const style = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

export function drawCharts(s) {
  samples.push({ time: s.time / 1000, snapshot: s });
  while (samples[0].time < s.time / 1000 - LENGTH) samples.shift();
  noteLeader(s);
  const names = s.servers.map((o) => o.name).join(" ") + (s.leader?.id ?? "");
  if (drawn !== names) make(s);
  drawn = names;
  for (const { chart, lines } of charts) {
    chart.setData([samples.map((p) => p.time), ...lines.map((line) => samples.map((p) => line.value(p.snapshot) ?? null))]);
    chart.setScale("x", { min: Math.min(samples[0].time, s.time / 1000 - LEAST), max: s.time / 1000 });
  }
}

function noteLeader({ leader, time }) {
  if (!leader || terms.at(-1)?.term === leader.term) return;
  terms.push({ time: time / 1000 - leader.seconds, term: leader.term, name: leader.name });
}

// The lines of a chart: what it is called, what it shows of a snapshot, and how.
function operations() {
  return [
    { label: "writes", color: "--accent", value: (s) => s.load?.write.per_second },
    { label: "reads", color: "--good", dash: [6, 3], value: (s) => s.load?.read.per_second },
    { label: "failed", color: "--bad", dash: [2, 3], value: (s) => s.load?.failed.per_second },
  ];
}

function latencies() {
  return [
    { label: "write, 50 %", color: "--accent", dash: [2, 3], value: (s) => s.load?.write.p50 || null },
    { label: "write, 99 %", color: "--accent", value: (s) => s.load?.write.p99 || null },
    { label: "read, 50 %", color: "--good", dash: [2, 3], value: (s) => s.load?.read.p50 || null },
    { label: "read, 99 %", color: "--good", dash: [6, 3], value: (s) => s.load?.read.p99 || null },
  ];
}

// perServer is a line for each server; the leader's stands out.
function perServer(s, value) {
  return s.servers.map((o, i) => ({
    label: o.name, color: o.id === s.leader?.id ? "--accent" : "--quiet", dash: [[], [6, 3], [2, 3], [8, 3, 2, 3]][i % 4],
    value: (then) => {
      const server = then.servers.find((other) => other.id === o.id);
      return server && server.up ? value(then, server) : null;
    },
  }));
}

function make(s) {
  for (const { chart } of charts) chart.destroy();
  const place = document.getElementById("charts");
  place.replaceChildren();
  charts = [
    ["Operations a second", operations(), rate],
    ["How long they take", latencies(), latency],
    ["How long a disk sync takes, 99 %", perServer(s, (_, o) => o.load?.sync.p99 || null), latency],
    ["Entries behind the leader", perServer(s, behind).filter((l) => l.label !== s.leader?.name), count, WHOLE],
  ].map((parts) => makeChart(place, ...parts));
}

// WHOLE are the steps of an axis of whole numbers.
const WHOLE = [1, 2, 5].flatMap((n) => Array.from({ length: 10 }, (_, i) => n * 10 ** i)).sort((a, b) => a - b);

function makeChart(place, title, lines, write, incrs) {
  const box = el("div", { class: "plot" });
  place.append(el("section", { class: "card", "aria-label": title }, el("h2", {}, title), box));
  const font = `11px ${style("--sans")}`;
  const axis = { stroke: style("--quiet"), font, grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
  const chart = new uPlot({
    width: box.clientWidth, height: HEIGHT, padding: [8, 22, 0, 0],
    cursor: { y: false, points: { size: 6 }, sync: { key: "dashboard" } },
    legend: { markers: { width: 2, dash: (_, i) => pattern(lines[i - 1]?.dash) } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [
      { ...axis, space: 70, size: 22, gap: 4, values: (_, times) => times.map((t) => new Date(t * 1000).toLocaleTimeString("en-GB").slice(0, t % 60 ? 8 : 5)) },
      { ...axis, size: 56, gap: 6, space: 34, incrs, values: (u, values) => values.map((v) => v === 0 ? "0" : isEmpty(u) ? "" : write(v)) },
    ],
    series: [
      { label: "", value: (_, t) => t ? new Date(t * 1000).toLocaleTimeString("en-GB") : "" },
      ...lines.map((line) => ({
        label: line.label, stroke: style(line.color), width: 1.75, dash: line.dash, points: { show: false, filter: lone, size: 5, fill: style(line.color) },
        value: (u, v, i) => { const shown = v ?? last(u, i); return shown == null ? "–" : write(shown); },
      })),
    ],
    hooks: { drawAxes: [drawTerms] },
  }, [[0], ...lines.map(() => [null])], box);
  return { chart, lines };
}

// lone are the indexes of a line's values that nothing joins to another: without a point
// of its own such a value would not be seen.
export function lone(chart, line) {
  const values = chart.data[line];
  return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
}

// pattern names the dashes of a line for its mark in the legend.
function pattern(dash = []) {
  if (dash.length === 0) return "solid";
  return dash[0] > 2 ? "dashed" : "dotted";
}

// last is the newest value of a line, which the legend shows while nobody points.
function last(chart, i) { return chart.data[i]?.at(-1); }

// isEmpty reports whether there is nothing to measure by the axis.
function isEmpty(chart) { return chart.data.slice(1).every((line) => line.every((v) => v === null)); }

function drawTerms(chart) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px ${style("--sans")}`;
  for (const { time, term, name } of terms) {
    const x = chart.valToPos(time, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = style(`--term-${termColour(term)}`);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillStyle = style("--quiet");
    const text = `${name} leads`, right = x + ctx.measureText(text).width + 8 > bbox.left + bbox.width;
    ctx.textAlign = right ? "right" : "left";
    ctx.fillText(text, x + (right ? -5 : 5) * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
  }
  ctx.restore();
}

// What depends on colours or on the width is made again.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawn = ""; });
new ResizeObserver(() => {
  for (const { chart } of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: HEIGHT });
}).observe(document.getElementById("charts"));
