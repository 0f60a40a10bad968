"use strict";
// Numbers and elements. All text goes in through textContent, so nothing in the data can become markup.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name === "style") Object.assign(node.style, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

const DASH = "–";

// About three significant digits, never an exponent.
function digits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", {minimumFractionDigits: places, maximumFractionDigits: places});
}

// The unit for a group: microseconds, unless every median is above a millisecond.
function unitOf(runs) {
  const medians = runs.filter((run) => run.latency_us).map((run) => run.latency_us.p50);
  return medians.length > 0 && Math.min(...medians) >= 1000 ? {name: "ms", scale: 1e-3} : {name: "µs", scale: 1};
}

function errorText(value) {
  if (value === null || value === undefined) return DASH;
  return value === 0 ? "0" : value.toExponential(1);
}

function shapeText(input) {
  const shape = input.shape.length > 0 ? input.shape.join("×") : "scalar";
  return `${input.name}: ${input.dtype} ${shape}`;
}

function plural(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

// Fixed for the backends that Cycloid knows, so that pages can be compared; [light, dark]. Colours differ in lightness as
// well as in hue, and lines in dashes, for readers who do not tell the hues apart.
const COLOURS = {
  "cycloid": ["#0b63c4", "#5aa9ff"],
  "pytorch": ["#d2452d", "#ff7d66"],
  "torchscript": ["#b07a00", "#e9b44c"],
  "torch-compile": ["#8438c7", "#c08bff"],
  "libtorch": ["#00767f", "#38c4cd"],
  "onnxruntime": ["#2c7d32", "#6fcf76"],
  "openvino": ["#b8337d", "#ff85c0"],
  "noise": ["#7d8794", "#8d99a8"],
};
const OTHERS = [["#4d5a00", "#c3d13a"], ["#6b3e1f", "#d49a6a"], ["#333a9c", "#9aa2ff"], ["#00695c", "#5fd3c1"]];
const DASHES = {"torchscript": [6, 3], "torch-compile": [2, 2], "libtorch": [8, 3, 2, 3], "openvino": [4, 2], "noise": [2, 4]};
const SHAPES = {"cycloid": "rectRot", "torchscript": "triangle", "torch-compile": "rect", "libtorch": "rectRounded", "openvino": "star", "noise": "cross"};

function isDark() {
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

const assigned = new Map();
function colour(backend) {
  if (!Object.hasOwn(COLOURS, backend) && !assigned.has(backend)) assigned.set(backend, OTHERS[assigned.size % OTHERS.length]);
  const pair = Object.hasOwn(COLOURS, backend) ? COLOURS[backend] : assigned.get(backend);
  return pair[isDark() ? 1 : 0];
}

// p99/p50 of the machine's noise over spans as long as the run, or null.
function machineSteadiness(run) {
  const machine = run.machine_us;
  return machine && machine.p99 !== null ? machine.p99 / machine.p50 : null;
}

function displayName(backend) {
  return backend === "noise" ? "machine’s noise" : backend;
}
