// A polynomial fitted to a few noisy points: training error, test error, and what a penalty on its coefficients does.

const HIGHEST = 14;
const NOISE = 0.3;
const OFF = -9; // the lowest power of ten on the slider: as good as no penalty

/** Numbers in [0, 1) that every browser makes alike (mulberry32). */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const truth = (x) => Math.sin(3 * x);

/** `count` points [x, y]: x evenly spread over −1 to 1 up to a little chance, y the truth and normal noise. */
function sample(count, random) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, (_, i) => {
    const x = (2 * (i + random())) / count - 1;
    return [x, truth(x) + NOISE * normal()];
  });
}

/** The Legendre polynomials 0 to `degree` at x, which are far less alike than 1, x, x², ... */
function basis(degree, x) {
  const row = [1, x];
  for (let k = 1; k < degree; k++) row.push(((2 * k + 1) * x * row[k] - k * row[k - 1]) / (k + 1));
  return row.slice(0, degree + 1);
}

const value = (coefficients, x) =>
  basis(coefficients.length - 1, x).reduce((sum, part, k) => sum + part * coefficients[k], 0);

/** Coefficients c with the least mean square on `points` plus penalty · (c1² + c2² + ...), by Cholesky. */
function fit(points, degree, penalty) {
  const n = degree + 1;
  const rows = points.map(([x]) => basis(degree, x));
  const matrix = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) =>
      rows.reduce((sum, row) => sum + row[i] * row[j], 0) / points.length + (i === j && i > 0 ? penalty : 0)),
  );
  const right = Array.from({ length: n }, (_, i) => rows.reduce((sum, row, k) => sum + row[i] * points[k][1], 0) / points.length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j];
      for (let k = 0; k < j; k++) sum -= matrix[i][k] * matrix[j][k];
      matrix[i][j] = i === j ? Math.sqrt(Math.max(sum, 1e-14)) : sum / matrix[j][j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i] -= matrix[i][k] * right[k];
    right[i] /= matrix[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i] -= matrix[k][i] * right[k];
    right[i] /= matrix[i][i];
  }
  return right;
}

/** The root of the mean squared error on `points`. */
const error = (coefficients, points) =>
  Math.sqrt(points.reduce((sum, [x, y]) => sum + (value(coefficients, x) - y) ** 2, 0) / points.length);

function path(xs, ys) {
  return xs.map((x, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${ys[i].toFixed(1)}`).join("");
}

const STYLE = "flex: 1 1 17rem; min-width: 0; max-width: 24rem; height: auto; font-size: 12px";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [340, 240, 34, 34, 12];

/** Axes for x from x0 to x1 and y from y0 to y1; returns the two scales and the parts that were drawn. */
function axes(x0, x1, y0, y1, xText, yText, xTicks, yTicks) {
  const right = WIDTH - 8;
  const px = (x) => LEFT + ((right - LEFT) * (x - x0)) / (x1 - x0);
  const py = (y) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (Math.min(Math.max(y, y0), y1) - y0)) / (y1 - y0);
  const line = { stroke: "var(--mg-line)", "stroke-width": 1, fill: "none" };
  const text = { fill: "currentColor" };
  const parts = [
    s("path", { ...line, d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${right}` }),
    s("text", { ...text, x: right, y: HEIGHT - 4, "text-anchor": "end" }, xText),
    s("text", { ...text, x: LEFT + 5, y: TOP + 2 }, yText),
    ...xTicks.map((x) => s("text", { ...text, x: px(x), y: HEIGHT - BOTTOM + 14, "text-anchor": "middle" }, brief(x))),
    ...yTicks.map((y) => s("text", { ...text, x: LEFT - 5, y: py(y) + 4, "text-anchor": "end" }, brief(y))),
  ];
  return { px, py, parts };
}

function render({ model, el }) {
  const root = frame(el, "polynomial", "A polynomial, a few points, and points that it has not seen");
  const plane = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", style: STYLE });
  const curves = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", style: STYLE });
  const status = h("p", { class: "mg-say mg-figures", "aria-live": "polite" });
  const unseen = sample(400, randomNumbers(12345));
  const penalty = () => (model.get("power") <= OFF ? 1e-10 : 10 ** model.get("power"));

  function drawPlane(points, coefficients) {
    const { px, py, parts } = axes(-1, 1, -2, 2, "x", "y", [-1, 0, 1], [-2, 0, 2]);
    const xs = Array.from({ length: 201 }, (_, i) => i / 100 - 1);
    const line = (f) => path(xs.map(px), xs.map((x) => py(f(x))));
    plane.replaceChildren(
      ...parts,
      s("path", { d: line(truth), fill: "none", stroke: "var(--mg-soft)", "stroke-width": 2, "stroke-dasharray": "5 4" }),
      s("path", { d: line((x) => value(coefficients, x)), fill: "none", stroke: "var(--mg-accent)", "stroke-width": 2.5 }),
      ...points.map(([x, y]) => s("circle", { cx: px(x), cy: py(y), r: 4, fill: "var(--mg-warm)" })),
    );
  }

  function drawCurves(points) {
    const degrees = Array.from({ length: HIGHEST + 1 }, (_, k) => k);
    const fits = degrees.map((degree) => fit(points, degree, penalty()));
    const { px, py, parts } = axes(0, HIGHEST, 0, 1.2, "degree", "error", [0, 5, 10], [0, 0.3, 0.6, 0.9, 1.2]);
    const at = model.get("degree");
    const draw = (data, colour, dash) => {
      const ys = fits.map((c) => py(error(c, data)));
      return [
        s("path", { d: path(degrees.map(px), ys), fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash }),
        s("circle", { cx: px(at), cy: ys[at], r: 5, fill: colour }),
      ];
    };
    const key = (x, text, colour, dash) => [
      s("path", { d: `M${x} ${HEIGHT - 8}h24`, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash, fill: "none" }),
      s("text", { x: x + 29, y: HEIGHT - 4, fill: "currentColor" }, text),
    ];
    curves.replaceChildren(
      ...parts,
      s("path", { d: `M${px(at)} ${TOP}V${HEIGHT - BOTTOM}`, stroke: "var(--mg-line)", "stroke-dasharray": "2 3", fill: "none" }),
      ...draw(points, "var(--mg-warm)", null),
      ...draw(unseen, "var(--mg-accent)", "6 4"),
      ...key(LEFT, "its points", "var(--mg-warm)", null),
      ...key(LEFT + 100, "new points", "var(--mg-accent)", "6 4"),
    );
  }

  function draw() {
    const points = sample(model.get("points"), randomNumbers(model.get("seed")));
    const coefficients = fit(points, model.get("degree"), penalty());
    const [own, fresh] = [error(coefficients, points), error(coefficients, unseen)];
    drawPlane(points, coefficients);
    drawCurves(points);
    const words = [["error on its points", show(own)], ["on new points", show(fresh)]];
    status.replaceChildren(...words.map(([name, text]) => h("span", {}, `${name} `, h("b", { "data-value": name }, text))));
    const told = words.map((pair) => pair.join(" ")).join(", ");
    plane.setAttribute("aria-label", `${points.length} points around a wave, and a polynomial of degree ${model.get("degree")}: ${told}.`);
    curves.setAttribute("aria-label", `Both errors against the degree, 0 to ${HIGHEST}. At degree ${model.get("degree")}: ${told}.`);
  }

  const set = (key) => (next) => keep(model, key, next);
  const controls = {
    degree: slider({ name: "degree", label: "degree", min: 0, max: HIGHEST, step: 1, value: model.get("degree"), format: String, onChange: set("degree") }),
    points: slider({ name: "points", label: "points", min: 5, max: 100, step: 1, value: model.get("points"), format: String, onChange: set("points") }),
    power: slider({
      name: "power", label: "penalty", min: OFF, max: 1, step: 0.5, value: model.get("power"),
      format: (power) => (power <= OFF ? "none" : power < -2 ? `10^${brief(power, 1)}` : brief(10 ** power, 3)),
      onChange: set("power"),
    }),
  };
  root.append(
    h("div", { class: "mg-panel" }, Object.values(controls).map((each) => each.row)),
    h("div", { class: "mg-pictures" }, plane, curves),
    status,
    h("div", { class: "mg-buttons" }, button("Other points", () => keep(model, "seed", model.get("seed") + 1))),
  );
  for (const [key, control] of Object.entries(controls)) model.on(`change:${key}`, () => control.set(model.get(key)));
  model.on("change:degree change:points change:power change:seed", draw);
  draw();
}

export default { render };
