"use strict";
// Builds the page from the data: per comparison and thread count a headline, the table, the charts; then the environment.

const data = JSON.parse(document.getElementById("data").textContent);

// One entry for each model and thread count.
function groupsOf(report) {
  return report.comparisons.flatMap((comparison) => comparison.groups.map((group) => ({
    comparison,
    group,
    runs: comparison.runs.filter((run) => run.threads === group.threads),
    noise: comparison.noise.runs.find((run) => run.threads === group.threads && run.latency_us !== null) || null,
  })));
}

function byMedian(a, b) {
  return (a.latency_us ? a.latency_us.p50 : Infinity) - (b.latency_us ? b.latency_us.p50 : Infinity);
}

function speedupText(run, reference) {
  if (run.backend === reference) return "reference";
  if (run.speedup && run.speedup.no_difference) return "no difference";
  return run.speedup ? `${run.speedup.ratio.toFixed(2)}×` : DASH;
}

function intervalText(run, reference) {
  if (run.backend === reference || !run.speedup || run.speedup.low === null) return null;
  return `${run.speedup.low.toFixed(2)}–${run.speedup.high.toFixed(2)}`;
}

function tile(label, value, detail) {
  return element("div", {class: "tile"}, element("div", {class: "label"}, label), element("div", {class: "value"}, value), element("div", {class: "detail"}, detail));
}

function headline({runs, group, noise}, unit) {
  const good = runs.filter((run) => run.latency_us).sort(byMedian);
  const tiles = element("div", {class: "tiles"});
  if (good.length > 0) {
    const best = good[0];
    let against = "";
    if (best.backend !== group.reference && best.speedup) {
      against = best.speedup.no_difference ? `; no difference from ${group.reference} to speak of` : `, ${speedupText(best, group.reference)} as fast as ${group.reference}`;
    }
    tiles.append(tile("Fastest", best.backend, `median ${digits(best.latency_us.p50 * unit.scale)} ${unit.name}${against}`));
  }
  const steady = good.filter((run) => run.steadiness !== null).sort((a, b) => a.steadiness - b.steadiness);
  if (steady.length > 0) {
    const upTo = steady[0].steadiness_interval ? steady[0].steadiness_interval[1] : steady[0].steadiness;
    const alike = steady.slice(1).filter((run) => run.steadiness_interval && run.steadiness_interval[0] <= upTo).map((run) => run.backend);
    const also = alike.length > 0 ? `; by this run not to be told apart from ${alike.join(", ")}` : "";
    tiles.append(tile("Steadiest", steady[0].backend, `p99 is ${digits(steady[0].steadiness)} times the median${also}`));
  }
  if (noise && noise.steadiness !== null) {
    tiles.append(tile("The machine’s own noise", digits(noise.steadiness), "p99/p50 of arithmetic alone, as long as the fastest run"));
  }
  const lost = runs.filter((run) => run.status !== "ok");
  if (lost.length > 0) tiles.append(tile("Not measured", plural(lost.length, "backend"), lost.map((run) => `${run.backend}: ${run.status}`).join(", ")));
  return tiles;
}

// A bar up to the median and a whisker up to p99 (or the largest percentile there is).
function rangeBar(run, scaleMax) {
  const {p50, p90, p99} = run.latency_us;
  const end = p99 ?? p90 ?? p50;
  const percent = (value) => `${Math.min(100, 100 * value / scaleMax).toFixed(2)}%`;
  const bar = element("div", {class: "range", role: "img", "aria-label": "bar to the median, whisker to p99"},
    element("span", {class: "bar", style: {width: percent(p50), background: colour(run.backend)}, "data-backend": run.backend}));
  if (end > p50) {
    bar.append(element("span", {class: "whisker", style: {left: percent(p50), width: `calc(${percent(end)} - ${percent(p50)})`}}));
    if (end <= scaleMax) bar.append(element("span", {class: "cap", style: {left: `calc(${percent(end)} - 2px)`}}));
  }
  return bar;
}

function swatch(backend) {
  return element("span", {class: "swatch", "aria-hidden": "true", "data-backend": backend, style: {background: colour(backend)}});
}

// What a reader looks for first stands first: on a phone the rest is a swipe away.
function columnsOf(runs) {
  const columns = [
    ["Backend", "text"], ["Status", "text"], ["Median and p99", "wide"], ["p50", ""], ["Speed-up", ""], ["p99/p50", ""], ["machine’s", ""], ["min", ""], ["p90", ""], ["p99", ""],
    ["p99.9", ""], ["max", ""], ["Max error", ""], ["First run, ms", "wrap"], ["Load, ms", "wrap"], ["Memory, MB", "wrap"],
  ];
  const has999 = runs.some((run) => run.latency_us && run.latency_us.p999 !== null);
  return columns.filter(([title]) => title !== "p99.9" || has999);
}

function tableRow(run, {group, unit, scaleMax, best, noise, columns}) {
  const version = run.version && !noise ? element("span", {class: "version", title: run.version}, run.version.split("-")[0]) : null;  // without the build's hash
  const name = element("th", {scope: "row"}, swatch(run.backend), displayName(run.backend), version);
  const status = element("td", {class: "text"}, element("span", {class: `badge ${run.status}`}, run.status));
  if (!run.latency_us) {
    return element("tr", {}, name, status, element("td", {class: "reason", colspan: columns.length - 2}, run.reason || ""));
  }
  const row = element("tr", {class: noise ? "noise" : run === best ? "best" : ""}, name, status);
  const number = (value, className = "") => row.append(element("td", {class: className}, digits(value)));
  const time = (value) => (value === null ? null : value * unit.scale);
  row.append(element("td", {class: "wide"}, rangeBar(run, scaleMax)));
  number(time(run.latency_us.p50), "p50");
  const interval = noise ? null : intervalText(run, group.reference);
  row.append(element("td", {}, noise ? DASH : speedupText(run, group.reference), interval ? element("span", {class: "interval"}, interval) : null));
  const steady = run.steadiness_interval;
  row.append(element("td", {}, digits(run.steadiness), steady ? element("span", {class: "interval"}, `${digits(steady[0])}–${digits(steady[1])}`) : null));
  row.append(element("td", {}, noise ? DASH : digits(machineSteadiness(run))));
  for (const metric of ["min", "p90", "p99"]) number(time(run.latency_us[metric]));
  if (columns.some(([title]) => title === "p99.9")) number(time(run.latency_us.p999));
  number(time(run.latency_us.max));
  row.append(element("td", {}, noise ? DASH : errorText(run.max_rel_error)));
  number(noise ? null : run.first_run_ms);
  number(noise ? null : run.load_ms);
  number(noise ? null : run.peak_rss_mb);
  return row;
}

function table(entry, unit) {
  const {runs, noise, group, comparison} = entry;
  const sorted = [...runs].sort(byMedian);
  const measured = sorted.filter((run) => run.latency_us);
  // Bars share a scale; one wild p99 must not squeeze all the others, so whiskers may run off its end.
  const slowest = Math.max(0, ...measured.map((run) => run.latency_us.p50));
  const widest = Math.max(0, ...measured.map((run) => run.latency_us.p99 ?? run.latency_us.p90 ?? run.latency_us.p50));
  const columns = columnsOf(runs);
  const context = {group, unit, scaleMax: Math.min(widest, 2.5 * slowest) || 1, best: measured[0], noise: false, columns};
  const body = element("tbody", {}, ...sorted.map((run) => tableRow(run, context)));
  if (noise) body.append(tableRow(noise, {...context, scaleMax: Math.max(context.scaleMax, noise.latency_us.p99 ?? noise.latency_us.p50), noise: true}));
  const caption = `Times in ${unit.name === "ms" ? "milliseconds" : "microseconds"}; speed-up and p99/p50 with 95 % intervals; machine’s: p99/p50 of arithmetic alone, over as long; max error: max |e| / max |reference|.`;
  const head = element("tr", {}, ...columns.map(([title, kind]) => element("th", {scope: "col", class: kind}, title)));
  return element("div", {class: "card table-card", tabindex: "0", role: "region", "aria-label": `Results for ${comparison.model.name}, ${plural(group.threads, "thread")}`},
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), body));
}

const charts = [];  // {canvas, config, chart, hidden}: kept to be drawn anew when the colour scheme changes

function chartCard(title, text, label, config, {full = false, toggle = null, hidden}) {
  const canvas = element("canvas", {role: "img", "aria-label": label});
  const record = {canvas, config, chart: null, hidden};
  charts.push(record);
  return element("div", {class: full ? "card chart full" : "card chart"},
    element("div", {class: "chart-head"}, element("div", {}, element("h3", {}, title), element("p", {}, text)), toggle ? toggle(record) : null),
    element("div", {class: "canvas"}, canvas));
}

function draw(record) {
  if (record.chart) record.chart.destroy();
  record.chart = new Chart(record.canvas, record.config());
  record.chart.data.datasets.forEach((set, index) => {
    if (record.hidden.has(set.backend)) record.chart.setDatasetVisibility(index, false);
  });
  record.chart.update();
}

function tailToggle(view) {
  return (record) => {
    const buttons = [["Distribution", false], ["Tail", true]].map(([text, tail]) => element("button", {
      "type": "button", "aria-pressed": String(view.tail === tail),
      "onclick": () => {
        view.tail = tail;
        buttons.forEach((button, index) => button.setAttribute("aria-pressed", String((index === 1) === tail)));
        draw(record);
      },
    }, text));
    return element("div", {class: "toggle", role: "group", "aria-label": "View of the distribution"}, ...buttons);
  };
}

function legend(runs, hidden) {
  return element("div", {class: "legend", role: "group", "aria-label": "Show or hide in the charts"}, ...runs.map((run) => {
    const button = element("button", {type: "button", "aria-pressed": String(!hidden.has(run.backend))}, swatch(run.backend), displayName(run.backend));
    button.addEventListener("click", () => {
      if (!hidden.delete(run.backend)) hidden.add(run.backend);
      button.setAttribute("aria-pressed", String(!hidden.has(run.backend)));
      charts.filter((record) => record.hidden === hidden).forEach(draw);
    });
    return button;
  }));
}

function chartGrid(entry, unit) {
  const {runs, noise, comparison, group} = entry;
  const measured = runs.filter((run) => run.latency_us).sort(byMedian);
  if (measured.length === 0) return [];
  if (typeof Chart === "undefined") return [element("p", {class: "note"}, "This build of Cycloid has no chart library (Chart.js) in it; the table has all numbers.")];
  const all = noise ? [...measured, noise] : measured;
  const hidden = new Set();
  const view = {tail: false};
  const where = `${comparison.model.name}, ${plural(group.threads, "thread")}`;
  const summary = measured.map((run) => `${run.backend} median ${digits(run.latency_us.p50 * unit.scale)} ${unit.name}`).join("; ");
  const steady = measured.some((run) => run.steadiness !== null);
  const cards = [
    chartCard("How latency is distributed", "The steeper, the steadier; further left is faster.", `Latency distribution for ${where}: ${summary}`,
      () => distributionChart(all, unit, view.tail), {toggle: tailToggle(view), hidden}),
  ];
  if (steady) {
    cards.push(chartCard("Speed against steadiness", "Best is at the lower left. Dashed: the machine’s own noise over as long.", `Median latency against p99/p50 for ${where}`,
      () => scatterChart(measured, unit), {hidden}));
  } else {
    cards.push(element("div", {class: "card chart"}, element("h3", {}, "Speed against steadiness"),
      element("p", {}, `Steadiness is p99/p50, and p99 needs 1000 samples; this measurement has ${group.loops}.`)));
  }
  cards.push(chartCard("Latency over time", "All backends on one clock: what strikes all at once is the machine.", `Latency over time for ${where}`,
    () => timelineChart(all, unit), {full: true, hidden}));
  return [legend(all, hidden), element("div", {class: "charts"}, ...cards)];
}

function definitions(pairs) {
  return element("dl", {}, ...pairs.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]));
}

function settings(runs) {
  const used = runs.filter((run) => run.status !== "unavailable");
  const blocks = used.map((run) => element("div", {}, element("strong", {}, run.backend), definitions([
    ...(run.form_source ? [["model from", run.form_source]] : []),
    ...Object.entries(run.options),
    ["warm-up", `${plural(run.warmup_runs, "run")}, ${run.settle_runs_per_round} at the start of each turn`],
    ...(run.system ? [["page faults", `${run.system.minor_faults} minor, ${run.system.major_faults} major in the rounds`],
      ["context switches", `${run.system.voluntary_switches} voluntary, ${run.system.involuntary_switches} forced`]] : []),
  ])));
  return element("details", {}, element("summary", {}, "Settings of each backend"), element("div", {class: "settings"}, ...blocks));
}

function section(entry, index) {
  const {comparison, group, runs} = entry;
  const unit = unitOf(runs);
  const facts = [...comparison.model.inputs.map(shapeText), `${plural(group.loops, "run")} in ${plural(group.rounds, "round")}`];
  if (comparison.model.input_values) facts.push(`inputs: ${comparison.model.input_values}`);
  if (group.reference) facts.push(`reference: ${group.reference}`);
  return element("section", {class: "group", id: `group-${index}`, "aria-labelledby": `title-${index}`},
    element("div", {class: "group-head"}, element("h2", {id: `title-${index}`}, comparison.model.name), element("span", {class: "threads"}, plural(group.threads, "thread"))),
    element("p", {class: "facts"}, facts.join("  ·  ")),
    group.reference_note ? element("p", {class: "facts"}, `Not the first choice of a reference, because of ${group.reference_note}`) : null,
    headline(entry, unit), table(entry, unit), ...chartGrid(entry, unit), settings(runs));
}

function environmentCard(environment) {
  const list = (values) => values.join(", ");
  const pairs = [
    ["processor", environment.cpu],
    ["instruction sets", list(environment.isa)],
    ["processors", `${environment.cpus_online} online (${plural(environment.cores_online, "core")}), allowed: ${list(environment.allowed_cpus)}`],
    ["quota", environment.cgroup_quota_cpus === null ? "none" : `${environment.cgroup_quota_cpus} processors`],
    ["pinned", environment.pinned ? "yes" : "no"],
    ["caches", Object.entries(environment.caches).map(([name, size]) => `${name} ${size}`).join(", ")],
    ["governor", environment.governor ?? "none (no frequency control)"],
    ["virtual machine", environment.hypervisor ? "yes" : "no"],
    ["stolen time", `${(100 * environment.steal_share).toFixed(2)} %`],
    ["load average", `${list(environment.load_average_before.map((x) => x.toFixed(2)))} before; ${list(environment.load_average_after.map((x) => x.toFixed(2)))} after`],
    ["memory", `${Math.round(environment.memory_mb / 1024)} GB`],
    ["system", `${environment.os ?? ""} ${environment.kernel ?? ""}`.trim()],
    ["compiler", environment.compiler],
    ["variables", Object.entries(environment.variables).map(([name, value]) => `${name}=${value}`).join(" ") || "none that frameworks read"],
    ["cycloid", data.cycloid_version],
    ["seed", String(data.seed)],
    ["command", data.command.join(" ")],
  ];
  return element("section", {class: "card environment", "aria-labelledby": "environment"}, element("h2", {id: "environment"}, "Environment"),
    definitions(pairs.filter(([, text]) => text)));
}

function build() {
  const entries = groupsOf(data);
  const names = [...new Set(data.comparisons.map((comparison) => comparison.model.name))];
  document.title = `${names.join(", ")} – Cycloid bench`;
  document.getElementById("subtitle").textContent = `${data.date.replace("T", " ").replace("Z", " UTC")}  ·  ${data.environment.cpu ?? "unknown processor"}`;
  const report = document.getElementById("report");
  entries.forEach((entry, index) => {
    report.append(section(entry, index));
    if (entries.length > 1) {
      document.getElementById("nav").append(element("a", {href: `#group-${index}`}, `${entry.comparison.model.name}, ${plural(entry.group.threads, "thread")}`));
    }
  });
  report.append(environmentCard(data.environment));
  charts.forEach(draw);
  document.documentElement.dataset.ready = "true";
}

function recolour() {
  for (const node of document.querySelectorAll("[data-backend]")) node.style.background = colour(node.dataset.backend);
  charts.forEach(draw);
}

build();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
