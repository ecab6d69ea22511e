"""The package's front door: public names, found when they are asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from types import ModuleType

import pytest
import torch

import minigrad
from tools.chapters import ROOT


def in_a_fresh_python(program: str) -> str:
    """What the program prints. Fails if it fails."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_scalars_need_no_numpy():
    program = (
        "import sys, minigrad; from minigrad import Scalar; from minigrad.draw import draw; import minigrad.autograd\n"
        "x = Scalar(3.0); y = x * x + x; draw(y); y.backward(); print(x.grad, 'numpy' in sys.modules)"
    )
    assert in_a_fresh_python(program) == "7.0 False"


def test_importing_the_package_imports_none_of_its_modules():
    program = "import sys, minigrad; print([m for m in sys.modules if m.startswith('minigrad.')])"
    assert in_a_fresh_python(program) == "[]"


@pytest.mark.parametrize("name", sorted(minigrad.HOME))
def test_every_public_name_is_found_in_its_home(name):
    found = getattr(minigrad, name)
    home = importlib.import_module(f"minigrad.{minigrad.HOME[name]}")
    assert found is (home if minigrad.HOME[name] == name else getattr(home, name))
    assert isinstance(found, ModuleType) == (minigrad.HOME[name] == name)
    assert vars(minigrad)[name] is found  # the next time it is simply there


@pytest.mark.parametrize("name", {home: name for name, home in minigrad.HOME.items()}.values())
def test_any_home_can_be_the_first_that_is_opened(name):
    in_a_fresh_python(f"from minigrad import {name}")


@pytest.mark.parametrize("module", sorted(set(minigrad.HOME) & {p.stem for p in (ROOT / "minigrad").glob("*.py")}))
def test_a_public_name_wins_over_a_module_of_the_same_spelling_in_any_order(module):
    is_module = minigrad.HOME[module] == module
    program = f"import minigrad.{module}, minigrad, types; print(isinstance(minigrad.{module}, types.ModuleType))"
    assert in_a_fresh_python(program) == str(is_module)


def test_dir_lists_the_public_names():
    assert dir(minigrad) == sorted([*minigrad.HOME, "__version__"])


@pytest.mark.parametrize("name", ["einsum", "no_such_name"])
def test_an_unknown_name_is_refused_in_a_sentence(name):
    assert name not in minigrad.HOME
    with pytest.raises(AttributeError, match=f"^minigrad has no '{name}': .* dir\\(minigrad\\) lists them$"):
        getattr(minigrad, name)
    with pytest.raises(ImportError, match=name):
        exec(f"from minigrad import {name}")


def test_unknown_names_include_those_that_pytorch_has():
    assert hasattr(torch, "einsum")
    assert not hasattr(minigrad, "einsum")


def test_a_public_name_wins_over_a_module_of_the_same_spelling(monkeypatch):
    """As `minigrad.tensor` will: a function, in spite of a module minigrad/tensor.py."""
    monkeypatch.setitem(minigrad.HOME, "draw", "more")
    monkeypatch.setattr(importlib.import_module("minigrad.more"), "draw", "the public one", raising=False)
    monkeypatch.delitem(sys.modules, "minigrad.draw", raising=False)
    monkeypatch.delattr(minigrad, "draw", raising=False)
    module = importlib.import_module("minigrad.draw")
    assert isinstance(module, ModuleType) and module.__name__ == "minigrad.draw"
    assert minigrad.draw == "the public one"


def test_a_public_name_can_be_replaced(monkeypatch):
    monkeypatch.setattr(minigrad, "Scalar", "another")
    assert minigrad.Scalar == "another"


def test_other_modules_are_bound_as_always():
    module = importlib.import_module("minigrad.scalar")
    assert minigrad.scalar is module


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert minigrad.__version__ == project["version"]
