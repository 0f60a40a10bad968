"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const si = (value) => {
    if (value === null || value === undefined) return null;
    const sign = value < 0 ? "\u2212" : "";
    let size = Math.abs(value);
    for (const prefix of ["", "k", "M", "G", "T", "P"]) {
      if (size < 999.5) return sign + (size >= 100 || prefix === "" ? Math.round(size) : size.toPrecision(3)) + (prefix && " " + prefix);
      size /= 1000;
    }
    return sign + size.toPrecision(3) + " E";
  };
  const withUnit = (value, unit) => si(value) + (/ .$/.test(si(value)) ? "" : " ") + unit;
  const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

  // --- The facts above the graphs.
  byId("subtitle").textContent = `${data.model}: ${plural(data.applications.length, "change")} by ${plural(data.rules.length, "rule")}`;
  const tile = (label, before, after, unit) => {
    if (before === null || after === null) return;
    const element = make("div", "tile");
    element.append(make("div", "label", label), make("div", "value", `${unit === null ? before : si(before)} \u2192 ${unit === null ? after : unit ? withUnit(after, unit) : si(after)}`));
    const share = before > 0 ? (100 * (before - after)) / before : 0;
    element.append(make("div", "detail", share > 0 ? `${share.toFixed(share < 10 ? 1 : 0)} % less` : share < 0 ? `${(-share).toFixed(1)} % more` : "the same"));
    byId("tiles").append(element);
  };
  tile("Nodes", data.before.totals.nodes, data.after.totals.nodes, null);
  tile("FLOPs of a run", data.before.totals.flops, data.after.totals.flops, "");
  tile("Bytes moved by a run", data.before.totals.bytes, data.after.totals.bytes, "B");
  for (const measured of data.measured) {
    const element = make("div", "tile");
    element.append(make("div", "label", `Speed on ${measured.backend}`), make("div", "value", measured.text), make("div", "detail", measured.detail));
    byId("tiles").append(element);
  }
  for (const note of data.notes) byId("notes").append(make("p", "note", note));

  // --- The two graphs.
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const boxHeight = 28;

  class Pane {
    constructor(element, graph, litColour) {
      this.graph = graph;
      this.lit = new Set(graph.lit);
      this.litColour = litColour;
      this.chosen = new Set();
      this.canvas = element.querySelector("canvas");
      this.scale = 1;
      this.x = 0;
      this.y = 0;
      this.pointers = new Map();
      element.querySelector(".count").textContent = `${plural(graph.totals.nodes, "node")}`;
      element.querySelectorAll("button").forEach((button) => button.addEventListener("click", () => this.command(button.dataset.do)));
      this.listen();
      this.lines = graph.lines.map(([from, to, ...bends]) => [graph.boxes[from], graph.boxes[to], bends]);
      this.fitted = false;
    }

    size() {
      const box = this.canvas.getBoundingClientRect();
      return [box.width, box.height];
    }

    resize() {
      const [width, height] = this.size();
      const dense = window.devicePixelRatio || 1;
      this.canvas.width = Math.round(width * dense);
      this.canvas.height = Math.round(height * dense);
      if (!this.fitted) this.fit();
      this.draw();
    }

    // All of it where that can be read, else where its first change is, at a size that can.
    fit() {
      const [width, height] = this.size();
      if (!width) return;
      this.fitted = true;
      const whole = Math.min(width / this.graph.width, height / this.graph.height, 1.25);
      this.scale = Math.max(whole, Math.min(width / this.graph.width, 0.75), 0.5);
      // A graph that leans to a side begins elsewhere than in the middle.
      const fits = this.graph.width * this.scale <= width;
      const first = this.graph.lit.map((i) => this.graph.boxes[i]).sort((a, b) => a.y - b.y)[0] || this.graph.boxes[0];
      this.x = width / 2 - (fits || !first ? this.graph.width / 2 : first.x) * this.scale;
      if (whole >= this.scale) this.y = (height - this.graph.height * this.scale) / 2;
      else this.y = first ? Math.min(0, Math.max(height / 3 - first.y * this.scale, height - this.graph.height * this.scale)) : 0;
    }

    overview() {
      const [width, height] = this.size();
      this.scale = Math.min(width / this.graph.width, height / this.graph.height, 1.25);
      this.x = width / 2 - (this.graph.width / 2) * this.scale;
      this.y = height / 2 - (this.graph.height / 2) * this.scale;
      this.draw();
    }

    command(what) {
      const [width, height] = this.size();
      if (what === "fit") this.overview();
      else this.zoom(what === "in" ? 1.4 : 1 / 1.4, width / 2, height / 2);
    }

    zoom(factor, x, y) {
      const scale = Math.min(4, Math.max(0.002, this.scale * factor));
      this.x = x - ((x - this.x) * scale) / this.scale;
      this.y = y - ((y - this.y) * scale) / this.scale;
      this.scale = scale;
      this.draw();
    }

    draw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.paint();
      });
    }

    paint() {
      const context = this.canvas.getContext("2d");
      const dense = window.devicePixelRatio || 1;
      const [width, height] = this.size();
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      context.setTransform(dense * this.scale, 0, 0, dense * this.scale, dense * this.x, dense * this.y);
      const top = -this.y / this.scale - boxHeight;
      const bottom = (height - this.y) / this.scale + boxHeight;
      const left = -this.x / this.scale;
      const right = (width - this.x) / this.scale;
      context.strokeStyle = colour("wire");
      context.lineWidth = Math.max(1, 0.7 / this.scale);
      context.beginPath();
      for (const [from, to, bends] of this.lines) {
        if (to.y < top || from.y > bottom) continue;
        let [x, y] = [from.x, from.y];
        context.moveTo(x, y + boxHeight / 2);
        const curve = (toX, toY) => {
          const y0 = y + boxHeight / 2;
          const y1 = toY - boxHeight / 2;
          const bend = Math.min(34, (y1 - y0) / 2);
          // Of a long line only the part that is seen.
          if (y1 < top || y0 > bottom) context.moveTo(toX, y1);
          else if (this.scale < 0.15 || x === toX) context.lineTo(toX, y1);
          else context.bezierCurveTo(x, y0 + bend, toX, y1 - bend, toX, y1);
          [x, y] = [toX, toY];
        };
        for (const bend of bends) {
          curve(bend, y + this.graph.layer);
          context.lineTo(x, y + boxHeight / 2);
        }
        curve(to.x, to.y);
      }
      context.stroke();
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = "13px system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif";
      const plain = [colour("box"), colour("line"), colour("ink")];
      const lit = [colour(this.litColour + "-paper"), colour(this.litColour), colour("ink")];
      const chosen = [colour("chosen-paper"), colour("chosen"), colour("ink")];
      const end = [colour("card"), colour("accent"), colour("accent")];
      this.graph.boxes.forEach((box, i) => {
        if (box.y < top || box.y > bottom || box.x + box.w / 2 < left || box.x - box.w / 2 > right) return;
        const style = this.chosen.has(i) ? chosen : this.lit.has(i) ? lit : box.k ? end : plain;
        // Far away what is lit stays to be seen.
        const grow = style === plain || style === end ? 0 : Math.max(0, 2.2 / this.scale - 4);
        context.fillStyle = style[0];
        context.strokeStyle = style[1];
        context.lineWidth = style === chosen ? Math.max(2.5, 1.6 / this.scale) : Math.max(1, 0.8 / this.scale);
        context.beginPath();
        context.roundRect(box.x - box.w / 2 - grow, box.y - boxHeight / 2 - grow, box.w + 2 * grow, boxHeight + 2 * grow, box.k ? boxHeight / 2 : 6);
        context.fill();
        context.stroke();
        if (this.scale < 0.3) return;
        context.fillStyle = style[2];
        context.fillText(box.l, box.x, box.y + 0.5);
      });
    }

    at(x, y) {
      const gx = (x - this.x) / this.scale;
      const gy = (y - this.y) / this.scale;
      const slack = Math.max(0, 10 / this.scale - boxHeight / 2);
      return this.graph.boxes.findIndex((box) => Math.abs(box.x - gx) <= box.w / 2 + slack && Math.abs(box.y - gy) <= boxHeight / 2 + slack);
    }

    show(indices) {
      this.chosen = new Set(indices);
      if (indices.length) {
        const boxes = indices.map((i) => this.graph.boxes[i]);
        const [width, height] = this.size();
        const x0 = Math.min(...boxes.map((box) => box.x - box.w / 2));
        const x1 = Math.max(...boxes.map((box) => box.x + box.w / 2));
        const y0 = Math.min(...boxes.map((box) => box.y));
        const y1 = Math.max(...boxes.map((box) => box.y));
        this.scale = Math.max(0.05, Math.min(1, width / (x1 - x0 + 160), height / (y1 - y0 + 160)));
        this.x = width / 2 - ((x0 + x1) / 2) * this.scale;
        this.y = height / 2 - ((y0 + y1) / 2) * this.scale;
      }
      this.draw();
    }

    listen() {
      const canvas = this.canvas;
      const place = (event) => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        this.pointers.set(event.pointerId, place(event));
        this.moved = this.pointers.size > 1;
        canvas.classList.add("dragging");
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!this.pointers.has(event.pointerId)) return;
        const before = this.pointers.get(event.pointerId);
        const now = place(event);
        if (Math.hypot(now[0] - before[0], now[1] - before[1]) > 3) this.moved = true;
        if (!this.moved) return;
        if (this.pointers.size === 1) {
          this.x += now[0] - before[0];
          this.y += now[1] - before[1];
          this.draw();
        } else {
          const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)[1];
          const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
          const is = Math.hypot(now[0] - other[0], now[1] - other[1]);
          if (was > 0) this.zoom(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
        }
        this.pointers.set(event.pointerId, now);
      });
      const up = (event) => {
        if (!this.pointers.delete(event.pointerId)) return;
        canvas.classList.remove("dragging");
        if (event.type === "pointerup" && !this.moved) {
          const hit = this.at(...place(event));
          if (hit >= 0) said(this, hit);
        }
      };
      canvas.addEventListener("pointerup", up);
      canvas.addEventListener("pointercancel", up);
      canvas.addEventListener("wheel", (event) => {
        // Without a key the page scrolls, so that nobody is caught in the picture.
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0022)), ...place(event));
      }, { passive: false });
      canvas.addEventListener("dblclick", (event) => this.zoom(1.6, ...place(event)));
      canvas.addEventListener("keydown", (event) => {
        const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
        if (event.key in steps) {
          this.x += steps[event.key][0];
          this.y += steps[event.key][1];
          this.draw();
        } else if (event.key === "+" || event.key === "-" || event.key === "0") {
          this.command({ "+": "in", "-": "out", 0: "fit" }[event.key]);
        } else return;
        event.preventDefault();
      });
    }
  }

  const before = new Pane(document.querySelector('[data-side="before"]'), data.before, "removed");
  const after = new Pane(document.querySelector('[data-side="after"]'), data.after, "added");
  const panes = [before, after];
  panes.forEach((pane) => new ResizeObserver(() => pane.resize()).observe(pane.canvas));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => panes.forEach((pane) => pane.draw()));

  // --- What a box is, and which change it belongs to.
  function said(pane, i) {
    const box = pane.graph.boxes[i];
    const side = pane === before ? "before" : "after";
    const which = data.applications.findIndex((application) => application[side].includes(i));
    byId("said").textContent = `${box.l} \u201c${box.n}\u201d${box.t ? ": " + box.t : ""}`;
    if (which >= 0) choose(which, false);
  }

  let pressed = null;
  let chosen = -1;
  function choose(which, scroll) {
    chosen = which;
    byId("which").textContent = `Change ${which + 1} of ${data.applications.length}`;
    const application = data.applications[which];
    before.show(application.before);
    after.show(application.after);
    if (pressed) pressed.setAttribute("aria-pressed", "false");
    pressed = document.querySelector(`.item[data-which="${which}"]`);
    if (pressed) pressed.setAttribute("aria-pressed", "true");
    const rule = data.rules[application.rule];
    byId("said").textContent = `${rule.name}: ${application.removed.join(", ") || "nothing"} \u2192 ${application.added.join(", ") || "nothing"}`;
    if (scroll) document.querySelector(".panes").scrollIntoView({ block: "nearest" });
  }

  const step = (by) => {
    if (!data.applications.length) return;
    const count = data.applications.length;
    choose(chosen < 0 ? (by > 0 ? 0 : count - 1) : (chosen + by + count) % count, false);
  };
  byId("earlier").addEventListener("click", () => step(-1));
  byId("later").addEventListener("click", () => step(1));
  byId("steps").hidden = !data.applications.length;

  // --- The list of changes, by rule; long lists grow when asked.
  const batch = 30;
  function item(which) {
    const application = data.applications[which];
    const button = make("button", "item");
    button.type = "button";
    button.dataset.which = which;
    button.setAttribute("aria-pressed", "false");
    const line = make("div");
    line.append(make("del", "", application.removed.slice(0, 6).join(", ") || "nothing"), " \u2192 ", make("ins", "", application.added.slice(0, 6).join(", ") || "nothing"));
    const facts = [];
    if (application.where) facts.push("in " + application.where);
    if (application.flops) facts.push(`saves ${withUnit(application.flops, "FLOP")}`);
    if (application.bytes) facts.push(`saves ${withUnit(application.bytes, "B")}`);
    facts.push(application.error === null ? (application.verified ? "checked with the whole model" : "not verified") : application.error === 0 ? "the same bits" : `differs by ${application.error.toPrecision(2)} of the largest value`);
    button.append(line, make("div", "facts", facts.join(" \u00b7 ")));
    button.addEventListener("click", () => choose(which, true));
    return button;
  }

  function listRule(rule, whiches) {
    const details = make("details", "rule");
    const summary = make("summary");
    const saves = [];
    if (rule.nodes) saves.push(`${rule.nodes < 0 ? "adds" : "saves"} ${plural(Math.abs(rule.nodes), "node")}`);
    if (rule.flops) saves.push(withUnit(rule.flops, "FLOP"));
    if (rule.bytes) saves.push(withUnit(rule.bytes, "B"));
    summary.append(make("span", "", `${rule.name} \u00d7 ${whiches.length}`), make("span", "kind", rule.kind), make("span", "saves", saves.join(", ")));
    details.append(summary, make("p", "law", rule.law), make("p", "why", rule.why));
    const items = make("div", "items");
    const more = make("button", "more");
    let shown = 0;
    const grow = () => {
      for (const which of whiches.slice(shown, shown + batch)) items.append(item(which));
      shown += batch;
      more.textContent = `${Math.max(0, whiches.length - shown)} more`;
      more.hidden = shown >= whiches.length;
    };
    more.addEventListener("click", grow);
    details.append(items, more);
    details.addEventListener("toggle", () => details.open && shown === 0 && grow());
    return details;
  }

  function list(filter) {
    const rules = byId("rules");
    rules.replaceChildren();
    const wanted = filter.toLowerCase();
    data.rules.forEach((rule, r) => {
      const whiches = [];
      data.applications.forEach((application, which) => {
        if (application.rule !== r) return;
        const text = `${rule.name} ${rule.kind} ${application.removed.join(" ")} ${application.added.join(" ")}`.toLowerCase();
        if (text.includes(wanted)) whiches.push(which);
      });
      if (whiches.length) rules.append(listRule(rule, whiches));
    });
    if (!rules.children.length) rules.append(make("p", "subtitle", wanted ? "Nothing is called so." : "Nothing was changed."));
    for (const reverted of data.reverted) rules.append(make("p", "reverted", `taken back: ${reverted}`));
    // A name that no change has may still be a box.
    if (wanted) {
      for (const pane of panes) {
        const hits = [];
        pane.graph.boxes.forEach((box, i) => box.n.toLowerCase().includes(wanted) && hits.length < 200 && hits.push(i));
        pane.show(hits.slice(0, 50));
      }
    }
  }
  let typing = null;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => list(event.target.value.trim()), 150);
  });
  list("");
  document.documentElement.dataset.ready = "true";
})();
