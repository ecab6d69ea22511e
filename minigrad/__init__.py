"""A small engine for derivatives, with PyTorch's names, made from the chapters of a book.

A public name is looked up in its module when it is first asked for, so that ``import minigrad`` is quick and needs no
NumPy before the first tensor.

Made from chapter 1, Compute on a graph; chapter 3, Differentiate arrays; chapter 4, Train a multilayer perceptron;
and chapter 8, Generalise beyond the training set.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

# Public name: the module that defines it. A public module is its own home. Later chapters add their names.
HOME: dict[str, str] = {"Scalar": "scalar"}


def __getattr__(name: str) -> Any:
    """Find a public name in its home, and keep it. Raises AttributeError for any other name."""
    if name not in HOME:
        raise AttributeError(
            f"minigrad has no {name!r}: it offers those of PyTorch's names that the book has built; dir(minigrad) "
            "lists them"
        )
    home = import_module(f"minigrad.{HOME[name]}")
    found = globals()[name] = home if HOME[name] == name else getattr(home, name)
    return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*HOME, "__version__"])


class Package(ModuleType):
    """A package whose public names win over modules of the same spelling, which an import would put in their place."""

    def __setattr__(self, name: str, value: object) -> None:
        if HOME.get(name, name) == name or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Package


HOME |= dict.fromkeys(["Tensor"], "tensor")
HOME |= dict.fromkeys(["is_grad_enabled", "no_grad", "enable_grad"], "primitive")
HOME |= dict.fromkeys(["Generator", "manual_seed"], "random")
HOME |= dict.fromkeys(
    ["exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "maximum", "minimum", "matmul"], "rules"
)
HOME |= dict.fromkeys(
    ["abs", "allclose", "cat", "clamp", "gather", "log_softmax", "logsumexp", "softmax", "stack", "where"], "functions"
)
HOME |= dict.fromkeys(
    ["arange", "float32", "float64", "from_numpy", "full", "int64", "linspace", "multinomial", "ones", "ones_like"],
    "creation",
)
HOME |= dict.fromkeys(["rand", "randint", "randn", "set_default_dtype", "tensor", "zeros", "zeros_like"], "creation")


HOME |= {name: name for name in ("autograd", "nn", "optim", "utils")} | {"tune_allocator": "memory"}


HOME |= dict.fromkeys(["load", "save"], "files")
