// A table, a formula or a printout that scrolls can be reached and scrolled with the keyboard; one that fits is no stop.
(() => {
  const SCROLLS = ".pst-scrollable-table-container, div.math, .cell_output .text_html, .cell_output .output pre";
  function update() {
    for (const node of document.querySelectorAll(SCROLLS)) {
      if (node.scrollWidth > node.clientWidth + 1) node.tabIndex = 0;
      else node.removeAttribute("tabindex");
    }
  }
  addEventListener("load", update);
  addEventListener("resize", update);
})();
