"""requirements.txt: the version of every package, worked out from the ranges in pyproject.toml.

``python -m tools.lock`` writes the versions installed in this environment for everything that pyproject.toml asks for,
directly or not; ``--check`` says whether the file still answers pyproject.toml and is closed: nothing missing, nothing
that nobody needs.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"
HEADER = """\
# The version of every package this project was seen to work with. Made by `python -m tools.lock`; the ranges, and why
# each package is here, are in pyproject.toml. PyTorch's CUDA packages are left out: the CPU build is enough.
"""
# PyTorch's wheel for Linux brings CUDA from the default index and nothing of it elsewhere.
NOT_LOCKED = ("nvidia-", "cuda-", "triton")


class LockError(Exception):
    """The environment or the lock does not answer pyproject.toml."""


@dataclass
class Found:
    """What a walk through the requirements met."""

    versions: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def asked(pyproject: Path) -> tuple[str, list[Requirement]]:
    """The project's name and all its requirements: those of the package and of every extra."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        lines += extra
    name = str(canonicalize_name(project["name"]))
    requirements = [Requirement(line) for line in lines]
    return name, [r for r in requirements if canonicalize_name(r.name) != name]


def applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Is `requirement` asked for on this machine, when its package was asked for with `extras`?"""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def walk(requirements: list[Requirement]) -> Found:
    """Follow `requirements` through the packages installed here; name every one that is missing or too old or new."""
    found = Found()
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(r, "pyproject.toml") for r in requirements]
    while queue:
        requirement, parent = queue.pop()
        name = str(canonicalize_name(requirement.name))
        key = (name, frozenset(requirement.extras))
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found.problems.append(f"{parent} needs {requirement}, which is not installed here")
            continue
        if not requirement.specifier.contains(package.version, prereleases=True):
            found.problems.append(f"{parent} needs {requirement}, but {package.version} is installed here")
        if key in seen:
            continue
        seen.add(key)
        found.versions[name] = Version(package.version).public  # 2.13.0, not 2.13.0+cpu
        for line in package.requires or []:
            child = Requirement(line)
            if applies(child, requirement.extras) and not canonicalize_name(child.name).startswith(NOT_LOCKED):
                queue.append((child, name))
    return found


def render(versions: dict[str, str]) -> str:
    """The text of the lock."""
    return HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def read(lock: Path) -> dict[str, str]:
    """Name → version, from a lock of lines ``name==version``."""
    versions = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, separator, version = line.partition("==")
            if not separator or canonicalize_name(name) != name or "+" in version:
                raise LockError(f"{lock.name}: {line!r} should read name==version, without a local version")
            versions[name] = version
    return versions


def differences(locked: dict[str, str], requirements: list[Requirement], found: Found) -> list[str]:
    """What keeps `locked` from being a closed answer to `requirements`."""
    problems = list(found.problems)
    for requirement in requirements:
        version = locked.get(str(canonicalize_name(requirement.name)))
        if version is None:
            problems.append(f"pyproject.toml asks for {requirement}; the lock has no such package")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"pyproject.toml asks for {requirement}; the lock has {version}")
    for name, version in sorted(found.versions.items()):
        if locked.get(name) not in (None, version):
            problems.append(f"{name}: the lock has {locked[name]}, installed here is {version}")
        elif name not in locked:
            problems.append(f"{name} {version} is needed; the lock has no such package")
    problems += [f"{name} is locked; nothing needs it" for name in sorted(locked.keys() - found.versions.keys())]
    return list(dict.fromkeys(problems))


def main(argv: list[str] | None = None) -> int:
    """Write or check the lock."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.lock", description="Make requirements.txt from pyproject.toml."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail on any difference")
    arguments = parser.parse_args(argv)
    _, requirements = asked(ROOT / "pyproject.toml")
    found = walk(requirements)
    try:
        problems = differences(read(LOCK), requirements, found) if arguments.check else found.problems
    except (LockError, OSError) as error:
        problems = [str(error)]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        remedy = "run `python -m tools.lock`" if arguments.check else "run `pip install -e .[dev]`"
        print(f"tools.lock: {len(problems)} problem(s); {remedy}.", file=sys.stderr)
        return 1
    if not arguments.check:
        LOCK.write_text(render(found.versions), encoding="utf-8")
        print(f"{LOCK.name}: {len(found.versions)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
