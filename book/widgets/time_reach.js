// Thirty steps of a recurrent unit: how much of the derivative at the last step arrives at each step before it.

const STEPS = 30;
const DECADES = 9; // the picture shows 1e-9 to 1e9
const LETTERING = "fill: var(--mg-soft); font-size: 12px";
const NETWORKS = [
  ["linear", "plain, no bend"],
  ["tanh", "plain, tanh"],
  ["lstm", "LSTM, through the cell"],
  ["lstm1997", "LSTM of 1997, no forget gate"],
];

/** Inputs that every browser makes alike: roughly normal, standard deviation 1 (mulberry32, three draws each). */
function inputs() {
  let state = 11;
  const draw = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Array.from({ length: STEPS }, () => 2 * (draw() + draw() + draw() - 1.5));
}

/** The factors by which each step multiplies on the way back: factors[t] leads from step t to step t - 1. */
function factors(network, radius, input, bias) {
  const x = inputs();
  if (network === "linear") return x.map(() => radius);
  if (network === "lstm1997") return x.map(() => 1);
  if (network === "lstm") return x.map((v) => 1 / (1 + Math.exp(-(bias + 0.5 * v))));
  let h = 0;
  const slopes = x.map((v) => {
    h = Math.tanh(radius * h + input * v);
    return 1 - h * h;
  });
  return slopes.map((_, t) => (t ? radius * slopes[t - 1] : 1));
}

/** What arrives at steps 1 to 30, where the last step gets 1. */
function arriving(network, radius, input, bias) {
  const by = factors(network, radius, input, bias);
  const out = new Array(STEPS).fill(1);
  for (let t = STEPS - 1; t > 0; t--) out[t - 1] = out[t] * by[t];
  return out;
}

/** A number in the notation that fits its size. */
function sized(value) {
  if (value >= 0.001 && value < 10000) return brief(value, value < 0.1 ? 4 : value < 10 ? 2 : 0);
  const power = Math.floor(Math.log10(value));
  return `${show(value / 10 ** power, 1)}·10^${String(power).replace("-", "−")}`;
}

function render({ model, el }) {
  const root = frame(el, "timereach", "How much arrives at each of thirty steps");
  const drawing = h("div", { class: "mg-drawing" });
  const status = h("p", { class: "mg-say", "aria-live": "polite" });
  let width = 0;

  function draw() {
    if (!width) return;
    const network = model.get("network");
    const sizes = arriving(network, model.get("radius"), model.get("input"), model.get("bias"));
    const near = sizes.filter((v) => v >= 0.1 && v <= 10).length;
    const [height, left, top, bottom] = [230, 44, 10, 26];
    const y = (power) => top + ((DECADES - power) / (2 * DECADES)) * (height - top - bottom);
    const step = (width - left - 6) / STEPS;
    const first = sized(sizes[0]);
    const alt = `Bars for thirty steps on a logarithmic scale. Step 30 gets 1, step 1 gets ${first}; ${near} of 30 are within a factor of ten.`;
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": alt });
    for (const power of [-9, -6, -3, 0, 3, 6, 9]) {
      svg.append(
        s("line", { x1: left, x2: width - 4, y1: y(power), y2: y(power), style: `stroke: var(--mg-line); opacity: ${power ? 0.4 : 1}` }),
        s("text", { x: left - 6, y: y(power) + 4, style: LETTERING, "text-anchor": "end" }, power ? `10^${String(power).replace("-", "−")}` : "1"),
      );
    }
    sizes.forEach((value, t) => {
      const power = Math.max(-DECADES, Math.min(DECADES, Math.log10(value)));
      const colour = value > 10 ? "warm" : value < 0.1 ? "accent" : "done";
      const [above, below] = [Math.min(y(power), y(0)), Math.max(y(power), y(0))];
      svg.append(
        s("rect", { x: left + t * step + 1, y: above - 1.5, width: Math.max(2, step - 2), height: below - above + 3, style: `fill: var(--mg-${colour})` }),
      );
    });
    for (const t of [1, 10, 20, 30]) {
      svg.append(s("text", { x: left + (t - 0.5) * step, y: height - 8, style: LETTERING, "text-anchor": "middle" }, String(t)));
    }
    drawing.replaceChildren(svg);
    status.replaceChildren(
      "Step 30 gets 1. Step 1 gets ",
      h("b", { "data-value": "first" }, first),
      ". Within a factor of ten: ",
      h("b", { "data-value": "near" }, String(near)),
      " of 30 steps.",
    );
    radius.row.hidden = !["linear", "tanh"].includes(network);
    input.row.hidden = network !== "tanh";
    bias.row.hidden = network !== "lstm";
  }

  const network = choice({
    name: "network", label: "network", options: NETWORKS, value: model.get("network"),
    onChange: (value) => keep(model, "network", value),
  });
  const radius = slider({
    name: "radius", label: "spectral radius", min: 0.5, max: 1.5, step: 0.01, value: model.get("radius"),
    onChange: (value) => keep(model, "radius", value),
  });
  const input = slider({
    name: "input", label: "size of the inputs", min: 0, max: 2, step: 0.05, value: model.get("input"),
    onChange: (value) => keep(model, "input", value),
  });
  const bias = slider({
    name: "bias", label: "forget bias", min: -2, max: 6, step: 0.1, value: model.get("bias"),
    format: (v) => show(v, 1), onChange: (value) => keep(model, "bias", value),
  });
  root.append(h("div", { class: "mg-panel" }, network.row, radius.row, input.row, bias.row), drawing, status);
  model.on("change:network change:radius change:input change:bias", () => {
    network.list.value = model.get("network");
    radius.set(model.get("radius"));
    input.set(model.get("input"));
    bias.set(model.get("bias"));
    draw();
  });
  return onWidth(drawing, (next) => {
    width = next;
    draw();
  });
}

export default { render };
