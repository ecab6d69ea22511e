"""The book as a whole: stems, order, template, and notebooks that are what they claim to be.

A rule is a function from a notebook to complaints. Every rule is asked about every chapter, and about a small good
notebook with one thing broken, where it has to complain. A notebook without a number is a page: it is held to the
rules of what notebooks store, not to a chapter's template, and nothing goes from it to the package.
"""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tools import notebooks, tangle
from tools.chapters import BOOK, ROOT, read_chapter, read_chapters
from tools.check_pages import pages

sys.path.insert(0, str(BOOK))  # notebooks run there, and import `widgets`

CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
PAGES = sorted(set(BOOK.glob("*.ipynb")) - set(CHAPTERS))
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = {"image/png", "image/jpeg", "image/svg+xml"}
TAGS = {"native", "parity", "raises-exception", "nbval-ignore-output"} | {
    f"{what}-{part}" for what in ("hide", "remove") for part in ("cell", "input", "output")
}
# A duration: 12.3 ms, 4 s, 1.5 seconds, Wall time. Ratios are fine: they are asserted.
TIMING = re.compile(r"\d\s?(ms|µs|us|ns|s|sec|seconds|minutes)\b|\b(Wall|CPU) times?:")
EXEMPT = {"00_before_you_start": {"The problem", "By hand", "Exercises"}}  # a self-test, with answers, in their place


def code_cells(notebook: dict) -> Iterator[tuple[int, dict]]:
    return ((n, cell) for n, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")


def prose(notebook: dict) -> str:
    return "\n\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")


def outputs(notebook: dict) -> Iterator[tuple[int, dict, dict]]:
    return ((n, cell, output) for n, cell in code_cells(notebook) for output in cell["outputs"])


def executed_in_order(stem: str, notebook: dict) -> Iterator[str]:
    counts = [cell["execution_count"] for _, cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}"


def no_unexpected_error(stem: str, notebook: dict) -> Iterator[str]:
    yield from notebooks.complaints(notebooks.normalised(notebook))


def in_committed_form(stem: str, notebook: dict) -> Iterator[str]:
    if notebooks.dumps(notebooks.normalised(notebook)) != json.dumps(notebook, **FORM) + "\n":
        yield "not normalised"


FORM = {"ensure_ascii": False, "indent": 1, "sort_keys": True, "separators": (",", ": ")}


def short_cells(stem: str, notebook: dict) -> Iterator[str]:
    for number, cell in code_cells(notebook):
        if (lines := len("".join(cell["source"]).splitlines())) >= 30:
            yield f"cell {number} has {lines} lines"


def known_tags(stem: str, notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"]):
        for tag in cell["metadata"].get("tags", ()):
            if tag not in TAGS and not tag.startswith("export:"):
                yield f"cell {number}: unknown tag {tag}"


def no_timings(stem: str, notebook: dict) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        texts = [output.get("text", "")] + [output.get("data", {}).get(k, "") for k in ("text/plain", "text/html")]
        for text in texts:
            if found := TIMING.search("".join(text)):
                yield f"cell {number} stores a timing: {found[0]}"


def described_pictures(stem: str, notebook: dict) -> Iterator[str]:
    for number, cell, output in outputs(notebook):
        if PICTURES & set(output.get("data", {})):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            if len(alt) < 20:
                yield f"cell {number} draws a picture without alternative text: {alt!r}"


def two_figures(stem: str, notebook: dict) -> Iterator[str]:
    if (count := sum(bool(PICTURES & set(output.get("data", {}))) for _, _, output in outputs(notebook))) < 2:
        yield f"{count} figures"


def something_to_move(stem: str, notebook: dict) -> Iterator[str]:
    if not any(VIEW in output.get("data", {}) for _, _, output in outputs(notebook)):
        yield "no widget"


def fresh_controls(stem: str, notebook: dict) -> Iterator[str]:
    import widgets

    for model in notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {}).values():
        name = model["state"].get("_anywidget_id", "").split(".")
        if name[0] == "widgets":
            control = getattr(widgets, name[-1])
            for key in ("_esm", "_css"):
                if model["state"].get(key, "") != getattr(control, key):
                    yield f"{name[-1]}: its {key} is not that of book/widgets any more; run the notebook again"


def template(stem: str, notebook: dict) -> Iterator[str]:
    text = prose(notebook)
    headings = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    for wanted in ("The problem", "By hand", "Against PyTorch", "Summary", "Exercises", "Further reading"):
        if wanted not in EXEMPT.get(stem, ()) and not any(wanted.lower() in heading.lower() for heading in headings):
            yield f"no heading says {wanted!r}"
    for wanted, least in (
        ("You will build", 1 if stem not in EXEMPT else 0),
        ("You will learn", 1),
        ("You will need", 1),
        ("Predict.", 2),
        ("Simplifications so far.", 1),
    ):
        if text.count(f"> **{wanted}**" if wanted.endswith(".") else f"> **{wanted}") < least:
            yield f"fewer than {least} of the boxes {wanted!r}"


def names_what_it_builds(stem: str, notebook: dict) -> Iterator[str]:
    tags = {tag for _, cell in code_cells(notebook) for tag in cell["metadata"].get("tags", ())}
    made = {tangle.Module(tag.removeprefix("export:")).path.as_posix() for tag in tags if tag.startswith("export:")}
    first = "".join(notebook["cells"][0]["source"])
    named = set(re.findall(r"`(minigrad/[\w/]+\.py)`", first))
    if made and not named:
        yield "its first cell does not name the module that it builds"
    yield from (f"its first cell names {path}, which it does not export to" for path in sorted(named - made))


def has_a_title(stem: str, notebook: dict) -> Iterator[str]:
    if not "".join(notebook["cells"][0]["source"]).startswith("# "):
        yield "its first cell does not begin with a title"


def exports_nothing(stem: str, notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"]):
        for tag in cell["metadata"].get("tags", ()):
            if tag.startswith("export:") or tag == "parity":
                yield f"cell {number}: the tag {tag} does nothing in a notebook without a number"


STORED = [
    executed_in_order,
    no_unexpected_error,
    in_committed_form,
    short_cells,
    known_tags,
    no_timings,
    described_pictures,
    fresh_controls,
    has_a_title,
]
OF_CHAPTERS = [*STORED, two_figures, something_to_move, template, names_what_it_builds]
OF_PAGES = [*STORED, exports_nothing]
RULES = [*OF_CHAPTERS, exports_nothing]


@pytest.mark.parametrize("rule", OF_CHAPTERS, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path, rule):
    complaints = list(rule(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("rule", OF_PAGES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page(path, rule):
    complaints = list(rule(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    assert not complaints, "\n".join(complaints)


# ------------------------------------------------------------------------------------ every rule can complain


def cell(source: str, count: int, *results: dict, **metadata) -> dict:
    return {"cell_type": "code", "id": "x", "execution_count": count, "metadata": metadata, "source": source} | {
        "outputs": [{"output_type": "display_data", "metadata": {}, "data": data} for data in results]
    }


def markdown(text: str) -> dict:
    return {"cell_type": "markdown", "id": "x", "metadata": {}, "source": text}


PICTURE = {"image/png": "aGVsbG8=\n", "text/plain": "<Figure>"}
ALT = {"image": {"alt": "A line that rises from left to right."}}


def good() -> dict:
    import widgets

    state = {"_anywidget_id": "widgets.NeuronGraph", "_esm": widgets.NeuronGraph._esm, "_css": widgets.NeuronGraph._css}
    notebook = {
        "cells": [
            markdown("# One\n\nbuilds `minigrad/scalar.py`\n\n> **You will build** x\n>\n> **You will learn** y\n"),
            markdown(
                "> **You will need** z\n\n## The problem: a\n\n> **Predict.** a\n\n> **Predict.** b\n\n## By hand\n"
            ),
            cell("x = 1", 1, tags=["export:scalar"]),
            cell("plot()", 2, PICTURE, PICTURE, mystnb=ALT),
            cell("w", 3, {VIEW: {"model_id": "aa", "version_major": 2, "version_minor": 0}, "text/plain": "W"}),
            cell("1 / 0", 4, tags=["raises-exception"]),
            markdown(
                "## Against PyTorch\n\n> **Simplifications so far.** b\n\n## Summary\n## Exercises\n## Further reading"
            ),
        ],
        "metadata": {"widgets": {STATE: {"state": {"aa": {"model_name": "M", "state": state}}, "version_major": 2}}},
    }
    notebook["cells"][5]["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}]
    return json.loads(notebooks.dumps(notebooks.normalised(notebook)))


def break_(change: str):
    """A way to break the good notebook: a statement about its cells."""

    def apply(notebook: dict) -> None:
        exec(change, {"cells": notebook["cells"], "notebook": notebook, "STATE": STATE})

    return apply


BREAKS = [
    (executed_in_order, "cells[2]['execution_count'] = None"),
    (executed_in_order, "cells[2]['execution_count'] = 2"),
    (no_unexpected_error, "cells[5]['metadata'] = {}"),
    (no_unexpected_error, "cells[5]['outputs'] = []"),
    (no_unexpected_error, "cells[2]['outputs'] = [dict(output_type='stream', name='stderr', text=['Warning: x'])]"),
    (in_committed_form, "cells[2]['metadata']['scrolled'] = True"),
    (in_committed_form, "cells[2]['id'] = 'other'"),
    (in_committed_form, "cells[1]['source'][0] += ' '"),
    (short_cells, "cells[2]['source'] = ['x = 1\\n'] * 30"),
    (known_tags, "cells[2]['metadata']['tags'] = ['exports:scalar']"),
    (known_tags, "cells[2]['metadata']['tags'] = ['nbval-skip']"),
    (no_timings, "cells[2]['outputs'] = [dict(output_type='stream', name='stdout', text=['it took 1.2 s'])]"),
    (no_timings, "cells[3]['outputs'][0]['data']['text/plain'] = ['Wall time: 3']"),
    (described_pictures, "cells[3]['metadata'] = {}"),
    (described_pictures, "cells[3]['metadata']['mystnb']['image']['alt'] = 'A plot.'"),
    (two_figures, "del cells[3]['outputs'][0]"),
    (something_to_move, "del cells[4]"),
    (fresh_controls, "notebook['metadata']['widgets'][STATE]['state'][f'{1:032x}']['state']['_esm'] += ' '"),
    (template, "del cells[6]"),
    (template, "cells[1]['source'] = [line.replace('By hand', 'By foot') for line in cells[1]['source']]"),
    (template, "cells[1]['source'] = [line.replace('Predict.** b', 'Guess.** b') for line in cells[1]['source']]"),
    (names_what_it_builds, "cells[2]['metadata']['tags'] = ['export:autograd']"),
    (names_what_it_builds, "cells[0]['source'] = ['# One']"),
    (has_a_title, "cells[0]['source'] = ['One']"),
    (has_a_title, "del cells[0]"),
    (exports_nothing, "cells[2]['metadata']['tags'] = ['export:scalar']"),
    (exports_nothing, "cells[2]['metadata']['tags'] = ['parity']"),
]


@pytest.mark.parametrize("rule", OF_CHAPTERS, ids=lambda rule: rule.__name__)
def test_the_good_notebook_is_good(rule):
    assert list(rule("01_one", good())) == []


def test_the_good_page_is_good():
    page = good()
    page["cells"] = [cell for cell in page["cells"] if "tags" not in cell["metadata"]]
    assert list(exports_nothing("one", page)) == []


@pytest.mark.parametrize(("rule", "change"), BREAKS)
def test_a_rule_sees_what_is_broken(rule, change):
    notebook = copy.deepcopy(good())
    break_(change)(notebook)
    assert list(rule("01_one", notebook))


def test_every_rule_was_broken():
    assert {rule for rule, _ in BREAKS} == set(RULES)


# ------------------------------------------------------------------------------------------------ the whole book


def test_the_table_of_contents_names_the_chapters_in_order():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    named = [page for page in pages(toc) if re.match(r"book/\d\d_", page)]
    assert named == [f"book/{path.stem}" for path in CHAPTERS]
    assert {f"book/{path.stem}" for path in PAGES} <= set(pages(toc))


def test_every_myth_is_answered_by_a_running_cell():
    answered: dict[str, bool] = {}
    for cell in json.loads((BOOK / "history_and_myths.ipynb").read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            answered |= dict.fromkeys(re.findall(r'^### (".+")$', text, re.MULTILINE), False)
        elif answered and re.search(r"^ *assert ", text, re.MULTILINE):
            answered[list(answered)[-1]] = True
    assert len(answered) >= 20
    assert [myth for myth, done in answered.items() if not done] == []


def test_chapters_are_numbered_without_a_gap():
    assert [read_chapter(path).number for path in CHAPTERS] == list(range(len(CHAPTERS)))


def test_the_package_is_what_the_book_makes():
    """This also holds the import order: what a cell of chapter N uses comes from chapters up to N."""
    assert tangle.drift(tangle.tangle(read_chapters()), ROOT) == ""


@pytest.mark.parametrize("number", range(len(CHAPTERS)))
def test_the_package_imports_after_each_chapter(number, tmp_path):
    assert tangle.main(["--through", str(number), "--out", str(tmp_path)]) == 0
    modules = [path.relative_to(tmp_path).with_suffix("") for path in sorted(tmp_path.rglob("*.py"))]
    names = [".".join(module.parts).removesuffix(".__init__") for module in modules]
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + "".join(f"import {name}\n" for name in names)
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_needs_numpy_alone():
    found = set()
    for path in (ROOT / "minigrad").rglob("*.py"):
        for name in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.add(name)
    assert found - set(sys.stdlib_module_names) <= {"numpy", "minigrad"}


def test_scalars_need_not_even_numpy():
    program = "import sys; sys.modules['numpy'] = None\nimport minigrad.scalar, minigrad.autograd"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_module_has_tests():
    """A module of the package is imported by name in at least one file of tests/."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    imported = set(re.findall(r"(?:import|from) (minigrad(?:\.\w+)*)", text))
    for home, names in re.findall(r"from (minigrad(?:\.\w+)*) import ([\w, ]+)", text):
        imported |= {f"{home}.{name.strip()}" for name in names.split(",")}
    dotted = {
        tangle.Module(name).dotted for chapter in read_chapters() for cell in chapter.cells for name in cell.modules
    }
    assert dotted - imported == set()
