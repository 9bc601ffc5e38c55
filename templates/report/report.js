"use strict";
// Everything that came from a device is put into the page as text, never as markup.
const cells = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("#cells tbody");
const rows = [...body.rows];
const MEASURES = { 1: "whole", 2: "run" };
const TOLD_APART = 12;
const [EARLY, LATE] = [[31, 111, 214], [230, 126, 34]];
const state = { cell: null, measure: 1, hidden: new Set() };

function sortBy(column) {
  const head = document.querySelectorAll("#cells th")[column];
  const down = head.getAttribute("aria-sort") === "ascending";
  document.querySelectorAll("#cells th").forEach((one) => one.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.sort;
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); // Rows without a figure stay below, whichever way.
    const [p, q] = [Number(x), Number(y)];
    const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
    return down ? -order : order;
  };
  rows.sort(compare).forEach((row) => body.append(row));
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    const content = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => content.includes(word));
  }
  document.getElementById("none").hidden = rows.some((row) => !row.hidden);
}

function svg(parent, name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

const box = { left: 52, right: 548, top: 24, bottom: 206 };
let unit = 11; // the height of text in a chart's own coordinates: on the screen it is always as high

function colour(index, count) {
  const share = count > 1 ? index / (count - 1) : 0;
  return `rgb(${EARLY.map((from, at) => Math.round(from + (LATE[at] - from) * share)).join(" ")})`;
}

function fit(chart, above = 1) {
  unit = 11 * Math.min(2.2, Math.max(1, 560 / (chart.clientWidth || 560)));
  chart.setAttribute("font-size", unit);
  Object.assign(box, { left: 41 + unit, top: 13 + unit * above, bottom: 240 - 3 * unit });
}

function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const made = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) made.push(at);
  return made;
}

const show = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : String(Number(value.toPrecision(3))));

function axes(chart, x, y, unitX, unitY) {
  for (const at of ticks(...x.domain, Math.round(66 / unit))) {
    svg(chart, "line", { class: "axis", x1: x(at), x2: x(at), y1: box.top, y2: box.bottom });
    svg(chart, "text", { x: x(at), y: box.bottom + 1.3 * unit, "text-anchor": "middle" }, show(at));
  }
  for (const at of ticks(...y.domain, 4)) {
    svg(chart, "line", { class: "axis", x1: box.left, x2: box.right, y1: y(at), y2: y(at) });
    svg(chart, "text", { x: box.left - 6, y: y(at) + unit / 3, "text-anchor": "end" }, show(at));
  }
  svg(chart, "text", { x: box.right, y: box.bottom + 2.6 * unit, "text-anchor": "end" }, unitX);
  svg(chart, "text", { x: 2, y: unit }, unitY);
}

function scale(low, high, from, to) {
  const made = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  made.domain = [low, high];
  return made;
}

function draw() {
  const [distribution, series] = ["distribution", "series"].map((id) => document.getElementById(id));
  const said = ["beyond", "thinned"].map((id) => document.getElementById(id));
  for (const one of [distribution, series, ...said]) one.replaceChildren();
  if (state.cell === null) return;
  const cell = cells[state.cell];
  const sessions = cell.sessions
    .map((session, number) => ({ ...session, number, colour: colour(number, cell.sessions.length) }))
    .filter((session) => !state.hidden.has(session.number))
    .map((session) => ({ ...session, points: session.samples.filter((sample) => sample[state.measure] !== null) }));
  const histogram = cell[MEASURES[state.measure]];
  if (histogram === null || sessions.every((session) => session.points.length === 0)) {
    for (const chart of [distribution, series]) svg(chart, "text", { x: 280, y: 110, "text-anchor": "middle" }, "no samples");
    return;
  }
  if (histogram.beyond > 0) said[0].textContent = `: ${histogram.beyond} beyond ${show(histogram.high)} ms, up to ${show(histogram.highest)} ms`;
  if (cell.drawn < cell.count) said[1].textContent = `: ${cell.drawn} of ${cell.count} are drawn, each session's slowest among them`;
  fit(distribution, 2.6);
  drawDistribution(distribution, histogram, cell.sessions.length);
  fit(series);
  drawSeries(series, sessions);
}

function drawDistribution(chart, histogram, total) {
  const apart = histogram.counts.length === total;
  const shown = histogram.counts
    .map((counts, number) => ({ counts, number, colour: apart ? colour(number, total) : "var(--accent)" }))
    .filter((one) => !apart || !state.hidden.has(one.number));
  const bins = histogram.counts[0].length;
  const width = (histogram.high - histogram.low) / bins;
  const tallest = Math.max(1, ...histogram.counts[0].map((_, bin) => shown.reduce((sum, one) => sum + one.counts[bin], 0)));
  const x = scale(histogram.low, histogram.high, box.left, box.right);
  const y = scale(0, tallest, box.bottom, box.top);
  axes(chart, x, y, "ms", "samples");
  for (let bin = 0; bin < bins; bin += 1) {
    let floor = 0;
    for (const one of shown) {
      const count = one.counts[bin];
      if (count === 0) continue;
      const [from, to] = [histogram.low + bin * width, histogram.low + (bin + 1) * width];
      const bar = { x: x(from) + 0.5, width: Math.max(1, x(to) - x(from) - 1), y: y(floor + count), height: y(floor) - y(floor + count) };
      const whose = apart ? `session ${one.number + 1}` : "all sessions";
      describe(svg(chart, "rect", { ...bar, fill: one.colour, class: "sample" }), `${whose}: ${count} samples from ${show(from)} to ${show(to)} ms`);
      floor += count;
    }
  }
  [["median", histogram.median], ["p95", histogram.p95]].forEach(([name, value], row) => {
    if (value === null || value < histogram.low || value > histogram.high) return;
    const at = x(value);
    svg(chart, "line", { class: "mark", x1: at, x2: at, y1: box.top, y2: box.bottom });
    const side = at > (box.left + box.right) / 2 ? { x: at - 4, "text-anchor": "end" } : { x: at + 4 };
    svg(chart, "text", { ...side, y: box.top - unit * (1.5 - 1.2 * row) }, `${name} ${show(value)}`);
  });
}

function drawSeries(chart, sessions) {
  let [last, low, high] = [1, 0, 0];
  for (const session of sessions)
    for (const sample of session.points) {
      last = Math.max(last, sample[0]);
      low = Math.min(low, sample[state.measure]);
      high = Math.max(high, sample[state.measure]);
    }
  const x = scale(0, last / 1000, box.left, box.right);
  const y = scale(low, high * 1.05, box.bottom, box.top);
  axes(chart, x, y, "seconds since the session's first run", "ms");
  for (const session of sessions)
    for (const sample of session.points) {
      const dot = { cx: x(sample[0] / 1000), cy: y(sample[state.measure]), r: 2, fill: session.colour, class: "sample" };
      describe(svg(chart, "circle", dot), `session ${session.number + 1}, ${show(sample[0] / 1000)} s: ${show(sample[state.measure])} ms`);
    }
}

function describe(element, text) {
  svg(element, "title", {}, text);
  element.addEventListener("pointerenter", () => { document.getElementById("point").textContent = text; });
}

function select(index) {
  state.cell = index;
  state.hidden.clear();
  rows.forEach((row) => row.setAttribute("aria-selected", String(Number(row.dataset.cell) === index)));
  const cell = cells[index];
  document.getElementById("detail-title").textContent = cell.name;
  const legend = document.getElementById("legend");
  legend.replaceChildren();
  const total = cell.sessions.length;
  if (total > TOLD_APART) {
    const item = document.createElement("li");
    const bar = document.createElement("span");
    bar.className = "scale";
    bar.style.background = `linear-gradient(to right, ${colour(0, 2)}, ${colour(1, 2)})`;
    item.append(`session 1, ${cell.sessions[0].started}`, bar, `session ${total}, ${cell.sessions[total - 1].started}`);
    legend.append(item);
  }
  (total > TOLD_APART ? [] : cell.sessions).forEach((session, at) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    const dot = document.createElement("i");
    dot.style.background = colour(at, total);
    button.append(dot, `session ${at + 1}, ${session.started}${session.heat}`);
    button.addEventListener("click", () => {
      const on = state.hidden.delete(at);
      if (!on) state.hidden.add(at);
      button.setAttribute("aria-pressed", String(on));
      draw();
    });
    item.append(button);
    legend.append(item);
  });
  const errors = document.getElementById("errors");
  errors.hidden = cell.errors.length === 0;
  errors.textContent = cell.errors.join("\n");
  draw();
}

document.querySelectorAll("#cells th button").forEach((one) => one.addEventListener("click", () => sortBy(Number(one.dataset.column))));
document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
document.getElementById("measure").addEventListener("change", (event) => { state.measure = Number(event.target.value); draw(); });
for (const row of rows) {
  row.addEventListener("click", () => select(Number(row.dataset.cell)));
  row.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(Number(row.dataset.cell)); } });
}
window.addEventListener("resize", draw);
if (cells.length > 0) select(Math.max(0, cells.findIndex((cell) => cell.sessions.length > 0)));
