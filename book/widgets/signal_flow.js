// A deep random network: how large activations are going forward, and derivatives going back, layer by layer.
const FLOW_UNITS = 48;
const FLOW_INPUTS = 12;
const FLOW_DEEPEST = 40;
const FLOW_REACH = 12; // powers of ten that the picture shows, up and down

const FLOW_BENDS = {
  none: { text: "none", f: (z) => z, slope: () => 1 },
  sigmoid: { text: "sigmoid", f: (z) => 1 / (1 + Math.exp(-z)), slope: (z, y) => y * (1 - y) },
  tanh: { text: "tanh", f: Math.tanh, slope: (z, y) => 1 - y * y },
  relu: { text: "ReLU", f: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
};

/** Draws from N(0, 1) that every browser makes alike (mulberry32, Box and Muller). */
function flowNormals(count, seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

const flowRms = (rows) => {
  let sum = 0;
  for (const row of rows) for (const v of row) sum += v * v;
  return Math.sqrt(sum / (rows.length * rows[0].length));
};

/** The size of the activations and of the derivatives at layers 0 to depth, as root mean squares. */
function flowSizes(weights, inputs, { bend, depth, gain, skip }) {
  const n = FLOW_UNITS;
  const { f, slope } = FLOW_BENDS[bend];
  const scale = gain / Math.sqrt(n);
  let rows = inputs.map((row) => Float64Array.from(row));
  const kept = [];
  const forward = [flowRms(rows)];
  for (let layer = 0; layer < depth; layer++) {
    const slopes = [];
    rows = rows.map((row) => {
      const out = new Float64Array(n);
      const bent = new Float64Array(n);
      for (let i = 0; i < n; i++) {
        let z = 0;
        const start = (layer * n + i) * n;
        for (let j = 0; j < n; j++) z += weights[start + j] * row[j];
        z *= scale;
        out[i] = f(z);
        bent[i] = slope(z, out[i]);
        if (skip) out[i] += row[i];
      }
      slopes.push(bent);
      return out;
    });
    kept.push(slopes);
    forward.push(flowRms(rows));
  }
  let back = inputs.map((row) => Float64Array.from(row)); // any direction will do
  const first = flowRms(back);
  const backward = [1];
  for (let layer = depth - 1; layer >= 0; layer--) {
    back = back.map((row, k) => {
      const out = skip ? Float64Array.from(row) : new Float64Array(n);
      for (let i = 0; i < n; i++) {
        const g = row[i] * kept[layer][k][i] * scale;
        const start = (layer * n + i) * n;
        if (g) for (let j = 0; j < n; j++) out[j] += g * weights[start + j];
      }
      return out;
    });
    backward.unshift(flowRms(back) / first);
  }
  return { forward, backward };
}

/** 0.00012 as "1.2e−4", numbers near 1 as they are. */
function flowText(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return show(value);
  return value >= 0.01 && value < 1000 ? brief(value, 2) : value.toExponential(0).replace("-", "−").replace("+", "");
}

function render({ model, el }) {
  const root = frame(el, "flow", "What a random network does to sizes");
  const drawing = h("div", { class: "mg-drawing" });
  const say = h("p", { class: "mg-say", "aria-live": "polite" });
  const weights = flowNormals(FLOW_DEEPEST * FLOW_UNITS * FLOW_UNITS, 6);
  const normals = flowNormals(FLOW_INPUTS * FLOW_UNITS, 60);
  const inputs = Array.from({ length: FLOW_INPUTS }, (_, k) => normals.slice(k * FLOW_UNITS, (k + 1) * FLOW_UNITS));

  function picture(width, { forward, backward }, told) {
    const [left, right, top, bottom] = [46, 10, 8, 34];
    const [w, height] = [Math.min(width, 640), 260];
    const depth = forward.length - 1;
    const x = (layer) => left + ((w - left - right) * layer) / depth;
    const y = (size) => {
      const power = Math.max(-FLOW_REACH, Math.min(FLOW_REACH, Math.log10(size || 1e-300)));
      return top + ((height - top - bottom) * (FLOW_REACH - power)) / (2 * FLOW_REACH);
    };
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, width: w, height, role: "img", "aria-label": told });
    for (let power = -FLOW_REACH; power <= FLOW_REACH; power += 4) {
      const at = y(10 ** power);
      const line = { x1: left, x2: w - right, y1: at, y2: at, stroke: "var(--mg-line)" };
      svg.append(
        s("line", { ...line, "stroke-width": power === 0 ? 1.4 : 0.5 }),
        s("text", { x: left - 6, y: at + 4, "text-anchor": "end", "font-size": 12, fill: "var(--mg-ink)" },
          power === 0 ? "1" : `1e${power}`.replace("-", "−")),
      );
    }
    const marks = [0, Math.round(depth / 2), depth];
    for (const layer of new Set(marks)) {
      svg.append(s("text", { x: x(layer), y: height - bottom + 16, "text-anchor": "middle", "font-size": 12, fill: "var(--mg-ink)" }, String(layer)));
    }
    svg.append(s("text", { x: (left + w) / 2, y: height - 3, "text-anchor": "middle", "font-size": 12, fill: "var(--mg-soft)" }, "layer"));
    for (const [sizes, colour, dash] of [[forward, "var(--mg-accent)", null], [backward, "var(--mg-warm)", "6 4"]]) {
      const d = sizes.map((size, layer) => `${layer ? "L" : "M"}${x(layer).toFixed(1)} ${y(size).toFixed(1)}`).join("");
      svg.append(s("path", { d, fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash }));
    }
    return svg;
  }

  function draw() {
    const width = drawing.clientWidth;
    if (!width) return;
    const setting = Object.fromEntries(["bend", "depth", "gain"].map((key) => [key, model.get(key)]));
    const sizes = flowSizes(weights, inputs, { ...setting, skip: model.get("skip") });
    const [out, back] = [sizes.forward.at(-1), sizes.backward[0]];
    const told =
      `Over ${setting.depth} layers activations go from ${flowText(sizes.forward[0])} to ${flowText(out)}; ` +
      `derivatives, 1 at the last layer, are ${flowText(back)} at the input.`;
    drawing.replaceChildren(picture(width, sizes, told));
    say.replaceChildren(
      h("span", { style: "color: var(--mg-accent)" }, "— activations"), ": from ", flowText(sizes.forward[0]), " to ",
      h("b", { "data-value": "forward" }, flowText(out)), ". ",
      h("span", { style: "color: var(--mg-warm)" }, "- - derivatives"), ": from 1 at the last layer to ",
      h("b", { "data-value": "backward" }, flowText(back)), " at the input, a factor of ",
      h("b", { "data-value": "factor" }, flowText(back ** (1 / setting.depth))), " for each layer.",
    );
  }

  const bend = choice({
    name: "bend", label: "bend", options: Object.entries(FLOW_BENDS).map(([key, { text }]) => [key, text]),
    value: model.get("bend"), onChange: (value) => keep(model, "bend", value),
  });
  const between = choice({
    name: "skip", label: "layers", options: [["plain", "h = bend(W h)"], ["skip", "h = h + bend(W h)"]],
    value: model.get("skip") ? "skip" : "plain", onChange: (value) => keep(model, "skip", value === "skip"),
  });
  const depth = slider({
    name: "depth", label: "depth", min: 1, max: FLOW_DEEPEST, step: 1, value: model.get("depth"), format: String,
    onChange: (value) => keep(model, "depth", value),
  });
  const gain = slider({
    name: "gain", label: "gain", min: 0.2, max: 5, step: 0.01, value: model.get("gain"),
    onChange: (value) => keep(model, "gain", value),
  });
  root.append(h("div", { class: "mg-panel" }, bend.row, depth.row, gain.row, between.row), drawing, say);
  model.on("change", () => {
    bend.list.value = model.get("bend");
    between.list.value = model.get("skip") ? "skip" : "plain";
    depth.set(model.get("depth"));
    gain.set(model.get("gain"));
    draw();
  });
  draw();
  return onWidth(drawing, draw);
}

export default { render };
