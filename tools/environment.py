"""Make the environment: ``python3 tools/environment.py book test`` makes ``.venv`` with the extras named.

It runs before anything is installed, by whatever Python there is: so it uses the standard library alone and, where
that Python is too old, says so (and looks for a newer one first). The second time it sees that nothing changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
NEEDED = (3, 11)
NEWER = ["python3.14", "python3.13", "python3.12", "python3.11"]
AWAY = re.compile(
    r"name resolution|getaddrinfo|NewConnectionError|Failed to establish a new connection|ConnectTimeout|ReadTimeout"
    r"|Network is unreachable|Connection refused|Cannot connect to proxy|Connection broken|\(from versions: none\)",
    re.IGNORECASE,
)


def say(text: str) -> None:
    """Show a step."""
    print("environment: " + text, flush=True)


def stop(text: str) -> None:
    """Say what is missing, and end."""
    sys.exit("environment: " + text)


def require_python() -> None:
    """Go on with a Python that is new enough, or stop."""
    if sys.version_info >= NEEDED:
        return
    for name in NEWER:
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(found, [found, *sys.argv])
    version, needed = (".".join(map(str, v)) for v in (sys.version_info[:2], NEEDED))
    stop(
        f"this is Python {version} ({sys.executable}); the book needs {needed} or newer. Install one, or name it: "
        "make PYTHON=/path/to/python3.12 …"
    )


def venv_python() -> str:
    """The environment's Python."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(VENV, folder, name)


def works() -> bool:
    """Is there an environment that runs, new enough, with pip?"""
    check = f"import sys, pip; sys.exit(sys.version_info < {NEEDED})"
    try:
        return subprocess.call([venv_python(), "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make() -> None:
    """Make an empty environment."""
    version = ".".join(map(str, sys.version_info[:2]))
    say(f"making .venv with Python {version}")
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode or not works():
        shutil.rmtree(VENV, ignore_errors=True)
        said = done.stdout.decode(errors="replace")
        if "ensurepip" in said or "No module named venv" in said:
            stop(f"this Python has no venv module; on Debian and Ubuntu: apt install python{version}-venv")
        stop("`python -m venv .venv` failed:\n" + said.strip())


def fingerprint(extras: list[str]) -> str:
    """What the environment depends on."""
    digest = hashlib.sha256(repr((sorted(extras), ROOT)).encode())
    for name in ("pyproject.toml", "requirements.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def install(extras: list[str]) -> None:
    """Install the package and its extras, at the versions of requirements.txt."""
    log = os.path.join(VENV, "pip.log")
    command = [
        venv_python(),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    command += ["-c", "requirements.txt", "-e", ".[" + ",".join(extras) + "]"]
    lines = []
    say(f"installing what {' and '.join(extras)} needs; the first time takes minutes (its log: .venv/pip.log)")
    with open(log, "w", encoding="utf-8") as file:
        pip = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert pip.stdout is not None
        for raw in pip.stdout:
            line = raw.decode(errors="replace")
            lines.append(line)
            file.write(line)
            if re.match(r"Collecting|\s*Downloading|Building|Installing", line):
                shown = re.sub(r"\(from .*", "", line.strip())
                print("  " + shown[:100], flush=True)
    if pip.wait():
        text = "".join(lines)
        if AWAY.search(text):
            stop(
                "the network is away: pip could not reach the package index. Connect, then run the same command again."
            )
        stop("pip failed; its last lines:\n" + "".join(lines[-12:]).rstrip())


def main() -> None:
    """Make the environment, unless it is there."""
    extras = sys.argv[1:]
    require_python()
    wanted = fingerprint(extras)
    stamp = os.path.join(VENV, ".made-for-" + "-".join(sorted(extras)))
    if works():
        if os.path.exists(stamp):
            with open(stamp, encoding="utf-8") as file:
                if file.read() == wanted:
                    return
    else:
        make()
    install(extras)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    say("ready")


if __name__ == "__main__":
    main()
