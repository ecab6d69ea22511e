// A valley that is bent λ = 1 along its floor and λ = κ across it, and a hundred steps down it.
const STEPS = 100;
const START = [-9, 2.5];
const PLANE = { width: 360, height: 200, x: 11, y: 6.1 }; // x from −11 to 11, y from −6.1 to 6.1
const CURVE = { width: 320, height: 200, left: 40, bottom: 24, top: 12, low: -8, high: 4 };
const METHODS = [["sgd", "gradient descent"], ["nesterov", "the same, Nesterov"], ["adam", "Adam"]];

/** ½ (u² + κ w²), where u and w are x and y turned by `angle`; and its gradient in x and y. */
function valley(condition, angle) {
  const [c, d] = [Math.cos(angle), Math.sin(angle)];
  const turned = ([x, y]) => [c * x + d * y, c * y - d * x];
  return {
    loss(p) {
      const [u, w] = turned(p);
      return 0.5 * (u * u + condition * w * w);
    },
    slope(p) {
      const [u, w] = turned(p);
      return [c * u - d * condition * w, d * u + c * condition * w];
    },
  };
}

/** A function that turns a gradient into a step, with a memory of its own. */
function mover(method, rate, momentum) {
  const m = [0, 0];
  const v = [0, 0];
  let t = 0;
  return (g) => {
    t += 1;
    return g.map((slope, i) => {
      if (method === "adam") {
        m[i] = momentum * m[i] + (1 - momentum) * slope;
        v[i] = 0.999 * v[i] + 0.001 * slope * slope;
        return (-rate * (m[i] / (1 - momentum ** t))) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8);
      }
      m[i] = momentum * m[i] + slope;
      return -rate * (method === "nesterov" ? slope + momentum * m[i] : m[i]);
    });
  };
}

/** The points that the steps lead to, the start first; cut off where they leave every picture. */
function descent({ method, lr, momentum, condition, angle }) {
  const ground = valley(condition, (angle * Math.PI) / 180);
  const move = mover(method, lr, momentum);
  const points = [START];
  while (points.length <= STEPS) {
    const p = points[points.length - 1];
    const step = move(ground.slope(p));
    points.push([p[0] + step[0], p[1] + step[1]]);
    if (!(ground.loss(points[points.length - 1]) < 1e12)) break;
  }
  return { points, losses: points.map(ground.loss) };
}

const three = (value) => (value >= 1e5 || (value && value < 1e-3) ? value.toExponential(1) : String(Number(value.toPrecision(3)))).replace("-", "−");

function render({ model, el }) {
  const root = frame(el, "valley", "A hundred steps down a valley");
  const style = "flex: 1 1 17rem; min-width: 0; max-width: 26rem; height: auto; font-size: 12px";
  const picture = ({ width, height }) => s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style });
  const [plane, curve] = [picture(PLANE), picture(CURVE)];
  const status = h("p", { class: "mg-say mg-figures", "aria-live": "polite" });
  const settings = () => Object.fromEntries(["method", "lr", "momentum", "condition", "angle"].map((k) => [k, model.get(k)]));

  function drawPlane({ points }, { condition, angle }) {
    const scale = PLANE.width / (2 * PLANE.x);
    const px = (x) => PLANE.width / 2 + scale * x;
    const py = (y) => PLANE.height / 2 - scale * y;
    const level = (size) => s("ellipse", {
      cx: px(0), cy: py(0), rx: scale * size, ry: (scale * size) / Math.sqrt(condition),
      transform: `rotate(${-angle} ${px(0)} ${py(0)})`, fill: "none", stroke: "var(--mg-line)", "stroke-width": 1,
    });
    const clip = (z) => Math.min(Math.max(z, -4000), 4000);
    const places = points.map(([x, y]) => [clip(px(x)), clip(py(y))]);
    const d = places.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    plane.replaceChildren(
      ...[2, 4, 8, 16, 32].map(level),
      s("path", { d: `M${px(0) - 6} ${py(0)}h12m-6 -6v12`, stroke: "currentColor", "stroke-width": 2 }),
      s("path", { d, fill: "none", stroke: "var(--mg-accent)", "stroke-width": 1.5 }),
      ...places.map(([x, y], i) => s("circle", { cx: x, cy: y, r: i ? 2.2 : 5, fill: i ? "var(--mg-accent)" : "var(--mg-warm)" })),
    );
  }

  function drawCurve({ losses }) {
    const { width, height, left, bottom, top, low, high } = CURVE;
    const px = (i) => left + ((width - left - 8) * i) / STEPS;
    const py = (loss) => {
      const power = Math.min(Math.max(Math.log10(Math.max(loss, 1e-300)), low), high);
      return top + ((height - bottom - top) * (high - power)) / (high - low);
    };
    const text = { fill: "currentColor" };
    const d = losses.map((loss, i) => `${i ? "L" : "M"}${px(i).toFixed(1)} ${py(loss).toFixed(1)}`).join("");
    curve.replaceChildren(
      s("path", { d: `M${left} ${top}V${height - bottom}H${width - 8}`, fill: "none", stroke: "var(--mg-line)" }),
      ...[[1e4, "10⁴"], [1, "1"], [1e-4, "10⁻⁴"], [1e-8, "10⁻⁸"]].map(([loss, words]) =>
        s("text", { ...text, x: left - 6, y: py(loss) + 4, "text-anchor": "end" }, words)),
      s("text", { ...text, x: left + 6, y: top + 4 }, "loss"),
      s("text", { ...text, x: width - 8, y: height - 6, "text-anchor": "end" }, `${STEPS} steps`),
      s("path", { d, fill: "none", stroke: "var(--mg-accent)", "stroke-width": 2.5 }),
    );
  }

  function draw() {
    const chosen = settings();
    const way = descent(chosen);
    const last = way.losses[way.losses.length - 1];
    drawPlane(way, chosen);
    drawCurve(way);
    const fate = last > way.losses[0] ? "runs away" : last < 1e-4 ? "has arrived" : "is still on its way";
    const words = [["2/λmax", three(2 / chosen.condition)], ["loss at the end", last < 1e12 ? three(last) : "∞"], ["it", fate]];
    status.replaceChildren(...words.map(([name, text]) => h("span", {}, `${name} `, h("b", { "data-value": name }, text))));
    const told = words.map((pair) => pair.join(" ")).join(", ");
    plane.setAttribute("aria-label", `The valley from above, its lowest point in the middle, and the way down from the upper left: ${told}.`);
    curve.setAttribute("aria-label", `The loss against the steps, on a logarithmic scale: ${told}.`);
  }

  const power = { "lr": [-3, 0.5, 0.02], "condition": [0, 3, 0.1] };
  const log = (name, label) => slider({
    name, label, min: power[name][0], max: power[name][1], step: power[name][2], value: Math.log10(model.get(name)),
    format: (z) => three(10 ** z),
    onChange: (z) => keep(model, name, 10 ** z),
  });
  const plain = (name, label, max, step, format) => slider({
    name, label, min: 0, max, step, value: model.get(name), format, onChange: (z) => keep(model, name, z),
  });
  const method = choice({
    name: "method", label: "method", options: METHODS, value: model.get("method"),
    onChange: (value) => keep(model, "method", value),
  });
  const controls = {
    lr: log("lr", "learning rate"),
    momentum: plain("momentum", "momentum", 0.99, 0.01, (z) => show(z)),
    condition: log("condition", "condition κ"),
    angle: plain("angle", "turned by", 45, 1, (z) => `${z}°`),
  };
  root.append(
    h("div", { class: "mg-panel" }, method.row, Object.values(controls).map((each) => each.row)),
    h("div", { class: "mg-pictures" }, plane, curve),
    status,
  );
  model.on("change", () => {
    method.list.value = model.get("method");
    for (const [key, control] of Object.entries(controls)) {
      control.set(key in power ? Math.log10(model.get(key)) : model.get(key));
    }
    draw();
  });
  draw();
}

export default { render };
