"use strict";
// The charts of one group (a model at a thread count). Drawn by Chart.js on canvases; the table holds the same in numbers.

function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {ink: of("--ink"), soft: of("--soft"), line: of("--line"), card: of("--card")};
}

function axis(title, type, colours, ticks) {
  return {
    type,
    title: {display: true, text: title, color: colours.soft},
    grid: {color: colours.line, borderColor: colours.line},
    ticks: {color: colours.soft, maxRotation: 0, autoSkipPadding: 14, ...ticks},
  };
}

// A logarithmic axis labels 1, 2 and 5 of each decade: Chart.js's own choice is too dense to read.
function logTicks(format) {
  return {
    autoSkip: false,
    callback(value) {
      const leading = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
      return [1, 2, 5].some((digit) => Math.abs(leading - digit) < 1e-6) ? format(value) : "";
    },
  };
}

function shortNumber(value) {
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(3))}k` : `${Number(value.toPrecision(3))}`;
}

function options(x, y, tooltip, colours) {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    normalized: true,
    interaction: {mode: "nearest", intersect: false},
    scales: {x, y},
    plugins: {
      legend: {display: false},
      tooltip: {
        backgroundColor: colours.card,
        borderColor: colours.line,
        borderWidth: 1,
        titleColor: colours.ink,
        bodyColor: colours.ink,
        callbacks: {title: () => "", label: tooltip},
      },
    },
  };
}

// Limits that leave out a few wild samples would hide what steadiness is about, so logarithmic axes hold all of them.
function limits(values) {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0) return {};
  return {min: Math.min(...positive) / 1.06, max: Math.max(...positive) * 1.06};
}

function distributionChart(runs, unit, tail) {
  const colours = theme();
  const datasets = runs.filter((run) => run.distribution.length > 1).map((run) => ({
    label: displayName(run.backend),
    backend: run.backend,
    // In the tail view y is the share of runs that are slower: 1/(2n) stands for "none", which a logarithm cannot show.
    data: run.distribution.map(([x, y]) => ({x: x * unit.scale, y: tail ? Math.max(1 - y, 0.5 / run.samples) * 100 : y * 100})),
    borderColor: colour(run.backend),
    backgroundColor: colour(run.backend),
    borderDash: DASHES[run.backend] || [],
    borderWidth: run.backend === "cycloid" ? 3 : 2,
    pointRadius: 0,
    pointHitRadius: 6,
    stepped: tail ? "after" : "before",
    showLine: true,
  }));
  const x = {...axis(`latency (${unit.name})`, "logarithmic", colours, logTicks(shortNumber)), ...limits(datasets.flatMap((set) => set.data.map((p) => p.x)))};
  const percent = (value) => `${Number(value.toPrecision(3))} %`;
  const y = tail
    ? {...axis("runs that are slower", "logarithmic", colours, logTicks(percent)), max: 100}
    : {...axis("runs that are not slower", "linear", colours, {callback: (value) => `${value} %`}), min: 0, max: 100};
  if (tail) y.ticks.callback = (value) => (Math.abs(Math.log10(value) % 1) < 1e-6 ? percent(value) : "");
  const label = (item) => `${item.dataset.label}: ${digits(item.parsed.x)} ${unit.name}, ${percent(item.parsed.y)} ${tail ? "are slower" : "are not slower"}`;
  return {type: "scatter", data: {datasets}, options: options(x, y, label, colours)};
}

function timelineChart(runs, unit) {
  const colours = theme();
  const datasets = runs.filter((run) => run.timeline.length > 0).map((run) => ({
    label: displayName(run.backend),
    backend: run.backend,
    data: run.timeline.map(([x, y]) => ({x, y: y * unit.scale})),
    borderColor: colour(run.backend),
    backgroundColor: colour(run.backend),
    pointStyle: "circle",
    pointRadius: run.backend === "cycloid" ? 2 : 1.6,
    pointBorderWidth: 0,
    showLine: false,
  }));
  const x = {...axis("time since the first round (s)", "linear", colours, {}), min: 0};
  const y = {...axis(`latency (${unit.name})`, "logarithmic", colours, logTicks(shortNumber)), ...limits(datasets.flatMap((set) => set.data.map((p) => p.y)))};
  const label = (item) => `${item.dataset.label}: ${digits(item.parsed.y)} ${unit.name} at ${digits(item.parsed.x)} s`;
  return {type: "scatter", data: {datasets}, options: options(x, y, label, colours)};
}

// Names beside the points, on the side where there is room, one below the other where points are close.
const nameLabels = {
  id: "nameLabels",
  afterDatasetsDraw(chart) {
    const {ctx, chartArea} = chart;
    ctx.save();
    ctx.font = "600 12px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    // Points are in the way of names as much as other names are.
    const taken = chart.data.datasets.flatMap((set, index) => {
      const point = set.backend === undefined || !chart.isDatasetVisible(index) ? undefined : chart.getDatasetMeta(index).data[0];
      return point === undefined ? [] : [{x: point.x - 8, y: point.y, width: 16}];
    });
    chart.data.datasets.forEach((set, index) => {
      if (!chart.isDatasetVisible(index) || set.backend === undefined) return;
      const point = chart.getDatasetMeta(index).data[0];
      if (point === undefined) return;
      const width = ctx.measureText(set.label).width;
      const left = point.x + 11 + width > chartArea.right;
      const x = left ? point.x - 11 - width : point.x + 11;
      let y = point.y;
      const clashes = () => taken.some((box) => x < box.x + box.width && box.x < x + width && Math.abs(box.y - y) < 14);
      for (let i = 1; clashes() && i < 12; ++i) y = point.y + (i % 2 === 1 ? 1 : -1) * 15 * Math.ceil(i / 2);
      taken.push({x, y, width});
      ctx.fillStyle = set.borderColor;
      ctx.fillText(set.label, x, y);
    });
    ctx.restore();
  },
};

function scatterChart(runs, unit) {
  const colours = theme();
  const datasets = runs.filter((run) => run.steadiness !== null).map((run) => ({
    label: run.backend,
    backend: run.backend,
    data: [{x: run.latency_us.p50 * unit.scale, y: run.steadiness}],
    borderColor: colour(run.backend),
    backgroundColor: colour(run.backend),
    pointStyle: SHAPES[run.backend] || "circle",
    pointRadius: run.backend === "cycloid" ? 8 : 6,
    pointHoverRadius: 9,
    pointBorderWidth: 2,
    showLine: false,
  }));
  const x = {...axis(`median latency (${unit.name}) – left is faster`, "logarithmic", colours, logTicks(shortNumber))};
  const y = {...axis("p99 / p50 – lower is steadier", "logarithmic", colours, logTicks((value) => `${Number(value.toPrecision(3))}`)), min: 1};
  const xs = datasets.flatMap((set) => set.data.map((p) => p.x));
  const ys = datasets.flatMap((set) => set.data.map((p) => p.y));
  if (xs.length > 0) Object.assign(x, {min: Math.min(...xs) / 1.25, max: Math.max(...xs) * 1.25});
  const limits = runs.filter((run) => machineSteadiness(run) !== null)
    .map((run) => ({x: run.latency_us.p50 * unit.scale, y: machineSteadiness(run)})).sort((a, b) => a.x - b.x);
  if (limits.length > 0) {
    ys.push(...limits.map((point) => point.y));
    datasets.push({
      label: "machine’s noise over as long",
      data: limits,
      borderColor: colour("noise"),
      borderDash: [4, 4],
      borderWidth: 1.5,
      pointRadius: 0,
      showLine: true,
    });
  }
  const highest = Math.max(1.4, ...ys.map((value) => value * 1.1));
  if (highest >= 4) {
    y.max = highest;
  } else {
    y.type = "linear";
    y.suggestedMax = highest;
    delete y.ticks.callback;
    delete y.ticks.autoSkip;
  }
  const label = (item) => (item.dataset.backend === undefined
    ? item.dataset.label
    : `${item.dataset.label}: median ${digits(item.parsed.x)} ${unit.name}, p99/p50 ${digits(item.parsed.y)}`);
  return {type: "scatter", data: {datasets}, options: options(x, y, label, colours), plugins: [nameLabels]};
}
