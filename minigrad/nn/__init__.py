"""Layers, losses, and what they are made of, looked up when they are first asked for.

Made from chapter 4, Train a multilayer perceptron; chapter 6, Keep gradients alive; chapter 7, Backpropagate through
time; and chapter 8, Generalise beyond the training set.
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


LAYERS |= dict.fromkeys(["BatchNorm1d", "LayerNorm"], "normalization") | {"GELU": "layers"}


LAYERS |= dict.fromkeys(["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell"], "rnn")
LAYERS |= {"Embedding": "embedding", "utils": "utils"}


LAYERS |= {"Dropout": "dropout"}
