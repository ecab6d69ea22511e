"""Data sets and batches, under PyTorch's names.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Open `minigrad.utils.data` when it is first asked for. Raises AttributeError for any other name."""
    if name != "data":
        raise AttributeError(f"minigrad.utils has no {name!r}: what the book has built is minigrad.utils.data")
    return import_module("minigrad.utils.data")
