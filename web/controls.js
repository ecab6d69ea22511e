// Shows the notebooks' controls on a page that has no kernel behind it.
//
// A control is an anywidget: its state, front end and style lie in the page as JSON, put there by the build. This
// file plays the part of the model for them (get, set, on), and is all that a page needs: no widget manager, no
// kernel, no address but the page's own. Controls of other kinds cannot work without a kernel, and say so.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  class Model {
    constructor(state) {
      this.state = { ...state };
      this.listeners = new Map();
    }
    get(key) {
      return this.state[key];
    }
    set(key, value) {
      const changes = typeof key === "object" ? key : { [key]: value };
      for (const [name, next] of Object.entries(changes)) {
        if (this.state[name] === next) continue;
        this.state[name] = next;
        this.trigger(`change:${name}`);
      }
      this.trigger("change");
    }
    on(names, listener) {
      for (const name of names.split(" ")) {
        this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
      }
    }
    off(name, listener) {
      const kept = (this.listeners.get(name) ?? []).filter((each) => listener && each !== listener);
      this.listeners.set(name, kept);
    }
    trigger(name) {
      for (const listener of this.listeners.get(name) ?? []) listener();
    }
    save_changes() {}
    send() {}
  }

  const modules = new Map(); // source text of a front end -> the module, imported once
  const styles = new Set();

  function frontEnd(source) {
    if (!modules.has(source)) {
      const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      modules.set(source, import(address).finally(() => URL.revokeObjectURL(address)));
    }
    return modules.get(source).then(async (loaded) => {
      const front = loaded.default;
      return typeof front === "function" ? await front() : front;
    });
  }

  function addStyle(text) {
    if (!text || styles.has(text)) return;
    styles.add(text);
    const style = document.createElement("style");
    style.textContent = text;
    document.head.append(style);
  }

  async function show(view, states, models) {
    const id = JSON.parse(view.textContent).model_id;
    const entry = states[id];
    const place = document.createElement("div");
    place.className = "control-place";
    view.after(place);
    if (!entry || entry.model_module !== "anywidget") {
      place.textContent = "This control needs a running kernel: open the notebook in JupyterLab.";
      return;
    }
    addStyle(entry.state._css);
    const front = await frontEnd(entry.state._esm);
    if (!models.has(id)) {
      const model = new Model(entry.state);
      models.set(id, model);
      await front.initialize?.({ model });
    }
    await front.render?.({ model: models.get(id), el: place });
  }

  function start() {
    const states = {};
    for (const block of document.querySelectorAll(STATE)) Object.assign(states, JSON.parse(block.textContent).state);
    const models = new Map();
    for (const view of document.querySelectorAll(VIEW)) {
      show(view, states, models).catch((reason) => console.error("control:", reason));
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
