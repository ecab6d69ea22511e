"""Layers, losses, and what they are made of, looked up when they are first asked for.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name: the module of minigrad.nn that defines it. Later chapters add theirs.
LAYERS: dict[str, str] = {"functional": "functional", "init": "init", "Module": "module", "Parameter": "module"}
LAYERS |= dict.fromkeys(["ModuleList", "Sequential"], "containers")
LAYERS |= dict.fromkeys(["Flatten", "Identity", "Linear", "ReLU", "Sigmoid", "Softmax", "Tanh"], "layers")
LAYERS |= dict.fromkeys(["BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss"], "losses")


def __getattr__(name: str) -> Any:
    """Find a layer in its module. Raises AttributeError for a name that the book has not built."""
    if name not in LAYERS:
        raise AttributeError(f"minigrad.nn has no {name!r}: dir(minigrad.nn) lists what the book has built")
    home = import_module(f"minigrad.nn.{LAYERS[name]}")
    return home if LAYERS[name] == name else getattr(home, name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(LAYERS)
