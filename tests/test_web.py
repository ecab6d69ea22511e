"""What the web shell makes while the book is built: formulas, callouts, vendored files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from docutils import nodes

pytest.importorskip("sphinx", reason="Sphinx is not installed: the web shell was not tested")

from web import assets, callouts, formulas


def test_formula() -> None:
    """A formula becomes HTML with MathML beside it, for eyes and for screen readers."""
    assets.ensure()
    made = formulas.render(r"\frac{\partial y}{\partial x}", True)
    assert 'class="katex-display"' in made and "<mfrac>" in made and "<script" not in made
    assert 'class="katex-display"' not in formulas.render("x^2", False)


@pytest.mark.parametrize("tex", [r"\frac{1}", r"\nosuchcommand", "x^2^3"])
def test_formula_refused(tex: str) -> None:
    """A formula that KaTeX does not know is an error with KaTeX's words, and the next one is rendered all the same."""
    assets.ensure()
    with pytest.raises(formulas.FormulaError, match="KaTeX parse error"):
        formulas.render(tex, False)
    assert "katex" in formulas.render("y", False)


def quotation(*children: nodes.Node) -> nodes.block_quote:
    """A quotation of one paragraph."""
    return nodes.block_quote("", nodes.paragraph("", "", *children))


def test_callout() -> None:
    """The bold words become the title, without their full stop; the rest is the body, however the parser splits it."""
    quoted = quotation(
        nodes.Text(""), nodes.strong("", "Predict."), nodes.Text(" How many "), nodes.literal("", "calls")
    )
    strong = callouts.lead(quoted)
    assert strong is not None
    box = callouts.callout(quoted, strong, "Predict", callouts.TITLED["predict"])
    assert [child.astext() for child in box.children] == ["Predict", "How many calls"]
    assert box["classes"] == ["callout", "predict"]


@pytest.mark.parametrize("first", [nodes.Text("Only words"), nodes.emphasis("", "Predict.")])
def test_plain_quotation(first: nodes.Node) -> None:
    """A quotation that does not open in bold is none of ours."""
    assert callouts.lead(quotation(first, nodes.Text(" and more"))) is None


def test_lock_names_no_host() -> None:
    """The lock of the vendored packages holds versions and checksums, and no address."""
    lock = json.loads((assets.WEB / "package-lock.json").read_text())
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert packages and all(entry["integrity"].startswith("sha512-") for entry in packages)
    assert not any("resolved" in entry for entry in packages)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("npm error code ENOTFOUND", "registry cannot be reached"),
        ("npm error the lock is broken", "the lock is broken"),
    ],
)
def test_assets_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, sentence: str) -> None:
    """Where npm fails, a sentence says why; nothing half-made is left behind."""
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    failed = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr("web.assets.subprocess.run", lambda *_, **__: failed)
    with pytest.raises(assets.AssetsMissing, match=sentence):
        assets.ensure()
    assert not (tmp_path / "vendor").exists()
