// A neuron as a graph: values travel forward; so does a nudge.
const INPUTS = ["x1", "w1", "x2", "w2", "b"];

function evaluate({ x1, w1, x2, w2, b }) {
  const p1 = w1 * x1;
  const p2 = w2 * x2;
  const sum = p1 + p2;
  const n = sum + b;
  return { x1, w1, x2, w2, b, p1, p2, sum, n, out: Math.tanh(n) };
}

const NEURON = [
  { id: "w1", layer: 0, slot: 0, name: "w1" },
  { id: "x1", layer: 0, slot: 1, name: "x1" },
  { id: "w2", layer: 0, slot: 2, name: "w2" },
  { id: "x2", layer: 0, slot: 3, name: "x2" },
  { id: "b", layer: 0, slot: 4, name: "b" },
  { id: "p1", layer: 1, slot: 0.5, name: "w1·x1" },
  { id: "p2", layer: 1, slot: 2.5, name: "w2·x2" },
  { id: "sum", layer: 2, slot: 1.5, name: "+" },
  { id: "n", layer: 3, slot: 2.5, name: "+ b" },
  { id: "out", layer: 4, slot: 2.5, name: "tanh" },
];
const NEURON_EDGES = [
  ["w1", "p1"], ["x1", "p1"], ["w2", "p2"], ["x2", "p2"], ["p1", "sum"], ["p2", "sum"], ["sum", "n"], ["b", "n"],
  ["n", "out"],
];

function render({ model, el }) {
  const root = frame(el, "neuron", "out = tanh(w1·x1 + w2·x2 + b)");
  const drawing = h("div", { class: "mg-drawing" });
  const say = h("p", { class: "mg-say", "aria-live": "polite" });
  const values = () => Object.fromEntries(INPUTS.map((key) => [key, model.get(key)]));
  const sliders = {};

  function draw() {
    const key = model.get("nudged");
    const nudge = model.get("nudge");
    const before = evaluate(values());
    const after = evaluate({ ...values(), [key]: before[key] + nudge });
    const moved = (id) => before[id] !== after[id];
    const nodes = NEURON.map((node) => ({
      ...node,
      kind: moved(node.id) ? "lit" : node.layer === 0 ? "input" : "",
      lines: [
        node.name,
        show(before[node.id]),
        ...(moved(node.id) ? [`Δ ${show(after[node.id] - before[node.id], 3)}`] : []),
      ],
    }));
    const edges = NEURON_EDGES.map(([from, to]) => ({ from, to, kind: moved(from) && moved(to) ? "lit" : "" }));
    const width = drawing.clientWidth;
    if (width) {
      const alt =
        `The graph of the neuron. ` +
        nodes.map((node) => `${node.name} is ${show(before[node.id])}`).join(", ") +
        `. The nudge reaches ${nodes.filter((node) => moved(node.id)).map((node) => node.name).join(", ") || "nothing"}.`;
      drawing.replaceChildren(drawGraph(width, { nodes, edges, alt, box: [74, 60], gap: [60, 6, 38] }));
    }
    const delta = after.out - before.out;
    say.replaceChildren(
      h("span", {}, "out = ", h("b", { "data-value": "out" }, show(before.out, 4)), "."),
      nudge === 0
        ? " Choose a nudge that is not zero."
        : h(
            "span",
            {},
            ` Nudge ${key} by ${show(nudge)}: out moves by `,
            h("b", { "data-value": "delta" }, show(delta, 4)),
            ", that is ",
            h("b", { "data-value": "ratio" }, show(delta / nudge, 4)),
            " for each unit of nudge.",
          ),
    );
  }

  for (const key of INPUTS) {
    sliders[key] = slider({
      name: key, label: key, min: -4, max: 4, step: 0.1, value: model.get(key),
      onChange: (value) => keep(model, key, value),
    });
  }
  const which = choice({
    name: "nudged", label: "nudge", options: INPUTS.map((key) => [key, key]), value: model.get("nudged"),
    onChange: (value) => keep(model, "nudged", value),
  });
  const amount = slider({
    name: "nudge", label: "by", min: -0.5, max: 0.5, step: 0.01, value: model.get("nudge"),
    onChange: (value) => keep(model, "nudge", value),
  });
  root.append(
    drawing,
    say,
    h("div", { class: "mg-panel" }, ["w1", "x1", "w2", "x2", "b"].map((key) => sliders[key].row)),
    h("div", { class: "mg-panel mg-nudge" }, which.row, amount.row),
  );
  model.on("change", () => {
    for (const key of INPUTS) sliders[key].set(model.get(key));
    amount.set(model.get("nudge"));
    which.list.value = model.get("nudged");
    draw();
  });
  draw();
  return onWidth(drawing, draw);
}

export default { render };
