// Broadcasting forward is copying; backward it is summing the copies' cotangents.
const SHAPES = [[], [4], [3], [1, 4], [3, 1], [3, 4], [2, 1, 4], [2, 3, 1], [2, 3, 4]];

function shapeText(shape) {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** The common shape, or null where the two do not broadcast. */
function commonShape(left, right) {
  const size = Math.max(left.length, right.length);
  const at = (shape, i) => shape[shape.length - size + i] ?? 1;
  const out = [];
  for (let i = 0; i < size; i++) {
    const [m, n] = [at(left, i), at(right, i)];
    if (m !== n && m !== 1 && n !== 1) return null;
    out.push(Math.max(m, n));
  }
  return out;
}

/** Every index of an array of this shape, in C order. */
function indices(shape) {
  return shape.reduce((all, n) => all.flatMap((index) => Array.from({ length: n }, (_, i) => [...index, i])), [[]]);
}

/** Which cell of an array of `shape` lies behind cell `index` of the stretched one. */
function source(index, shape) {
  const lead = index.length - shape.length;
  return shape.map((n, i) => (n === 1 ? 0 : index[lead + i]));
}

const indexText = (index) => `[${index.join(", ")}]`;
const cotangent = (position) => [2, -1, 1, 3, 0, 1, -2, 4, 1, 2, -3, 1][position % 12] + (position >= 12 ? 1 : 0);

/** A stretched array as sheets of cells: for each index of `out`, what `cell` makes of it. */
function sheets(out, cell) {
  const flat = [...Array(Math.max(0, 2 - out.length)).fill(1), ...out];
  const [rows, columns] = flat.slice(-2);
  const cells = indices(out).map(cell);
  const perSheet = rows * columns;
  const made = [];
  for (let start = 0; start < cells.length; start += perSheet) {
    made.push(
      h("div", { class: "mg-sheet", style: `grid-template-columns: repeat(${columns}, auto)` },
        cells.slice(start, start + perSheet)),
    );
  }
  return h("div", { class: "mg-sheets" }, made);
}

function render({ model, el }) {
  const root = frame(el, "broadcast", "Stretch forward, sum backward: out = a + b");
  const place = h("div", { class: "mg-arrays" });
  const say = h("p", { class: "mg-say", "aria-live": "polite" });
  let chosen = null; // {name: "a" | "b", index}

  const same = (one, other) => one.length === other.length && one.every((n, i) => n === other[i]);

  function draw(focus) {
    const shapes = { a: [...model.get("left")], b: [...model.get("right")] };
    const out = commonShape(shapes.a, shapes.b);
    if (!out) {
      place.replaceChildren();
      const pairs = `${shapeText(shapes.a)} and ${shapeText(shapes.b)}`;
      say.textContent = `${pairs} do not broadcast: aligned at the right, two sizes differ and neither is 1.`;
      return;
    }
    const all = indices(out);
    const summed = chosen ? all.filter((index) => same(source(index, shapes[chosen.name]), chosen.index)) : [];
    const isSummed = (index) => summed.some((each) => same(each, index));

    const operand = (name) => {
      const shape = shapes[name];
      const own = indices(shape);
      const seen = new Set();
      const cell = (index) => {
        const from = source(index, shape);
        const key = from.join();
        const position = own.findIndex((each) => same(each, from));
        const first = !seen.has(key);
        seen.add(key);
        const picked = chosen?.name === name && same(from, chosen.index);
        const value = String((name === "a" ? 10 : 1) * (position + 1));
        const choose = () => {
          chosen = { name, index: from };
          draw(`${name}${key}`);
        };
        const kind = `mg-cell mg-${name}${picked ? " mg-picked" : ""}`;
        return first
          ? button(value, choose, {
              class: kind, "data-cell": `${name}${key}`, "aria-pressed": String(picked),
              "aria-label": `${name}${indexText(from)}, value ${value}`,
            })
          : h("span", { class: `${kind} mg-copy`, onclick: choose, "aria-hidden": "true" }, value);
      };
      return h("div", { class: "mg-array" },
        h("p", { class: "mg-name" }, h("b", {}, name), ` ${shapeText(shape)}${same(shape, out) ? "" : ` → ${shapeText(out)}`}`),
        sheets(out, cell));
    };
    const result = h("div", { class: "mg-array" },
      h("p", { class: "mg-name" }, h("b", {}, "∂L/∂out"), ` ${shapeText(out)}`),
      sheets(out, (index) => {
        const position = all.findIndex((each) => same(each, index));
        return h("span", { class: `mg-cell mg-out${isSummed(index) ? " mg-picked" : ""}` }, brief(cotangent(position)));
      }));
    place.replaceChildren(operand("a"), operand("b"), result);
    if (focus) place.querySelector(`[data-cell="${focus}"]`)?.focus();

    if (!chosen) {
      say.textContent = "Choose a cell of a or b. Solid cells exist; faint ones are copies that broadcasting pretends to make.";
      return;
    }
    const terms = summed.map((index) => cotangent(all.findIndex((each) => same(each, index))));
    const total = terms.reduce((sum, term) => sum + term, 0);
    const sum = terms.map((term, i) => (i ? (term < 0 ? ` − ${-term}` : ` + ${term}`) : brief(term))).join("");
    say.replaceChildren(
      `∂L/∂${chosen.name}${indexText(chosen.index)} = ${terms.length > 1 ? `${sum} = ` : ""}`,
      h("b", { "data-value": "gradient" }, brief(total)),
      terms.length > 1
        ? `: the cell was copied ${terms.length} times, so ${terms.length} cotangents are summed into it.`
        : ": the cell was used once, so its cotangent comes back alone.",
    );
  }

  const options = SHAPES.map((shape) => [shape.join(), shapeText(shape)]);
  const shapeOf = (text) => (text ? text.split(",").map(Number) : []);
  const pick = (name, key) =>
    choice({
      name: key, label: `${name} has shape`, value: model.get(key).join(),
      options: options.some(([text]) => text === model.get(key).join())
        ? options
        : [[model.get(key).join(), shapeText(model.get(key))], ...options],
      onChange: (text) => {
        chosen = null;
        keep(model, key, shapeOf(text));
      },
    });
  const left = pick("a", "left");
  const right = pick("b", "right");
  root.append(h("div", { class: "mg-panel" }, left.row, right.row), place, say);
  model.on("change", () => {
    left.list.value = model.get("left").join();
    right.list.value = model.get("right").join();
    draw();
  });
  draw();
}

export default { render };
