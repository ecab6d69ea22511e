"""Compare with PyTorch, and show the worst differences as a table that is the same on every processor.

A chapter ends its section "Against PyTorch" with one cell, tagged ``parity``:

    record("01", [("exp", "forward", worst(ours, theirs)), ...], bound=1e-12)

``python -m tools.parity`` gathers the tables of all chapters on the page book/parity.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

CLASSES = (1e-12, 1e-9, 1e-6, 1e-3, math.inf)
HEADS = ("What", "Compared", "Worst difference")


def worst(ours: Any, theirs: Any) -> float:
    """The largest abs(ours - theirs) / max(1, abs(theirs)) over two arrays, numbers or nested lists of one shape.

    Equal infinities and NaN in the same place count as no difference, NaN in only one of the two as an infinite one.
    Raises ValueError if the shapes differ or there is nothing to compare.
    """
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape or not a.size:
        raise ValueError(f"worst: found shapes {a.shape} and {b.shape}, expected two equal ones with something in them")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(b)))
    return float(np.where(np.isnan(gap), np.inf, gap).max())


class Table:
    """Rows of (what, what of it was compared, worst difference), each checked against one bound."""

    def __init__(self, chapter: str, rows: list[tuple[str, str, float]], bound: float) -> None:
        self.chapter = chapter
        self.rows = rows
        self.bound = bound

    def cells(self) -> list[tuple[str, str, str]]:
        """The rows as text: of each difference only the class, since its digits depend on the processor."""
        return [(name, kind, f"< {next(c for c in CLASSES if error < c):.0e}") for name, kind, error in self.rows]

    def __repr__(self) -> str:
        table = [HEADS, *self.cells()]
        wide = [max(len(row[i]) for row in table) for i in range(3)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in table)

    def _repr_html_(self) -> str:
        def line(tag: str, row: tuple[str, str, str]) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"

        body = "".join(line("td", row) for row in self.cells())
        return f'<table class="parity table"><thead>{line("th", HEADS)}</thead><tbody>{body}</tbody></table>'


def record(chapter: str, rows: Iterable[tuple[str, str, float]], bound: float) -> Table:
    """Assert that every row's worst difference lies below `bound`, and return the table.

    Parameters
    ----------
    chapter
        The chapter's two digits, "03".
    rows
        (what was compared, "forward" or "gradient" or the like, worst difference), as many as the chapter has.
    bound
        What every difference has to stay below. Raises AssertionError with all the rows that do not; NaN does not.
    """
    kept = [(name, kind, float(error)) for name, kind, error in rows]
    if not kept:
        raise AssertionError(f"chapter {chapter}: nothing was compared with PyTorch")
    bad = [f"{name}, {kind}: {error:.2e}" for name, kind, error in kept if not error < bound]
    if bad:
        raise AssertionError(f"chapter {chapter}: not within {bound:g} of PyTorch: " + "; ".join(bad))
    return Table(chapter, kept, bound)
