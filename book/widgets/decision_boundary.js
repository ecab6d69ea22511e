// A network of two layers, trained here and now: full-batch gradient descent on the logistic loss.

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

/** [x, y, label] with label 0 or 1; the picture shows the square from −2 to 2. */
function points(name) {
  if (name === "xor") {
    return [[-1, -1, 0], [1, 1, 0], [-1, 1, 1], [1, -1, 1]];
  }
  const random = randomNumbers(7);
  const noise = () => (random() + random() + random() - 1.5) * 0.22;
  const made = [];
  for (let i = 0; i < 60; i++) {
    const angle = (Math.PI * i) / 59;
    made.push([Math.cos(angle) - 0.5 + noise(), Math.sin(angle) - 0.25 + noise(), 0]);
    made.push([0.5 - Math.cos(angle) + noise(), 0.25 - Math.sin(angle) + noise(), 1]);
  }
  return made.map(([x, y, label]) => [1.1 * x, 1.1 * y, label]);
}

/** Weights for `hidden` units: from −1 to 1, in the order w, w, b, v of each unit, then c. */
function network(hidden, seed) {
  const random = randomNumbers(seed);
  const next = () => 2 * random() - 1;
  const units = Array.from({ length: hidden }, () => ({ w1: next(), w2: next(), b: next(), v: next() }));
  return { units, c: next() };
}

function logit(net, x, y) {
  let sum = net.c;
  for (const unit of net.units) sum += unit.v * Math.tanh(unit.w1 * x + unit.w2 * y + unit.b);
  return sum;
}

/** log(1 + e^z) without overflow. */
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

function measure(net, data) {
  let loss = 0;
  let right = 0;
  for (const [x, y, label] of data) {
    const z = logit(net, x, y);
    loss += softplus(z) - label * z;
    right += (z > 0) === (label === 1);
  }
  return { loss: loss / data.length, accuracy: right / data.length };
}

/** One step of gradient descent over all points: forward, backward, move. */
function descend(net, data, rate) {
  const grads = net.units.map(() => ({ w1: 0, w2: 0, b: 0, v: 0 }));
  let gradC = 0;
  for (const [x, y, label] of data) {
    const act = net.units.map((unit) => Math.tanh(unit.w1 * x + unit.w2 * y + unit.b));
    const z = net.units.reduce((sum, unit, i) => sum + unit.v * act[i], net.c);
    const g = (1 / (1 + Math.exp(-z)) - label) / data.length;
    gradC += g;
    net.units.forEach((unit, i) => {
      const back = g * unit.v * (1 - act[i] * act[i]);
      grads[i].v += g * act[i];
      grads[i].w1 += back * x;
      grads[i].w2 += back * y;
      grads[i].b += back;
    });
  }
  net.c -= rate * gradC;
  net.units.forEach((unit, i) => {
    for (const key of ["w1", "w2", "b", "v"]) unit[key] -= rate * grads[i][key];
  });
}

const COLOURS = { light: [[230, 159, 0], [0, 114, 178]], dark: [[240, 178, 50], [86, 180, 233]] };

function isDark(node) {
  const ink = getComputedStyle(node).color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
  return ink[0] + ink[1] + ink[2] > 384;
}

/** A canvas with two pixels for each that the page counts, so that lines are sharp on every screen. */
function sharp(width, height) {
  const canvas = h("canvas", { width: 2 * width, height: 2 * height, style: `width: ${width}px`, role: "img" });
  canvas.getContext("2d").scale(2, 2);
  return canvas;
}

function render({ model, el }) {
  const root = frame(el, "boundary", "A network that trains on this page");
  const plane = sharp(300, 300);
  const curve = sharp(320, 200);
  const status = h("p", { class: "mg-say mg-figures", "aria-live": "off" });
  const spoken = h("p", { class: "mg-hidden", "aria-live": "polite" });
  let data, net, steps, losses, timer = null;

  function reset() {
    data = points(model.get("data"));
    net = network(model.get("hidden"), model.get("seed"));
    steps = 0;
    root.dataset.seed = model.get("seed");
    losses = [measure(net, data).loss];
    draw();
  }

  function drawPlane(colours) {
    const ctx = plane.getContext("2d");
    const size = plane.width / 2;
    const image = ctx.createImageData(80, 80);
    for (let row = 0; row < 80; row++) {
      for (let column = 0; column < 80; column++) {
        const z = logit(net, (column + 0.5) / 20 - 2, 2 - (row + 0.5) / 20);
        const sure = Math.abs(Math.tanh(z / 2));
        const colour = colours[z > 0 ? 1 : 0];
        const at = 4 * (80 * row + column);
        for (let k = 0; k < 3; k++) image.data[at + k] = colour[k];
        image.data[at + 3] = 30 + 120 * sure;
      }
    }
    const small = document.createElement("canvas");
    small.width = small.height = 80;
    small.getContext("2d").putImageData(image, 0, 0);
    ctx.clearRect(0, 0, size, size);
    ctx.imageSmoothingEnabled = true;
    ctx.drawImage(small, 0, 0, size, size);
    const ink = getComputedStyle(root).color;
    for (const [x, y, label] of data) {
      const [px, py] = [((x + 2) / 4) * size, ((2 - y) / 4) * size];
      const r = data.length < 10 ? 8 : 4;
      ctx.beginPath();
      if (label) ctx.arc(px, py, r, 0, 2 * Math.PI);
      else {
        ctx.moveTo(px, py - 1.2 * r);
        ctx.lineTo(px + 1.1 * r, py + 0.9 * r);
        ctx.lineTo(px - 1.1 * r, py + 0.9 * r);
        ctx.closePath();
      }
      ctx.fillStyle = `rgb(${colours[label].join()})`;
      ctx.fill();
      ctx.strokeStyle = ink;
      ctx.lineWidth = 1.2;
      ctx.stroke();
    }
  }

  function drawCurve() {
    const ctx = curve.getContext("2d");
    const [width, height] = [curve.width / 2, curve.height / 2];
    const style = getComputedStyle(root);
    const [left, bottom, top] = [44, 24, 10];
    const highest = Math.max(0.8, ...losses.filter(Number.isFinite));
    const x = (i) => left + ((width - left - 8) * i) / Math.max(200, losses.length - 1);
    const y = (loss) => height - bottom - ((height - bottom - top) * Math.min(loss, highest)) / highest;
    ctx.clearRect(0, 0, width, height);
    ctx.font = `12px ${style.fontFamily}`;
    ctx.fillStyle = style.color;
    ctx.strokeStyle = style.color;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(left, top);
    ctx.lineTo(left, height - bottom);
    ctx.lineTo(width - 8, height - bottom);
    ctx.stroke();
    ctx.textAlign = "right";
    ctx.fillText(highest.toPrecision(2), left - 6, top + 8);
    ctx.fillText("0", left - 6, height - bottom + 4);
    ctx.fillText(`${Math.max(200, losses.length - 1)} steps`, width - 8, height - 6);
    ctx.textAlign = "left";
    ctx.fillText("loss", left + 6, top + 8);
    ctx.strokeStyle = style.getPropertyValue("--mg-accent").trim() || style.color;
    ctx.lineWidth = 2;
    ctx.beginPath();
    const every = Math.ceil(losses.length / 600); // as many points as can be seen
    const seen = losses.map((loss, i) => [loss, i]).filter(([, i]) => i % every === 0 || i === losses.length - 1);
    seen.forEach(([loss, i]) => (i ? ctx.lineTo(x(i), y(loss)) : ctx.moveTo(x(i), y(loss))));
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x(losses.length - 1), y(losses[losses.length - 1]), 4, 0, 2 * Math.PI);
    ctx.fillStyle = ctx.strokeStyle;
    ctx.fill();
  }

  function draw() {
    const { loss, accuracy } = measure(net, data);
    drawPlane(COLOURS[isDark(root) ? "dark" : "light"]);
    drawCurve();
    const words = [["step", String(steps)], ["loss", show(loss, 4)], ["accuracy", `${show(100 * accuracy, 1)} %`]];
    status.replaceChildren(...words.map(([name, text]) => h("span", {}, `${name} `, h("b", { "data-value": name }, text))));
    const told = words.map((pair) => pair.join(" ")).join(", ");
    plane.setAttribute("aria-label", `The plane coloured by the network's answer, with ${data.length} points. At ${told}.`);
    curve.setAttribute("aria-label", `The loss against the steps; it began at ${show(losses[0], 4)}. At ${told}.`);
    return told;
  }

  function advance(n) {
    for (let i = 0; i < n; i++) {
      descend(net, data, model.get("rate"));
      losses.push(measure(net, data).loss);
    }
    steps += n;
    return draw();
  }

  function stop() {
    if (timer === null) return;
    cancelAnimationFrame(timer);
    timer = null;
    run.textContent = "Run";
    spoken.textContent = `Paused at ${draw()}.`;
  }
  function tick() {
    advance(model.get("data") === "xor" ? 4 : 5);
    if (steps >= 5000 || !root.isConnected) stop();
    else timer = requestAnimationFrame(tick);
  }
  const run = button("Run", () => {
    if (timer !== null) stop();
    else {
      run.textContent = "Pause";
      timer = requestAnimationFrame(tick);
    }
  }, { class: "mg-main" });
  const fresh = () => {
    stop();
    reset();
    spoken.textContent = "New network, not yet trained.";
  };
  const data_ = choice({
    name: "data", label: "data", options: [["moons", "two moons"], ["xor", "XOR"]], value: model.get("data"),
    onChange: (value) => keep(model, "data", value),
  });
  const hidden = slider({
    name: "hidden", label: "hidden units", min: 1, max: 16, step: 1, value: model.get("hidden"), format: String,
    onChange: (value) => keep(model, "hidden", value),
  });
  const rateText = (power) => brief(10 ** power, power < -0.5 ? 3 : 2);
  const rate = slider({
    name: "rate", label: "learning rate", min: -2, max: 2, step: 0.1, value: Math.log10(model.get("rate")),
    format: rateText,
    onChange: (power) => keep(model, "rate", 10 ** power),
  });
  root.append(
    h("div", { class: "mg-panel" }, data_.row, hidden.row, rate.row),
    h("div", { class: "mg-pictures" }, plane, curve),
    status,
    spoken,
    h("div", { class: "mg-buttons" },
      run,
      button("10 steps", () => {
        stop();
        spoken.textContent = `${advance(10)}.`;
      }),
      button("Reset", fresh),
      button("Other weights", () => keep(model, "seed", model.get("seed") + 1))),
  );
  model.on("change:data change:hidden change:seed", () => {
    data_.list.value = model.get("data");
    hidden.set(model.get("hidden"));
    fresh();
  });
  model.on("change:rate", () => rate.set(Math.log10(model.get("rate"))));
  const themes = new MutationObserver(() => draw());
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  reset();
  return () => {
    stop();
    themes.disconnect();
  };
}

export default { render };
