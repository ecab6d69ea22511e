"""The book as the tools see it: chapters in order, and the cells of each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
NAME = re.compile(r"(\d\d)_[a-z0-9_]+\.ipynb")


@dataclass(frozen=True)
class Cell:
    """A code cell: where it stands and what it says."""

    notebook: str
    index: int
    source: str
    tags: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.index}"

    @property
    def modules(self) -> list[str]:
        """The modules it is exported to: one at most, in a book without mistakes."""
        return [tag.removeprefix("export:") for tag in self.tags if tag.startswith("export:")]


@dataclass(frozen=True)
class Chapter:
    """A chapter notebook: its number, its title, and its code cells in order (`index` counts all cells, from 0)."""

    number: int
    path: Path
    title: str
    cells: tuple[Cell, ...]


def read_chapter(path: Path) -> Chapter:
    """Read one notebook. Raises ValueError if its name is not ``NN_stem.ipynb`` or it has no title."""
    match = NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name}: a chapter's notebook is called NN_stem.ipynb")
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    cells = []
    title = ""
    for index, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cells.append(Cell(path.name, index, source, tuple(cell["metadata"].get("tags", ()))))
        elif cell["cell_type"] == "markdown" and not title:
            heading = re.search(r"^# (.+)$", source, re.MULTILINE)
            title = heading[1].strip() if heading else ""
    if not title:
        raise ValueError(f"{path.name}: no Markdown cell has a title, a line that starts with '# '")
    return Chapter(int(match[1]), path, title, tuple(cells))


def read_chapters(book: Path = BOOK) -> list[Chapter]:
    """All chapters of the book, in order."""
    return [read_chapter(path) for path in sorted(book.glob("[0-9][0-9]_*.ipynb"))]
