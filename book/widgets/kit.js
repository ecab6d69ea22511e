// What the controls share. Python puts this text before each control's own, so both are one module.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
let kitIds = 0;

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

/** An HTML element: h("p", {class: "mg-say"}, "text", child). */
function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** A number with `digits` decimals and a true minus sign; never "−0.00". */
function show(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "∞" : "−∞";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** As few decimals as the number needs, at most `digits`. */
function brief(value, digits = 2) {
  return show(value, digits).replace(/\.?0+$/, "");
}

/** A labelled slider with its value beside it. */
function slider({ name, label, min, max, step, value, format = (v) => show(v), onChange }) {
  const id = `mg-${++kitIds}`;
  const text = h("output", { for: id, class: "mg-value" }, format(value));
  const input = h("input", { type: "range", id, min, max, step, name, "aria-valuetext": format(value) });
  input.value = value;
  const update = () => {
    text.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", text.textContent);
  };
  input.addEventListener("input", () => {
    update();
    onChange(Number(input.value));
  });
  const row = h("div", { class: "mg-slider" }, h("label", { for: id }, label), input, text);
  return {
    row,
    input,
    set(next) {
      input.value = next;
      update();
    },
  };
}

/** A labelled list to choose from; options are [value, text] pairs. */
function choice({ name, label, options, value, onChange }) {
  const id = `mg-${++kitIds}`;
  const list = h("select", { id, name }, options.map(([key, text]) => h("option", { value: key }, text)));
  list.value = value;
  list.addEventListener("change", () => onChange(list.value));
  return { row: h("div", { class: "mg-choice" }, h("label", { for: id }, label), list), list };
}

function button(text, onClick, attributes = {}) {
  return h("button", { type: "button", onclick: onClick, ...attributes }, text);
}

/** The frame of a control: a titled group that the page can be told apart by. */
function frame(el, name, title) {
  const root = h("div", { class: `mg mg-${name}`, role: "group", "aria-label": title });
  root.append(h("p", { class: "mg-title", "aria-hidden": "true" }, title));
  el.append(root);
  return root;
}

/** Calls `draw(width)` now and whenever the width of `node` changes; returns a function that ends it. */
function onWidth(node, draw) {
  let last = 0;
  const watcher = new ResizeObserver(() => {
    const width = Math.round(node.clientWidth);
    if (width && width !== last) draw((last = width));
  });
  watcher.observe(node);
  return () => watcher.disconnect();
}

/** Two-way: a control's setting is kept in the model, so Python (where there is one) sees it. */
function keep(model, key, value) {
  model.set(key, value);
  model.save_changes();
}

/**
 * Draws a graph of boxes: from left to right where there is room, from top to bottom where there is not.
 * nodes: [{id, layer, slot, lines: [text, ...], kind}], edges: [{from, to, label, kind, back}]; layers and slots are
 * positions on a grid (slots may be fractions); `back` turns the arrow round. gap: the pixels between boxes: along and
 * across where the graph lies, along where it stands. Returns the svg element, whose text alternative is `alt`.
 */
function drawGraph(width, { nodes, edges, alt, box: [boxWidth, boxHeight], gap }) {
  const layers = Math.max(...nodes.map((n) => n.layer)) + 1;
  const slots = Math.max(...nodes.map((n) => n.slot)) + 1;
  const wide = width >= layers * (boxWidth + 34);
  const [columns, rows] = wide ? [layers, slots] : [slots, layers];
  const drawn = Math.min(width, columns * (boxWidth + (wide ? gap[0] : 24)));
  const w = Math.min(boxWidth, drawn / columns - 4);
  const stepX = columns > 1 ? (drawn - w - 4) / (columns - 1) : 0;
  const stepY = boxHeight + (wide ? gap[1] : gap[2]);
  const height = (rows - 1) * stepY + boxHeight + 4;
  const along = wide ? "x" : "y"; // the direction of reading
  const across = wide ? "y" : "x";
  const [deep, broad] = wide ? [w, boxHeight] : [boxHeight, w];
  const place = new Map(
    nodes.map((n) => {
      const [column, row] = wide ? [n.layer, n.slot] : [n.slot, n.layer];
      return [n.id, { x: 2 + w / 2 + column * stepX, y: 2 + boxHeight / 2 + row * stepY }];
    }),
  );
  // edges leave and enter side by side, in the order of where they go and where they come from
  const port = (end, other) => (edge, i) => {
    const beside = edges
      .map((each, j) => ({ each, j }))
      .filter(({ each }) => each[end] === edge[end])
      .sort((p, q) => place.get(p.each[other])[across] - place.get(q.each[other])[across] || p.j - q.j);
    const rank = beside.findIndex(({ j }) => j === i) - (beside.length - 1) / 2;
    return rank * Math.min(24, (0.7 * broad) / beside.length);
  };
  const [leaves, enters] = [port("from", "to"), port("to", "from")];
  const svg = s("svg", { viewBox: `0 0 ${drawn} ${height}`, width: drawn, height, role: "img", "aria-label": alt });
  const labels = [];
  edges.forEach((edge, i) => {
    const [a, b] = [place.get(edge.from), place.get(edge.to)];
    const start = { [along]: a[along] + deep / 2, [across]: a[across] + leaves(edge, i) };
    const end = { [along]: b[along] - deep / 2, [across]: b[across] + enters(edge, i) };
    const tip = edge.back ? start : end;
    tip[along] += edge.back ? 8 : -8;
    const half = (end[along] - start[along]) / 2;
    const c1 = { [along]: start[along] + half, [across]: start[across] };
    const c2 = { [along]: end[along] - half, [across]: end[across] };
    const kind = edge.kind ? ` mg-${edge.kind}` : "";
    const d = `M${start.x} ${start.y}C${c1.x} ${c1.y} ${c2.x} ${c2.y} ${end.x} ${end.y}`;
    const sign = edge.back ? -1 : 1;
    const arrow = wide ? `l0 -4.5l${8 * sign} 4.5l${-8 * sign} 4.5z` : `l-4.5 0l4.5 ${8 * sign}l4.5 ${-8 * sign}z`;
    svg.append(s("path", { d, class: `mg-edge${kind}` }), s("path", { d: `M${tip.x} ${tip.y}${arrow}`, class: `mg-tip${kind}` }));
    if (edge.label) {
      const size = 8 * edge.label.length + 8;
      const twins = edges.filter((each) => each.from === edge.from && each.to === edge.to);
      const rank = twins.length > 1 ? twins.indexOf(edge) / (twins.length - 1) : 0.5;
      const t = 0.3 + 0.4 * (b[across] < a[across] ? 1 - rank : rank); // keeps the labels of twins apart
      const [x, y] = ["x", "y"].map(
        (axis) =>
          (1 - t) ** 3 * start[axis] + 3 * (1 - t) ** 2 * t * c1[axis] + 3 * (1 - t) * t ** 2 * c2[axis] + t ** 3 * end[axis],
      );
      labels.push(
        s(
          "g",
          { class: `mg-label${kind}`, transform: `translate(${x} ${y})` },
          s("rect", { x: -size / 2, y: -9.5, width: size, height: 19, rx: 9.5 }),
          s("text", { y: 4.5 }, edge.label),
        ),
      );
    }
  });
  for (const n of nodes) {
    const { x, y } = place.get(n.id);
    const step = Math.min(19, boxHeight / (n.lines.length + 0.4));
    svg.append(
      s(
        "g",
        { class: `mg-node${n.kind ? ` mg-${n.kind}` : ""}`, transform: `translate(${x} ${y})` },
        s("rect", { x: -w / 2, y: -boxHeight / 2, width: w, height: boxHeight, rx: 7 }),
        n.lines.map((line, i) =>
          s("text", { y: (i - (n.lines.length - 1) / 2) * step + 4.5, class: `mg-line${i}` }, line),
        ),
      ),
    );
  }
  svg.append(...labels);
  return svg;
}
