// The backward pass, one edge a step: a node passes on only when everyone who used it has reported.
const GRAPHS = {
  square: {
    text: "y = x·x + x",
    nodes: [
      { id: "x", name: "x", layer: 0, slot: 1 },
      { id: "p", name: "x·x", layer: 1, slot: 0, op: "mul", of: ["x", "x"] },
      { id: "y", name: "y", layer: 2, slot: 1, op: "add", of: ["p", "x"] },
    ],
  },
  diamond: {
    text: "y = (x + x)·(x + x)",
    nodes: [
      { id: "x", name: "x", layer: 0, slot: 0.5 },
      { id: "a", name: "a = x+x", layer: 1, slot: 0, op: "add", of: ["x", "x"] },
      { id: "c", name: "b = x+x", layer: 1, slot: 1, op: "add", of: ["x", "x"] },
      { id: "y", name: "y = a·b", layer: 2, slot: 0.5, op: "mul", of: ["a", "c"] },
    ],
  },
  doubling: {
    text: "y = x, then three times y = y + y",
    nodes: [
      { id: "x", name: "x", layer: 0, slot: 0 },
      { id: "a", name: "2x", layer: 1, slot: 0, op: "add", of: ["x", "x"] },
      { id: "c", name: "4x", layer: 2, slot: 0, op: "add", of: ["a", "a"] },
      { id: "y", name: "8x", layer: 3, slot: 0, op: "add", of: ["c", "c"] },
    ],
  },
};

/** Forward values, then every step of the walk: [{node or edge, g: cotangents, waits: uses that have not reported}]. */
function walk(graph, x) {
  const value = {};
  const slopes = {};
  const waits = Object.fromEntries(graph.nodes.map((node) => [node.id, 0]));
  for (const node of graph.nodes) {
    const from = (node.of ?? []).map((id) => value[id]);
    value[node.id] = !node.op ? x : node.op === "add" ? from[0] + from[1] : from[0] * from[1];
    slopes[node.id] = node.op === "mul" ? [from[1], from[0]] : [1, 1];
    for (const id of node.of ?? []) waits[id] += 1;
  }
  const last = graph.nodes[graph.nodes.length - 1];
  const g = {};
  const steps = [];
  const passed = []; // "to,index" of every edge that has been walked
  const record = (step) => steps.push({ ...step, g: { ...g }, waits: { ...waits }, passed: [...passed] });
  record({ say: "Counted: below each value stands how many uses of it have still to report." });
  g[last.id] = 1;
  record({ at: last.id, say: `Nobody used ${last.name}, so it starts: the derivative of ${last.name} by itself is 1.` });
  const ready = [last];
  while (ready.length) {
    const node = ready.shift();
    (node.of ?? []).forEach((id, i) => {
      const parent = graph.nodes.find((each) => each.id === id);
      const slope = slopes[node.id][i];
      const brings = g[node.id] * slope;
      const had = g[id];
      g[id] = (had ?? 0) + brings;
      waits[id] -= 1;
      passed.push(`${node.id},${i}`);
      const sum = had === undefined ? brief(brings) : `${brief(had)} + ${brief(brings)} = ${brief(g[id])}`;
      const next = waits[id]
        ? `It waits for ${waits[id]} more.`
        : parent.of
          ? "Everyone has reported: it may pass on."
          : "Everyone has reported: this is the gradient.";
      record({
        at: id, edge: `${node.id},${i}`,
        say: `${node.name} passes ${brief(g[node.id])} × slope ${brief(slope)} = ${brief(brings)} to ${parent.name}, ` +
          `which now has ${sum}. ${next}`,
      });
      if (!waits[id]) ready.push(parent);
    });
  }
  return { value, slopes, steps };
}

function render({ model, el }) {
  const root = frame(el, "walk", "The backward pass, one edge a step");
  const drawing = h("div", { class: "mg-drawing" });
  const say = h("p", { class: "mg-say", "aria-live": "polite" });
  const count = h("span", { class: "mg-count" });
  let at = 0;

  function draw() {
    const graph = GRAPHS[model.get("graph")];
    const { value, slopes, steps } = walk(graph, model.get("x"));
    at = Math.min(at, steps.length - 1);
    const step = steps[at];
    const nodes = graph.nodes.map((node) => {
      const g = step.g[node.id];
      const wait = step.waits[node.id];
      return {
        ...node,
        kind: step.at === node.id ? "lit" : g !== undefined && !wait ? "done" : "",
        lines: [
          `${node.name}`,
          `value ${brief(value[node.id])}`,
          ...(wait ? [`waits for ${wait}`] : []),
          ...(g === undefined ? [] : [`g = ${brief(g)}`]),
        ],
      };
    });
    const edges = graph.nodes.flatMap((node) =>
      (node.of ?? []).map((id, i) => ({
        from: id, to: node.id,
        back: step.passed.includes(`${node.id},${i}`),
        label: step.passed.includes(`${node.id},${i}`) ? `×${brief(slopes[node.id][i])}` : "",
        kind: step.edge === `${node.id},${i}` ? "lit" : step.passed.includes(`${node.id},${i}`) ? "done" : "",
      })),
    );
    const alt = `The graph of ${graph.text} at step ${at}. ` + nodes.map((node) => node.lines.join(", ")).join("; ");
    const width = drawing.clientWidth;
    if (width) drawing.replaceChildren(drawGraph(width, { nodes, edges, alt, box: [96, 84], gap: [96, 10, 58] }));
    say.textContent = step.say;
    count.textContent = `step ${at} of ${steps.length - 1}`;
    back.disabled = again.disabled = at === 0;
    next.disabled = at === steps.length - 1;
    root.dataset.gradient = step.g.x === undefined || step.waits.x ? "" : String(step.g.x);
  }
  const go = (where) => () => {
    at = where(at);
    draw();
  };
  const next = button("Next", go((i) => i + 1), { class: "mg-main" });
  const back = button("Back", go((i) => i - 1));
  const again = button("Start again", go(() => 0));
  const which = choice({
    name: "graph", label: "graph", options: Object.entries(GRAPHS).map(([key, graph]) => [key, graph.text]),
    value: model.get("graph"),
    onChange: (key) => {
      at = 0;
      keep(model, "graph", key);
    },
  });
  const x = slider({
    name: "x", label: "x", min: -4, max: 4, step: 0.5, value: model.get("x"), format: (value) => show(value, 1),
    onChange: (value) => keep(model, "x", value),
  });
  root.append(
    h("div", { class: "mg-panel" }, which.row, x.row),
    drawing,
    say,
    h("div", { class: "mg-buttons" }, next, back, again, count),
  );
  model.on("change", () => {
    which.list.value = model.get("graph");
    x.set(model.get("x"));
    draw();
  });
  draw();
  return onWidth(drawing, draw);
}

export default { render };
