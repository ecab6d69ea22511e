"""Formulas become HTML and MathML while the book is built: the reader's page runs no script for them.

One ``node`` runs beside the build and speaks over two pipes, so it ends when the build does, however that ends. (The
usual extension talks to its node over a socket, which it sometimes misses at the start and sometimes leaves running.)
"""

import atexit
import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from web.assets import node

SCRIPT = Path(__file__).with_name("katex.cjs")
logger = logging.getLogger(__name__)


class FormulaError(ValueError):
    """KaTeX refuses a formula; the message is KaTeX's own."""


@functools.cache
def process(pid: int) -> subprocess.Popen[str]:
    """Start the renderer of the Python process `pid`: a forked build must not share its parent's pipes."""
    child = subprocess.Popen(
        [node(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    atexit.register(stop, child)
    return child


def stop(child: subprocess.Popen[str]) -> None:
    """Close the pipes and wait: the child leaves at the end of its input."""
    child.communicate(timeout=10)


@functools.cache
def render(tex: str, display: bool) -> str:
    """Return `tex` as HTML with MathML beside it for screen readers. Raises FormulaError."""
    child = process(os.getpid())
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"web: node ended early (status {child.poll()}) while rendering {tex!r}")
    answer = json.loads(line)
    if "error" in answer:
        raise FormulaError(answer["error"])
    return str(answer["html"])


def formula(node_: nodes.Element, display: bool) -> str:
    """Return the HTML of a formula's node; a refused formula is a warning (an error under -W) and shows its source."""
    tex = node_.astext()
    try:
        return render(tex, display)
    except FormulaError as reason:
        logger.warning("formula: %s", reason, location=node_, type="web", subtype="formula")
        return f"<code>{nodes.Text(tex)}</code>"


def visit_math(self: HTML5Translator, node_: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(self.starttag(node_, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(formula(node_, display=False) + "</span>")
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node_: nodes.math_block) -> None:
    """Write a formula of its own line, with its number where it has one."""
    self.body.append(self.starttag(node_, "div", CLASS="math notranslate nohighlight"))
    if node_.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node_)})')
        self.add_permalink_ref(node_, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(formula(node_, display=True) + "</div>\n")
    raise nodes.SkipNode


def style(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """Give KaTeX's style sheet to the pages that hold a formula."""
    if 'class="katex' in context.get("body", ""):
        app.add_css_file("katex/katex.min.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name ``katex`` (choose it with ``html_math_renderer``)."""
    app.add_html_math_renderer("katex", (visit_math, None), (visit_displaymath, None))
    app.connect("html-page-context", style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
