"""The tables of differences from PyTorch: measured honestly, shown the same everywhere, gathered on one page."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import pytest

from tools import parity as page
from tools.chapters import BOOK

book = runpy.run_path(str(BOOK / "parity.py"))
record, worst = book["record"], book["worst"]


# ------------------------------------------------------------------------------------------------------------ measuring


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (1.0, 1.0, 0.0),
        (0.25, 0.5, 0.25),  # below 1: absolute
        (90.0, 100.0, 0.1),  # above 1: relative
        ([1.0, 2.0, 2.5], [1.0, 2.0, 2.0], 0.25),
        ([[1.0], [5.0]], [[1.0], [4.0]], 0.25),
        (math.inf, math.inf, 0.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (1.0, math.nan, math.inf),
        (math.inf, 1.0, math.inf),
        (1.0, math.inf, math.inf),
        (-math.inf, math.inf, math.inf),
    ],
)
def test_worst(ours, theirs, expected):
    assert worst(ours, theirs) == expected


@pytest.mark.parametrize(("ours", "theirs"), [([1.0, 2.0], [1.0]), ([1.0], 1.0), ([], [])])
def test_worst_refuses_what_cannot_be_compared(ours, theirs):
    with pytest.raises(ValueError, match="worst: found shapes"):
        worst(ours, theirs)


def test_a_row_outside_the_bound_is_named():
    with pytest.raises(AssertionError, match=r"chapter 03: not within 1e-10 of PyTorch: exp, gradient: 2\.00e-10$"):
        record("03", [("exp", "forward", 0.0), ("exp", "gradient", 2e-10)], bound=1e-10)


@pytest.mark.parametrize("error", [1e-10, math.nan, math.inf])
def test_the_bound_itself_and_not_a_number_are_outside(error):
    with pytest.raises(AssertionError):
        record("03", [("exp", "forward", error)], bound=1e-10)


def test_an_empty_table_is_refused():
    with pytest.raises(AssertionError, match="nothing was compared"):
        record("03", [], bound=1.0)


def test_digits_do_not_show_in_the_table():
    a, b = (record("03", [("exp", "forward", error)], bound=1e-3) for error in (2.2e-16, 9.1e-13))
    assert repr(a) == repr(b) == "What  Compared  Worst difference\nexp   forward   < 1e-12"
    assert a._repr_html_() == b._repr_html_()
    assert "< 1e-06" in repr(record("03", [("exp", "forward", 2e-8)], bound=1e-3))


# ------------------------------------------------------------------------------------------------------------ gathering


def write_chapter(folder: Path, stem: str, outputs: list[dict], tags: tuple[str, ...] = ("parity",)) -> None:
    """A notebook of a title, an exported cell and a cell with the outputs and tags."""
    code = {"cell_type": "code", "execution_count": 1, "source": ["1"]}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# The title of {stem}\n"]},
        {**code, "metadata": {"tags": ["export:scalar"]}, "outputs": []},
        {**code, "metadata": {"tags": list(tags)}, "outputs": outputs},
    ]
    (folder / f"{stem}.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")


def shown(*rows: tuple[str, str, float]) -> list[dict]:
    """The output of a cell that ends with a table."""
    return [{"output_type": "execute_result", "data": {"text/html": [record("00", rows, 1.0)._repr_html_()]}}]


def test_the_page_has_all_tables_in_order(tmp_path):
    write_chapter(tmp_path, "02_two", shown(("b|c", "gradient", 1e-13)))
    write_chapter(tmp_path, "01_one", shown(("a < b & c", "forward", 1e-10), ("d", "forward", 0.0)))
    made = page.page(tmp_path)
    first, second = made.index("## [The title of 01_one](01_one.ipynb)"), made.index("## [The title of 02_two]")
    assert first < made.index("| a < b & c | forward | < 1e-09 |\n| d | forward | < 1e-12 |") < second
    assert "| b\\|c | gradient | < 1e-12 |" in made[second:]
    assert made.count("| What | Compared | Worst difference |") == 2
    assert "2 rows." in made[first:second]


def test_writing_checking_and_drift(tmp_path, capsys):
    write_chapter(tmp_path, "01_one", shown(("a", "forward", 1e-10)))
    assert page.main(["--check"], tmp_path) == 1
    assert "+| a | forward | < 1e-09 |" in capsys.readouterr().out
    assert not (tmp_path / page.PAGE).exists()
    assert page.main([], tmp_path) == 0
    assert page.main(["--check"], tmp_path) == 0
    write_chapter(tmp_path, "01_one", shown(("a", "forward", 1e-7)))
    assert page.main(["--check"], tmp_path) == 1


@pytest.mark.parametrize(
    ("outputs", "tags", "message"),
    [
        ([], ("parity",), "01_one.ipynb, cell 2: it has the tag parity"),
        (shown(("a", "forward", 0.0)) * 2, ("parity",), "01_one.ipynb, cell 2: it has the tag parity"),
        ([], (), "01_one.ipynb: it exports code, so it needs a cell tagged parity"),
    ],
)
def test_a_chapter_without_its_table_is_refused(tmp_path, capsys, outputs, tags, message):
    write_chapter(tmp_path, "01_one", outputs, tags)
    assert page.main([], tmp_path) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / page.PAGE).exists()
