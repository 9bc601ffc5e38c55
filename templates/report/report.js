"use strict";
// Everything that came from a device is put into the page as text, never as markup.
const cells = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("#cells tbody");
const rows = [...body.rows];
const colours = ["#0b63ce", "#d1495b", "#2a9d8f", "#e09f3e", "#7b5ea7", "#5c8001", "#00798c", "#b5651d"];
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

function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const made = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) made.push(at);
  return made;
}

const show = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3));

function axes(chart, x, y, unitX, unitY) {
  for (const at of ticks(...x.domain, 6)) {
    svg(chart, "line", { class: "axis", x1: x(at), x2: x(at), y1: box.top, y2: box.bottom });
    svg(chart, "text", { x: x(at), y: box.bottom + 15, "text-anchor": "middle" }, show(at));
  }
  for (const at of ticks(...y.domain, 4)) {
    svg(chart, "line", { class: "axis", x1: box.left, x2: box.right, y1: y(at), y2: y(at) });
    svg(chart, "text", { x: box.left - 6, y: y(at) + 4, "text-anchor": "end" }, show(at));
  }
  svg(chart, "text", { x: box.right, y: box.bottom + 30, "text-anchor": "end" }, unitX);
  svg(chart, "text", { x: box.left - 6, y: 10, "text-anchor": "end" }, unitY);
}

function scale(low, high, from, to) {
  const made = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  made.domain = [low, high];
  return made;
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

function draw() {
  const distribution = document.getElementById("distribution");
  const series = document.getElementById("series");
  distribution.replaceChildren();
  series.replaceChildren();
  if (state.cell === null) return;
  const sessions = cells[state.cell].sessions
    .map((session, index) => ({ ...session, colour: colours[index % colours.length] }))
    .filter((session) => !state.hidden.has(session.number))
    .map((session) => ({ ...session, points: session.samples.filter((sample) => sample[state.measure] !== null) }));
  const all = sessions.flatMap((session) => session.points.map((sample) => sample[state.measure])).sort((a, b) => a - b);
  if (all.length === 0) {
    svg(distribution, "text", { x: 280, y: 110, "text-anchor": "middle" }, "no samples");
    svg(series, "text", { x: 280, y: 110, "text-anchor": "middle" }, "no samples");
    return;
  }
  drawDistribution(distribution, sessions, all);
  drawSeries(series, sessions, all);
}

function drawDistribution(chart, sessions, all) {
  const [low, high] = [all[0], all[all.length - 1]];
  const bins = Math.max(8, Math.min(48, Math.round(Math.sqrt(all.length) * 1.5)));
  const width = (high - low || low || 1) / bins;
  const counts = sessions.map((session) => {
    const made = new Array(bins).fill(0);
    for (const sample of session.points) made[Math.min(bins - 1, Math.floor((sample[state.measure] - low) / width))] += 1;
    return made;
  });
  const tallest = Math.max(...counts[0].map((_, bin) => counts.reduce((sum, one) => sum + one[bin], 0)));
  const x = scale(low, low + width * bins, box.left, box.right);
  const y = scale(0, tallest, box.bottom, box.top);
  axes(chart, x, y, "ms", "samples");
  for (let bin = 0; bin < bins; bin += 1) {
    let floor = 0;
    sessions.forEach((session, index) => {
      const count = counts[index][bin];
      if (count === 0) return;
      const [from, to] = [low + bin * width, low + (bin + 1) * width];
      const bar = { x: x(from) + 0.5, width: Math.max(1, x(to) - x(from) - 1), y: y(floor + count), height: y(floor) - y(floor + count) };
      const made = svg(chart, "rect", { ...bar, fill: session.colour, class: "sample" });
      describe(made, `session ${session.number + 1}: ${count} samples from ${show(from)} to ${show(to)} ms`);
      floor += count;
    });
  }
  for (const [share, name] of [[0.5, "median"], [0.95, "p95"]]) {
    const at = x(quantile(all, share));
    svg(chart, "line", { class: "mark", x1: at, x2: at, y1: box.top, y2: box.bottom });
    const side = at > (box.left + box.right) / 2 ? { x: at - 4, "text-anchor": "end" } : { x: at + 4 };
    svg(chart, "text", { ...side, y: box.top + (share === 0.5 ? 10 : 24) }, `${name} ${show(quantile(all, share))}`);
  }
}

function drawSeries(chart, sessions, all) {
  const last = Math.max(...sessions.flatMap((session) => session.points.map((sample) => sample[0])), 1) / 1000;
  const x = scale(0, last, box.left, box.right);
  const y = scale(Math.min(0, all[0]), all[all.length - 1] * 1.05, box.bottom, box.top);
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
  cell.sessions.forEach((session, at) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    const dot = document.createElement("i");
    dot.style.background = colours[at % colours.length];
    button.append(dot, `session ${session.number + 1}, ${session.started}${session.heat}`);
    button.addEventListener("click", () => {
      const on = state.hidden.delete(session.number);
      if (!on) state.hidden.add(session.number);
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
if (cells.length > 0) select(Math.max(0, cells.findIndex((cell) => cell.sessions.length > 0)));
