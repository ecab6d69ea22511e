"""Look at the built book: every page of ``_toc.yml`` is there, with its title and its figures, and asks nobody else.

``python -m tools.check_pages`` exits 1 and names each page that misses something.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml

from tools.chapters import ROOT

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}


class Page(HTMLParser):
    """What a built page holds: its headings of the first order, its pictures, the addresses it loads from."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title = ""
        self.headings: list[str] = []
        self.images: list[dict[str, str]] = []
        self.loads: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins here."""
        given = {key: value or "" for key, value in attrs}
        if tag in ("h1", "title"):
            self._open = tag
            if tag == "h1":
                self.headings.append("")
        if tag == "img":
            self.images.append(given)
        if tag in LOADING and given.get(LOADING[tag]):
            self.loads.append(given[LOADING[tag]])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "modulepreload"):
            self.loads.append(given.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note what ends here."""
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        """Collect the text of a title."""
        if self._open == "h1":
            self.headings[-1] += data
        elif self._open == "title":
            self.title += data


def plain(text: str) -> str:
    """The letters and digits of a title, whatever its markup."""
    return re.sub(r"[\W_]+", "", re.sub(r"\{\w+\}|<[^>]*>|\$[^$]*\$", "", text)).lower()


def pages(toc: Any) -> Iterator[str]:
    """The files that a table of contents names, in order."""
    if isinstance(toc, dict):
        for key, value in toc.items():
            if key in ("root", "file"):
                yield str(value)
            else:
                yield from pages(value)
    elif isinstance(toc, list):
        for entry in toc:
            yield from pages(entry)


def source_of(name: str, root: Path) -> Path:
    """The notebook or Markdown file of a page."""
    for path in (root / f"{name}.ipynb", root / f"{name}.md"):
        if path.exists():
            return path
    raise FileNotFoundError(f"{name}: _toc.yml names it, and there is neither a notebook nor a Markdown file")


def expected(source: Path) -> tuple[str, int, set[str]]:
    """The title that a page must show, how many pictures its outputs hold, and the alternative texts given for them."""
    if source.suffix == ".md":
        texts, pictures, alts = [source.read_text(encoding="utf-8")], 0, set()
    else:
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        drawing = [
            c for c in cells if any(kind in o.get("data", {}) for o in c.get("outputs", ()) for kind in PICTURES)
        ]
        hidden = {"remove-cell", "remove-output", "remove_cell", "remove_output"}
        drawing = [c for c in drawing if not hidden & set(c["metadata"].get("tags", ()))]
        pictures = sum(any(kind in o.get("data", {}) for kind in PICTURES) for c in drawing for o in c["outputs"])
        alts = {c["metadata"].get("mystnb", {}).get("image", {}).get("alt", "") for c in drawing} - {""}
    title = next((m[1] for text in texts if (m := re.search(r"^# (.+)$", text, re.MULTILINE))), "")
    return title, pictures, alts


def problems(name: str, root: Path, html: Path) -> Iterator[str]:
    """What one page misses."""
    try:
        title, pictures, alts = expected(source_of(name, root))
    except FileNotFoundError as error:
        yield str(error)
        return
    target = html / f"{name}.html"
    if not target.exists():
        yield f"{name}: there is no {target.relative_to(html.parent)}"
        return
    page = Page(target.read_text(encoding="utf-8"))
    if not title or not any(plain(title) in plain(heading) for heading in page.headings):
        yield f"{name}: no heading reads {title!r}; found {page.headings}"
    if plain(title) not in plain(page.title):
        yield f"{name}: the window's title is {page.title!r}, not {title!r}"
    drawn = [
        image for image in page.images if "_images/" in image.get("src", "") or image.get("src", "").startswith("data:")
    ]
    if len(drawn) < pictures:
        yield f"{name}: its outputs hold {pictures} pictures, the page shows {len(drawn)}"
    for alt in alts - {" ".join(image.get("alt", "").split()) for image in drawn} - {i.get("alt", "") for i in drawn}:
        yield f"{name}: no picture has the alternative text {alt!r}"
    for address in page.loads:
        if re.match(r"(https?:)?//", address):
            yield f"{name}: it loads {address} from elsewhere"
        elif not address.startswith("data:"):
            file = address.split("?")[0].split("#")[0]
            if file and not (target.parent / file).exists():
                yield f"{name}: it loads {file}, which is not there"


def main(root: Path = ROOT) -> int:
    """Check every page."""
    html = root / "_build" / "html"
    names = list(pages(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))))
    found = [problem for name in names for problem in problems(name, root, html)]
    for problem in found:
        print(f"check_pages: {problem}", file=sys.stderr)
    if not found:
        print(f"pages: {len(names)} of _toc.yml are there, with their titles and figures")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
