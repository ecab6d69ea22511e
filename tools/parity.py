"""Gather the tables of differences from PyTorch, one a chapter, on the page book/parity.md.

``python -m tools.parity`` reads the stored outputs of the cells tagged ``parity`` (book/parity.py makes them) and
writes the page; ``--check`` writes nothing and prints how the page differs from what it would write.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tools.chapters import BOOK, Chapter, read_chapters

PAGE = "parity.md"
HEAD = """\
# Checked against PyTorch

Every chapter runs what it built beside PyTorch, in float64, and asserts that the two agree. Here are its tables. A
difference is |ours − theirs| / max(1, |theirs|), and each row shows the class of the largest one found: the digits
themselves depend on the processor. The cells that measure them close the sections "Against PyTorch".
"""
FOOT = "\nThis page is made by `python -m tools.parity` from the outputs stored in the notebooks.\n"


class ParityError(Exception):
    """The notebooks do not make a page; the message names notebook and cell."""


class Rows(HTMLParser):
    """The cells of the tables of the class ``parity`` in a piece of HTML, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tables = 0
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A table opens, a row or a cell begins."""
        if tag == "table" and "parity" in (dict(attrs).get("class") or "").split():
            self.tables += 1
        elif tag == "tr" and self.tables:
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        """A cell ends."""
        if tag in ("th", "td"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        """Text in a cell."""
        if self.inside:
            self.rows[-1][-1] += data


def stored_rows(chapter: Chapter) -> list[list[str]]:
    """The rows of a chapter's tables, the heads once, as its notebook stores them; empty if no cell has the tag.

    Raises ParityError if a tagged cell does not show exactly one table.
    """
    notebook: dict[str, Any] = json.loads(chapter.path.read_text(encoding="utf-8"))
    found: list[list[str]] = []
    for cell in (c for c in chapter.cells if "parity" in c.tags):
        outputs = notebook["cells"][cell.index]["outputs"]
        tables = Rows("".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs))
        if tables.tables != 1:
            raise ParityError(f"{cell}: it has the tag parity, so it ends with record(...) and shows one table")
        found += tables.rows if not found else tables.rows[1:]
    return found


def markdown(rows: list[list[str]]) -> str:
    """A table in Markdown; the first row is the head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])


def page(book: Path = BOOK) -> str:
    """The whole page. Raises ParityError if a chapter that builds a module compares nothing with PyTorch."""
    parts = [HEAD]
    for chapter in read_chapters(book):
        rows = stored_rows(chapter)
        if rows:
            parts.append(f"\n## [{chapter.title}]({chapter.path.name})\n\n{len(rows) - 1} rows.\n\n{markdown(rows)}\n")
        elif any(cell.modules for cell in chapter.cells):
            raise ParityError(f"{chapter.path.name}: it exports code, so it needs a cell tagged parity")
    return "".join(parts) + FOOT


def main(arguments: list[str] | None = None, book: Path = BOOK) -> int:
    """The command line; the answer is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.parity", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; print the difference and fail on any")
    check: bool = parser.parse_args(arguments).check
    path = book / PAGE
    try:
        new = page(book)
    except ParityError as error:
        print(f"parity: {error}", file=sys.stderr)
        return 1
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == new:
        print(f"parity: {path.name} is what the notebooks make")
        return 0
    if check:
        sys.stdout.writelines(
            difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{PAGE} (committed)", f"{PAGE} (made)")
        )
        return 1
    path.write_text(new, encoding="utf-8")
    print(f"parity: wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
