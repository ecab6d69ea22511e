"""Losses as modules: each says what its function says, and what PyTorch's says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from minigrad.nn import losses
from tests.twins import gap, twins

rng = np.random.default_rng(3)
LOGITS, CLASSES, WEIGHT = rng.normal(size=(5, 4)), rng.integers(0, 4, 5), rng.uniform(0.5, 2.0, 4)
SHARES = rng.uniform(size=(5, 4))

CASES: list[tuple[str, dict[str, Any], np.ndarray]] = [
    ("MSELoss", {}, SHARES),
    ("MSELoss", {"reduction": "sum"}, SHARES),
    ("CrossEntropyLoss", {}, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, CLASSES),
    ("CrossEntropyLoss", {"weight": WEIGHT, "reduction": "sum", "ignore_index": int(CLASSES[0])}, CLASSES),
    ("BCEWithLogitsLoss", {}, SHARES),
    ("BCEWithLogitsLoss", {"pos_weight": WEIGHT, "reduction": "none"}, SHARES),
    ("BCEWithLogitsLoss", {"weight": WEIGHT}, SHARES),
]


@pytest.mark.parametrize(("name", "kwargs", "target"), CASES)
def test_equals_pytorch(name: str, kwargs: dict[str, Any], target: np.ndarray) -> None:
    x, theirs = twins(LOGITS)
    found = []
    for library, logits in ((minigrad, x), (torch, theirs)):
        options = {k: library.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
        loss = getattr(library.nn, name)(**options)
        found.append(loss(logits, library.from_numpy(target)))
        found[-1].sum().backward()
        assert list(loss.state_dict()) == [key for key in ("weight", "pos_weight") if key in kwargs]
    assert gap(*found) < 1e-12 and gap(x.grad, theirs.grad) < 1e-12


def test_every_loss_is_here() -> None:
    own = {
        name for name, value in vars(losses).items() if isinstance(value, type) and value.__module__ == losses.__name__
    }
    assert own == {name for name, *_ in CASES}


@pytest.mark.parametrize("name", ["MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_a_wrong_reduction_is_told_when_the_loss_is_made(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: found reduction='average', expected 'none', 'mean' or 'sum'"):
        getattr(nn, name)(reduction="average")
    with pytest.raises(TypeError, match="'size_average'"):
        getattr(nn, name)(size_average=True)
