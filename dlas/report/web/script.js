"use strict";
// Draws the charts, and keeps charts and table to the options that are chosen.

const page = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("filter");
const table = document.getElementById("cells");
const body = table.tBodies[0];
const rows = Array.from(body.rows);
const chosen = new Map(); // layer → set of options; a layer without one shows all
const views = new Map(); // element → Vega view

// --- filter

const kept = (value) => Array.from(chosen).every(([layer, options]) => options.has(value(layer)));
const keptCells = () => rows.map((_, i) => kept((layer) => page.cells[layer][i]));

function rowsOf(columns) {
  const names = Object.keys(columns);
  const all = columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  return all.filter((row) => kept((layer) => (layer in row ? row[layer] : [...chosen.get(layer)][0])));
}

function readFilter() {
  chosen.clear();
  for (const box of form.querySelectorAll("input:checked")) {
    if (!chosen.has(box.name)) chosen.set(box.name, new Set());
    chosen.get(box.name).add(box.value);
  }
}

function refresh() {
  readFilter();
  const shown = keptCells();
  rows.forEach((row, i) => { row.hidden = !shown[i]; });
  const count = shown.filter(Boolean).length;
  document.getElementById("shown").textContent = `${count} of ${rows.length} cells are shown`;
  for (const view of views.values()) feed(view);
}

function feed(view) {
  for (const [name, columns] of Object.entries(page.datasets)) {
    if (view.names.has(name)) view.vega.data(name, rowsOf(columns));
  }
  return view.vega.runAsync();
}

form.addEventListener("change", refresh);
form.addEventListener("reset", () => setTimeout(refresh));
form.addEventListener("submit", (event) => event.preventDefault());

// --- charts

function namesIn(part, found = new Set()) {
  if (part && typeof part === "object") {
    if (part.data && part.data.name) found.add(part.data.name);
    Object.values(part).forEach((inner) => namesIn(inner, found));
  }
  return found;
}

async function draw(element, spec) {
  const narrow = element.clientWidth < 480;
  const config = { ...page.config, axis: { ...page.config.axis, labelLimit: narrow ? 180 : 300 } };
  config.legend = { ...config.legend, columns: narrow ? 2 : 3, labelLimit: narrow ? 150 : 220 };
  const names = namesIn(spec);
  const datasets = Object.fromEntries([...names].map((name) => [name, rowsOf(page.datasets[name])]));
  const sized = { ...spec, datasets, config, width: "container" };
  const options = {
    actions: false,
    renderer: "svg",
    ast: true, // expressions are interpreted: the page's policy forbids to evaluate text
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
    logLevel: 1, // errors only: a selection without cells is none
  };
  const { view } = await window.vegaEmbed(element, sized, options);
  element.querySelector("svg").setAttribute("aria-hidden", "true"); // the element's own label speaks for it
  views.set(element, { vega: view, names });
}

const waiting = new Map(page.charts.map(({ name, spec }) => [document.querySelector(`#${name} .chart`), spec]));

function drawOnce(element) {
  const spec = waiting.get(element);
  waiting.delete(element);
  return spec ? draw(element, spec) : Promise.resolve();
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) drawOnce(entry.target);
}, { rootMargin: "400px" });
waiting.forEach((_, element) => near.observe(element));
window.addEventListener("beforeprint", () => Promise.all([...waiting.keys()].map(drawOnce)));

// --- table

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" ? a - b : a.localeCompare(b);
}

function sortBy(head) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) if (other.dataset.key) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", direction);
  const values = page.cells[head.dataset.key];
  const sign = direction === "ascending" ? 1 : -1;
  const last = (i) => values[i] === null; // cells without the figure come last, whichever the direction
  const order = rows.map((_, i) => i).sort((i, j) => last(i) - last(j) || sign * compare(values[i], values[j]));
  body.append(...order.map((i) => rows[i]));
}

table.tHead.addEventListener("click", (event) => {
  const head = event.target.closest("th[data-key]");
  if (head) sortBy(head);
});

function csv() {
  const names = Object.keys(page.cells);
  const quoted = (value) => (value === null ? "" : /[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const shown = keptCells();
  const lines = rows.flatMap((_, i) => (shown[i] ? [names.map((name) => quoted(page.cells[name][i])).join(",")] : []));
  return [names.join(","), ...lines].join("\r\n") + "\r\n";
}

document.getElementById("download").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `${page.file}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

// --- provenance

const dialog = document.getElementById("provenance");

function tell(i) {
  dialog.querySelector("h2").textContent = rows[i].cells[0].textContent;
  const facts = Object.entries(page.cells).filter(([, values]) => values[i] !== null && values[i] !== "");
  dialog.querySelector("dl").replaceChildren(...facts.map(([name, values]) => {
    const line = document.createElement("div");
    const term = line.appendChild(document.createElement("dt"));
    term.textContent = name.replaceAll("_", " ");
    const unit = page.units[name];
    line.appendChild(document.createElement("dd")).textContent = values[i] + (unit ? ` ${unit}` : "");
    return line;
  }));
  dialog.showModal();
}

body.addEventListener("click", (event) => {
  if (event.target.closest(".cell")) tell(rows.indexOf(event.target.closest("tr")));
});

refresh();
