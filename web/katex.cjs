// Formulas in, HTML out: one JSON object a line each way, until the input ends (web/formulas.py is the other side).
const katex = require("./vendor/tools/katex.js");

function answer(line) {
  try {
    const { tex, display } = JSON.parse(line);
    return { html: katex.renderToString(tex, { displayMode: display, strict: "error", throwOnError: true }) };
  } catch (reason) {
    return { error: reason.message };
  }
}

require("node:readline")
  .createInterface({ input: process.stdin, terminal: false })
  .on("line", (line) => process.stdout.write(JSON.stringify(answer(line)) + "\n"));
