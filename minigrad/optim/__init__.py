"""Optimisers, looked up when they are first asked for.

Made from chapter 4, Train a multilayer perceptron; and chapter 5, Descend with gradients.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name: the module of minigrad.optim that defines it. Later chapters add theirs.
OPTIMIZERS: dict[str, str] = {"Optimizer": "optimizer", "SGD": "sgd"}


def __getattr__(name: str) -> Any:
    """Find an optimiser in its module. Raises AttributeError for a name that the book has not built."""
    if name not in OPTIMIZERS:
        raise AttributeError(f"minigrad.optim has no {name!r}: dir(minigrad.optim) lists what the book has built")
    home = import_module(f"minigrad.optim.{OPTIMIZERS[name]}")
    return home if OPTIMIZERS[name] == name else getattr(home, name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(OPTIMIZERS)


OPTIMIZERS |= {"RMSprop": "rmsprop", "Adam": "adam", "AdamW": "adam", "lr_scheduler": "lr_scheduler"}
