"""Build the book and serve it: ``python -m tools.build_book [--serve] [--port 8000]``.

The pages come from the committed outputs, so nothing is run. A build starts from nothing whenever a file that the book
is made from changed, and is left out when none did: no page can come from an old cache.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import socket
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tools import check_pages
from tools.chapters import ROOT

HTML = ROOT / "_build" / "html"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
STAMP = ROOT / "_build" / "made-from"
SOURCES = ("_config.yml", "_toc.yml", "CHANGELOG.md", "requirements.txt", "book", "minigrad", "web")
NOT_SOURCES = {"node_modules", "vendor", "__pycache__", ".ipynb_checkpoints"}


def fingerprint() -> str:
    """What the pages depend on."""
    digest = hashlib.sha256()
    for name in SOURCES:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not NOT_SOURCES & set(file.relative_to(ROOT).parts):
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def build() -> int:
    """Build every page, warnings being errors, unless the pages are made from just these files."""
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted and (HTML / "index.html").exists():
        print("book: up to date", flush=True)
        return 0
    print("book: building _build/html", flush=True)
    for name in ("html", ".doctrees", ".jupyter_cache"):
        shutil.rmtree(ROOT / "_build" / name, ignore_errors=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(command, cwd=ROOT)
    if done.returncode or not (HTML / "index.html").exists():
        print("book: the build failed; the warnings above say where", file=sys.stderr)
        return 1
    if check_pages.main():
        return 1
    STAMP.write_text(wanted, encoding="utf-8")
    return 0


def is_free(port: int) -> bool:
    """Can a server listen on this port?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that does not tell of each one."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(port: int) -> None:
    """Serve the pages until the reader stops it."""
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(HTML))) as server:
        print(f"book: read it at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main(argv: list[str] | None = None) -> int:
    """Build, and serve where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_book", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--serve", action="store_true", help="serve the pages at 127.0.0.1")
    parser.add_argument("--port", default="8000", help="where (0: any free port)")
    arguments = parser.parse_args(argv)
    if arguments.serve and not (arguments.port.isdecimal() and is_free(int(arguments.port))):
        print(
            f"book: port {arguments.port} is taken or cannot be used; choose another: make book PORT=8765",
            file=sys.stderr,
        )
        return 1
    status = build()
    if status == 0 and arguments.serve:
        serve(int(arguments.port))
    return status


if __name__ == "__main__":
    sys.exit(main())
