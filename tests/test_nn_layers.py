"""Layers against PyTorch: with its weights, forward and every gradient; and how they start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from minigrad.nn import layers
from tests.twins import gap, twins

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Linear", (3, 2), {}, (4, 3)),
    ("Linear", (3, 2), {}, (3,)),
    ("Linear", (3, 2), {}, (0, 3)),
    ("Linear", (3, 2), {}, (2, 2, 3)),
    ("Linear", (3, 2), {"bias": False}, (4, 3)),
    ("Linear", (2, 0), {}, (4, 2)),
    ("Identity", (), {}, (4, 3)),
    ("Flatten", (), {}, (4, 3, 2)),
    ("Flatten", (), {"start_dim": 0, "end_dim": 1}, (4, 3, 2)),
    ("ReLU", (), {}, (4, 3)),
    ("Tanh", (), {}, (4, 3)),
    ("Sigmoid", (), {}, (4, 3)),
    ("Softmax", (), {"dim": 1}, (4, 3)),
    ("Softmax", (), {"dim": -2}, (4, 3, 2)),
    ("GELU", (), {}, (4, 3)),
    ("GELU", ("tanh",), {}, (4, 3)),
]


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS)
def test_equals_pytorch(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = getattr(nn, name)(*args, **kwargs).double(), getattr(torch.nn, name)(*args, **kwargs).double()
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x, other = twins(np.random.default_rng(0).normal(size=shape))
    out, expected = ours(x), theirs(other)
    assert gap(out, expected) < 1e-12
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    assert gap(x.grad, other.grad) < 1e-12
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert gap(p.grad, q.grad) < 1e-12
    assert repr(ours) == (repr(theirs) if name != "Flatten" else "Flatten()")


def test_every_layer_is_here() -> None:
    own = {
        name for name, value in vars(layers).items() if isinstance(value, type) and value.__module__ == layers.__name__
    }
    assert own == {name for name, *_ in LAYERS}


def test_linear_starts_like_pytorchs() -> None:
    """Uniform within 1/sqrt(in): the spread of 40,000 draws, and none beyond the bound."""
    minigrad.manual_seed(0)
    layer, bound = nn.Linear(100, 400), 1 / math.sqrt(100)
    theirs = torch.nn.Linear(100, 400)
    for ours, p in ((layer.weight, theirs.weight), (layer.bias, theirs.bias)):
        assert ours.shape == tuple(p.shape) and ours.requires_grad and ours.is_leaf and ours.dtype == np.float32
        assert ours.abs().max().item() <= bound and p.abs().max().item() <= bound
        assert abs(ours.std().item() - bound / math.sqrt(3)) < 0.05 * bound
        assert abs(ours.mean().item()) < 0.08 * bound


def test_linear_in_another_dtype_and_from_nothing() -> None:
    layer = nn.Linear(2, 3, dtype=minigrad.float64)
    assert (
        layer.weight.dtype == layer.bias.dtype == layer(minigrad.ones(1, 2, dtype=minigrad.float64)).dtype == np.float64
    )
    assert nn.Linear(0, 2)(minigrad.ones(3, 0)).tolist() == [[0.0, 0.0]] * 3
    assert nn.Linear(2, 3, bias=False).bias is None


def test_the_default_dtype_is_kept() -> None:
    minigrad.set_default_dtype(minigrad.float64)
    try:
        assert nn.Linear(2, 3).weight.dtype == np.float64
    finally:
        minigrad.set_default_dtype(minigrad.float32)
