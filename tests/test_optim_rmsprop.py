"""RMSprop by its formula, with plain numbers; against PyTorch see test_optim_optimizer.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad.optim import RMSprop, rmsprop
from tests.descents import apart, number


def path(library: Any, gradients: list[float], start: float = 0.5, **options: Any) -> list[list[np.ndarray]]:
    """Where a single number goes."""
    p = library.from_numpy(np.array([start])).requires_grad_()
    optimizer = library.optim.RMSprop([p], **options)
    seen = []
    for g in gradients:
        p.grad = library.from_numpy(np.array([g]))
        optimizer.step()
        seen.append([number(p).copy()])
    return seen


@given(st.integers(1, 40), st.floats(0.05, 0.99), st.floats(0.01, 0.3), st.floats(0.0, 0.9), st.booleans())
@settings(max_examples=40)
def test_by_its_formula(steps: int, alpha: float, eps: float, momentum: float, centered: bool) -> None:
    gradients = (np.random.default_rng(steps).normal(size=steps) + 0.3).tolist()
    x, v, mean, buffer, lr = 0.5, 0.0, 0.0, 0.0, 0.1
    for g in gradients:
        v, mean = alpha * v + (1 - alpha) * g * g, alpha * mean + (1 - alpha) * g
        buffer = momentum * buffer + g / (math.sqrt(max(v - mean**2 if centered else v, 0)) + eps)
        x -= lr * buffer
    found = path(minigrad, gradients, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=centered)
    assert found[-1][0][0] == pytest.approx(x, rel=1e-6, abs=1e-6)


@given(st.floats(1e-3, 1e3), st.booleans())
@settings(max_examples=30)
def test_steps_do_not_depend_on_the_gradients_size(size: float, up: bool) -> None:
    """The first is lr / sqrt(1 - alpha) long: unlike Adam's it is not freed of its bias. Later ones tend to lr."""
    g = size if up else -size
    seen = [x[0][0] for x in path(minigrad, [g] * 60, 0.0, lr=0.1, alpha=0.75, eps=0.0)]
    assert abs(seen[0]) == pytest.approx(0.1 / math.sqrt(0.25), rel=1e-12)
    assert abs(seen[-1] - seen[-2]) == pytest.approx(0.1, rel=1e-6) and (seen[-1] < 0) == up


@pytest.mark.parametrize("g", [1.0, 0.1, 1 / 3, 1e-4, 123.456, 0.7])
@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_centered_where_the_gradient_does_not_vary(g: float, alpha: float) -> None:
    """The variance tends to 0, and rounding takes it below: PyTorch's parameters become NaN, here they do not."""
    options = {"lr": 1e-12, "alpha": alpha, "centered": True, "eps": 1e-3}
    ours, theirs = path(minigrad, [g] * 150, 0.0, **options), path(torch, [g] * 150, 0.0, **options)
    found, expected = np.array(ours).reshape(-1), np.array(theirs).reshape(-1)
    assert np.allclose(found[:15], expected[:15], rtol=1e-6, atol=0) and np.isfinite(found).all()


def test_weight_decay_is_part_of_the_gradient() -> None:
    """So it is divided as well: with no other gradient, weights of any size fall by the same."""
    a, b = (path(minigrad, [0.0] * 3, start, lr=0.1, weight_decay=0.2, eps=0.0) for start in (1.0, 100.0))
    assert 1 - a[0][0][0] == pytest.approx(100 - b[0][0][0], rel=1e-12)
    assert apart(a, path(torch, [0.0] * 3, 1.0, lr=0.1, weight_decay=0.2, eps=0.0)) < 1e-13


def test_public_name() -> None:
    assert RMSprop is rmsprop.RMSprop and minigrad.optim.RMSprop is RMSprop
