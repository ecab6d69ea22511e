"""Quotations that open with a known word in bold become callouts.

``> **Predict.** How many calls?`` is a plain quotation in JupyterLab and on GitHub; on the page it is a box titled
"Predict". Words that are not in the table leave the quotation as it is.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

TITLED = {
    "predict": "predict",
    "predict, then run": "predict",
    "in practice": "practice",
    "simplifications so far": "simplifications",
    "take care": "care",
    "note": "aside",
    "history": "aside",
    "myth": "myth",
}
OPENING = {"you will build", "you will learn", "you will need"}


def lead(quotation: nodes.block_quote) -> nodes.strong | None:
    """The bold words that a quotation starts with, if it does."""
    if not quotation.children or not isinstance(quotation[0], nodes.paragraph):
        return None
    words = [child for child in quotation[0].children if child.astext().strip()]  # the parser leaves empty texts
    return words[0] if words and isinstance(words[0], nodes.strong) else None


def callout(quotation: nodes.block_quote, strong: nodes.strong, title: str, kind: str) -> nodes.admonition:
    """The quotation as an admonition: its bold words are the title, the rest the body."""
    paragraph = quotation[0]
    assert isinstance(paragraph, nodes.paragraph)
    del paragraph[: paragraph.index(strong) + 1]
    if paragraph.children and isinstance(paragraph[0], nodes.Text):
        paragraph[0] = nodes.Text(paragraph[0].astext().lstrip())
    body = quotation.children if paragraph.astext().strip() else quotation.children[1:]
    box = nodes.admonition("", nodes.title("", title), *body, classes=["callout", kind])
    box.source, box.line = quotation.source, quotation.line
    return box


class Callouts(SphinxTransform):
    """Replace the quotations of one document."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Look at every quotation once."""
        for quotation in list(self.document.findall(nodes.block_quote)):
            strong = lead(quotation)
            if strong is None:
                continue
            title = strong.astext().strip().rstrip(".:")
            if title.lower() in TITLED:
                quotation.replace_self(callout(quotation, strong, title, TITLED[title.lower()]))
            elif title.lower() in OPENING:
                quotation["classes"].append("opening")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_transform(Callouts)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
