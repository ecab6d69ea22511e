"""The book's own Sphinx extension: styles, scripts and vendored files, callouts, formulas.

``_config.yml`` names it under ``local_extensions``. Nothing here asks for an outside address when a page is read.
"""

import re
from typing import Any

from docutils import nodes
from jinja2 import DictLoader
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from web import assets, callouts, formulas

STYLES = ("book.css", "export.css")  # export.css is made by tools/tangle: which cell goes to which file
SCRIPTS = ("book.js",)
ON_DEMAND = ("controls.js",)  # _config.yml gives it to the pages that hold a control
EMPTY_HEADER = re.compile(r"<th\b([^>]*)>(?:<p></p>)?</th>")


def bring(app: Sphinx) -> None:
    """Put the vendored folder and the authored files among the static files of an HTML build."""
    if app.builder.format != "html":
        return
    try:
        vendor = assets.ensure()
    except assets.AssetsMissing as reason:
        raise ExtensionError(str(reason)) from reason
    app.config.html_static_path.append(str(vendor / "static"))
    for name in (*STYLES, *SCRIPTS, *ON_DEMAND):
        path = assets.WEB / name
        if not path.is_file():
            continue
        app.config.html_static_path.append(str(path))
        if name in STYLES:
            app.add_css_file(name, priority=800)
        elif name in SCRIPTS:
            app.add_js_file(name, loading_method="defer")


def lighten(app: Sphinx) -> None:
    """Leave out the theme's icon script, 1.5 MB on every page: its icon fonts draw the same icons."""
    templates = getattr(app.builder, "templates", None)
    if app.builder.format != "html" or templates is None:
        return
    name = "static/webpack-macros.html"
    text, _, _ = templates.environment.loader.get_source(templates.environment, name)
    kept = [
        line for line in text.splitlines() if not ("fontawesome" in line and ("<script" in line or "preload" in line))
    ]
    templates.loaders.insert(0, DictLoader({name: "\n".join(kept)}))
    templates.templatepathlen += 1  # how many loaders come before the theme's


def modernise(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    """Mend what screen readers stumble over: an outdated role in the bibliography, headers of tables with no words."""
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = EMPTY_HEADER.sub(r"<td\1></td>", body)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything."""
    app.setup_extension(callouts.__name__)
    app.setup_extension(formulas.__name__)
    app.connect("builder-inited", bring)
    app.connect("builder-inited", lighten)
    app.connect("html-page-context", modernise)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
