"""List on the page book/names.md which chapter builds each public name.

``python -m tools.names`` takes the names from the package and their chapters from the exported cells, and writes the
page; ``--check`` writes nothing and prints how the page differs from what it would write. A name of a module such as
``minigrad.nn.functional`` is public if PyTorch has it there too; the others are what chapters make them from.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tools.chapters import BOOK, Cell, Chapter, read_chapters
from tools.tangle import Book, TangleError

PAGE = "names.md"
HEAD = """\
# Names and their chapters

Every public name of `minigrad` is built in one chapter, or begun in one and grown in later ones. What a name does is
PyTorch's: its documentation holds, but for [what differs](differences.md). `Scalar` and `tune_allocator` are our own.
"""
FOOT = "\nThis page is made by `python -m tools.names` from the cells that are exported to the package.\n"

# Where a package keeps its table of public names.
TABLES = {"": "HOME", "nn": "LAYERS", "optim": "OPTIMIZERS"}
MODULES = ("autograd", "nn.functional", "nn.init", "nn.utils", "optim.lr_scheduler", "utils.data")
CLASSES = {  # what grows, the module that it grows in, and the class of PyTorch's that says which methods are public
    "Scalar": ("scalar", "Tensor"),
    "Tensor": ("tensor", "Tensor"),
    "Module": ("nn.module", "nn.Module"),
    "Optimizer": ("optim.optimizer", "optim.Optimizer"),
}


def dotted(*parts: str) -> str:
    """The parts that are not empty, with dots between them."""
    return ".".join(part for part in parts if part)


def public_names(book: Book) -> Iterator[tuple[str, str, Cell]]:
    """Each public name: where one finds it, what it is called, the cell that defines it."""
    for package, table in TABLES.items():
        homes: dict[str, str] = getattr(import_module(dotted("minigrad", package)), table)
        for name, home in homes.items():
            module = book.modules.get(dotted(package, home))
            if module is not None and name != home and name in module.defines:
                yield dotted("minigrad", package), name, module.defines[name]
    for place in MODULES:
        module_of_theirs = import_module(f"torch.{place}")
        for name, cell in book.modules[place].defines.items():
            if hasattr(module_of_theirs, name):
                yield f"minigrad.{place}", name, cell
    for ours, (home, counterpart) in CLASSES.items():
        package, _, name = counterpart.rpartition(".")
        theirs = getattr(import_module(dotted("torch", package)), name)
        for member, cell in book.modules[home].members[ours].items():
            if not member.startswith("_") and hasattr(theirs, member):
                yield f"`{ours}`", member, cell


def section(chapter: Chapter, names: list[tuple[str, str]]) -> str:
    """What one chapter builds, a row for each place."""
    lines = [f"\n## {chapter.number} · [{chapter.title}]({chapter.path.name})\n", "| in | names |", "|---|---|"]
    for place in dict.fromkeys(place for place, _ in names):
        listed = sorted((name for where, name in names if where == place), key=lambda name: (name.lower(), name))
        what = f"methods of {place}" if place.startswith("`") else f"`{place}`"
        lines.append(f"| {what} | {', '.join(f'`{name}`' for name in listed)} |")
    return "\n".join(lines) + "\n"


def page(chapters: list[Chapter]) -> str:
    """The whole page."""
    book = Book()
    for chapter in chapters:
        book.add(chapter)
    found: dict[str, list[tuple[str, str]]] = {}
    for place, name, cell in public_names(book):
        found.setdefault(cell.notebook, []).append((place, name))
    parts = [section(chapter, found[chapter.path.name]) for chapter in chapters if chapter.path.name in found]
    return HEAD + "".join(parts) + FOOT


def main(arguments: list[str] | None = None, target: Path = BOOK / PAGE) -> int:
    """The command line; the answer is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.names", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; print the difference and fail on any")
    check: bool = parser.parse_args(arguments).check
    try:
        new = page(read_chapters())
    except TangleError as error:
        print(f"names: {error}", file=sys.stderr)
        return 1
    old = target.read_text(encoding="utf-8") if target.exists() else ""
    if old == new:
        print(f"names: {target.name} is what the notebooks make")
        return 0
    if check:
        sys.stdout.writelines(
            difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{PAGE} (committed)", f"{PAGE} (made)")
        )
        return 1
    target.write_text(new, encoding="utf-8")
    print(f"names: wrote {target.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
