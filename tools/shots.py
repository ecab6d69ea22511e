"""Look at the rendered pages as a reader sees them, and say what is wrong with them.

    python -m tools.shots book/02_chain_rule --out DIR      pictures of a page (all pages where none is named)
    python -m tools.shots --quiet                           only the findings

Serves ``_build/html`` on this machine, opens each page in headless Chromium, wide and narrow, light and dark, and
reports: what is wider than the window, errors on the console, requests to other addresses, pictures without
alternative text, formulas that were refused.
"""

import argparse
import contextlib
import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
WIDTHS = (1280, 390)
THEMES = ("light", "dark")
SLICE = 1600  # pixels: the height of a picture that can be read
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What sticks out of the page to the right, unless something around it scrolls (the innermost elements are named), and
# formulas whose beginning no scrolling brings into view.
OVERFLOW = """() => {
  const edge = document.documentElement.clientWidth + 1;
  const scrolls = (node) => {
    for (let up = node.parentElement; up && up !== document.body; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (/auto|scroll|hidden|clip/.test(style.overflowX) && up.getBoundingClientRect().right <= edge) return true;
      if (style.position === "fixed") return true;
    }
    return false;
  };
  const name = (node) => node.tagName.toLowerCase() + [...node.classList].map((each) => "." + each).join("");
  const wide = [...document.querySelectorAll("main *:not(.katex *, pre *)")].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.right > edge && !scrolls(node) && getComputedStyle(node).position !== "fixed";
  });
  const found = wide.filter((node) => !wide.some((other) => other !== node && node.contains(other)))
    .map((node) => `${name(node)} ends at ${Math.round(node.getBoundingClientRect().right)} px`);
  const whole = document.documentElement.scrollWidth;
  if (whole > edge) found.push(`the page is ${whole} px wide`);
  for (const box of document.querySelectorAll("main div.math")) {
    const formula = box.querySelector(".katex-html");
    const lost = formula ? box.getBoundingClientRect().left - formula.getBoundingClientRect().left : 0;
    if (lost > 1) found.push(`a formula begins ${Math.round(lost)} px left of where one can scroll`);
  }
  return [...new Set(found)].slice(0, 10);
}"""
NO_ALT = """() => {
  const src = (image) => image.getAttribute("src") ?? "";
  const bare = [...document.querySelectorAll("img")].filter((image) => !(image.getAttribute("alt") ?? "").trim())
    .map((image) => `img ${src(image)}`);
  const generated = [...document.querySelectorAll("article img")]
    .filter((image) => /^_|^\\.\\.\\/_images|_images\\/.*\\.(png|svg)$/.test(image.getAttribute("alt") ?? ""))
    .map((image) => `img ${src(image)}: the alternative text is a file name`);
  const drawn = [...document.querySelectorAll('article [role="img"]:not([aria-label]):not([aria-labelledby])')]
    .map((node) => `${node.tagName.toLowerCase()} with role img and no label`);
  const canvas = [...document.querySelectorAll("article canvas:not([aria-label])")].map(() => "canvas without a label");
  return [...bare, ...generated, ...drawn, ...canvas];
}"""
REFUSED = """() => [...document.querySelectorAll(".katex-error, .math > code")].map((node) => node.textContent)"""


@dataclass
class Findings:
    """What is wrong with one page at one width in one theme."""

    page: str
    width: int
    theme: str
    overflow: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    no_alt: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line for each thing that is wrong."""
        where = f"{self.page} at {self.width} px, {self.theme}"
        return [
            f"{where}: {kind}: {item}"
            for kind, items in (
                ("too wide", self.overflow),
                ("console", self.console),
                ("outside request", self.outside),
                ("no alternative text", self.no_alt),
                ("formula refused", self.formulas),
            )
            for item in items
        ]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not log every request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(folder: Path = HTML) -> Iterator[str]:
    """Serve `folder` on a free port of this machine; gives the address, without a slash at its end."""
    if not (folder / "index.html").is_file():
        raise SystemExit(f"shots: {folder} holds no index.html: build the book first (make book SERVE=0)")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chromium() -> str | None:
    """Path of the Chromium to use: $CHROMIUM, else the one on PATH; None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start headless Chromium with a profile of its own, and end it."""
    program = chromium()
    if program is None:
        raise SystemExit(
            "shots: no Chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        )
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


def context(started: Browser, width: int, theme: str) -> BrowserContext:
    """A fresh browser window in which the reader has chosen `theme`."""
    window = started.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    window.set_default_timeout(120_000)  # a busy machine is no finding
    window.add_init_script(
        f"try {{ localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}'); }} catch {{}}"
    )
    return window


def visit(window: BrowserContext, address: str, page: str, width: int, theme: str) -> tuple[Page, Findings]:
    """Open `page` ("book/02_chain_rule") and look for what is wrong. Requests to other addresses are refused."""
    found = Findings(page, width, theme)
    tab = window.new_page()

    def judge(route: Any) -> None:
        url = route.request.url
        if url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            found.outside.append(url)
            route.abort()

    def heard(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.console.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def answered(answer: Any) -> None:
        if answer.status >= 400:
            found.console.append(f"{answer.status}: {answer.url}")

    tab.route("**/*", judge)
    tab.on("console", heard)
    tab.on("pageerror", lambda error: found.console.append(f"uncaught: {error}"))
    tab.on("response", answered)
    tab.goto(f"{address}/{page}.html", wait_until="load")
    tab.wait_for_function(
        """() => [...document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')]
               .every((view) => view.nextElementSibling?.childElementCount || view.nextElementSibling?.textContent)"""
    )
    tab.evaluate("() => document.fonts.ready.then(() => true)")
    tab.wait_for_timeout(200)  # for whatever a script does after the page was loaded
    found.overflow += tab.evaluate(OVERFLOW)
    found.no_alt += tab.evaluate(NO_ALT)
    found.formulas += tab.evaluate(REFUSED)
    return tab, found


def photograph(tab: Page, stem: str, out: Path) -> list[Path]:
    """Write the whole page as pictures of at most SLICE pixels in height."""
    out.mkdir(parents=True, exist_ok=True)
    size = tab.viewport_size
    assert size is not None
    height = int(tab.evaluate("() => document.documentElement.scrollHeight"))
    tab.set_viewport_size({"width": size["width"], "height": height})
    tab.wait_for_timeout(400)  # the theme moves its bars when the window changes
    made = []
    for number, top in enumerate(range(0, height, SLICE)):
        path = out / f"{stem}-{number:02d}.png"
        tab.screenshot(path=path, clip={"x": 0, "y": top, "width": size["width"], "height": min(SLICE, height - top)})
        made.append(path)
    return made


def pages(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Every page that the table of contents names, in its order."""
    table = yaml.safe_load(toc.read_text(encoding="utf-8"))
    return [table["root"], *(chapter["file"] for part in table["parts"] for chapter in part["chapters"])]


def main(argv: list[str] | None = None) -> int:
    """Photograph and judge; the exit status is 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", help="pages such as book/02_chain_rule (default: all of _toc.yml)")
    parser.add_argument("--out", type=Path, default=Path("_build/shots"), help="folder for the pictures")
    parser.add_argument("--html", type=Path, default=HTML, help="folder of the built book")
    parser.add_argument("--width", type=int, action="append", help=f"width in pixels (default: {WIDTHS})")
    parser.add_argument("--theme", choices=THEMES, action="append", help="default: both")
    parser.add_argument("--quiet", action="store_true", help="take no pictures")
    options = parser.parse_args(argv)
    wrong: list[str] = []
    with serve(options.html) as address, browser() as started:
        for width in options.width or WIDTHS:
            for theme in options.theme or THEMES:
                window = context(started, width, theme)
                for page in options.pages or pages():
                    tab, found = visit(window, address, page, width, theme)
                    wrong += found.lines()
                    if not options.quiet:
                        made = photograph(tab, f"{Path(page).name}-{width}-{theme}", options.out)
                        print(f"{page} at {width} px, {theme}: {len(made)} pictures in {options.out}", flush=True)
                    tab.close()
                window.close()
    for line in wrong:
        print(line)
    print(f"shots: {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
