"""Tensors from nothing, against PyTorch: values, dtypes, shapes, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad.creation import float32, float64, int64
from tests.twins import gap

SAME: list[Callable[[Any], Any]] = [
    lambda t: t.zeros(3),
    lambda t: t.zeros(2, 3),
    lambda t: t.zeros((2, 3)),
    lambda t: t.zeros([2, 3], dtype=t.float64),
    lambda t: t.zeros(()),
    lambda t: t.zeros(0, 2),
    lambda t: t.ones(2, dtype=t.int64),
    lambda t: t.full((2, 2), 3),
    lambda t: t.full((2,), 3.0),
    lambda t: t.full((), True),
    lambda t: t.full((2,), 3, dtype=t.float64),
    lambda t: t.zeros_like(t.ones(2, 3)),
    lambda t: t.zeros_like(t.arange(3)),
    lambda t: t.ones_like(t.zeros(2, dtype=t.float64)),
    lambda t: t.ones_like(t.arange(3), dtype=t.float32),
    lambda t: t.arange(4),
    lambda t: t.arange(4.0),
    lambda t: t.arange(1, 7, 2),
    lambda t: t.arange(5, 1, -2),
    lambda t: t.arange(0, 1, 0.25),
    lambda t: t.arange(3, 3),
    lambda t: t.arange(1, 2, 0.3, dtype=t.float64),
    lambda t: t.linspace(0, 1, 5),
    lambda t: t.linspace(3, -2, 7, dtype=t.float64),
    lambda t: t.linspace(0, 1, 1),
    lambda t: t.linspace(0, 1, 0),
    lambda t: t.linspace(t.tensor(0.5), t.tensor(2), 4, dtype=t.float64),
    lambda t: t.tensor([[1, 2]], dtype=t.float64),
    lambda t: t.tensor(3.5, device="cpu"),
    lambda t: t.zeros(2, device="cpu"),
    lambda t: t.from_numpy(np.arange(6.0).reshape(2, 3).T),
]


@pytest.mark.parametrize("number", range(len(SAME)))
def test_equals_pytorch(number: int) -> None:
    assert gap(SAME[number](minigrad), SAME[number](torch)) < 1e-12


FLOATING: list[Callable[[Any], Any]] = [
    lambda **k: minigrad.tensor([1.0], **k),
    lambda **k: minigrad.zeros(2, **k),
    lambda **k: minigrad.ones(2, **k),
    lambda **k: minigrad.full((2,), 1.5, **k),
    lambda **k: minigrad.zeros_like(minigrad.ones(2), **k),
    lambda **k: minigrad.ones_like(minigrad.ones(2), **k),
    lambda **k: minigrad.arange(3.0, **k),
    lambda **k: minigrad.linspace(0, 1, 3, **k),
    lambda **k: minigrad.rand(3, **k),
    lambda **k: minigrad.randn(3, **k),
]


@pytest.mark.parametrize("number", range(len(FLOATING)))
def test_arguments_that_all_share(number: int) -> None:
    make = FLOATING[number]
    assert make().requires_grad is False and make().dtype == float32
    x = make(requires_grad=True, dtype=float64, device="cpu")
    x.sum().backward()
    assert x.is_leaf and x.dtype == float64 and x.grad.tolist() == [1.0] * x.numel()
    with pytest.raises(RuntimeError, match="only floating-point tensors have gradients"):
        make(requires_grad=True, dtype=int64)
    with pytest.raises(ValueError, match=r"found device='cuda', expected 'cpu': there is no other"):
        make(device="cuda")
    with pytest.raises(TypeError, match="'layout'"):
        make(layout=1)


def test_from_numpy_shares_memory() -> None:
    array = np.zeros(2)
    x = minigrad.from_numpy(array)
    array[0] = 1.0
    x[1] = 2.0
    assert x.tolist() == array.tolist() == [1.0, 2.0] and x.dtype == float64
    for wrong in ([1.0], 2.0, minigrad.zeros(1), np.array(["a"]), np.array([1j]), np.array([None])):
        with pytest.raises(
            TypeError, match=r"from_numpy: found .*, expected a NumPy array of numbers; use tensor\(...\)"
        ):
            minigrad.from_numpy(wrong)


def test_default_dtype() -> None:
    for wrong in (int64, np.float16, np.complex128):
        with pytest.raises(TypeError, match=r"set_default_dtype: found .* expected float32 or float64"):
            minigrad.set_default_dtype(wrong)
    minigrad.set_default_dtype(float64)
    try:
        assert {make().dtype for make in FLOATING} == {np.dtype(float64)}
        assert repr(minigrad.zeros(1)) == "tensor([0.])"
    finally:
        minigrad.set_default_dtype(float32)


def test_uniform_and_normal_draws() -> None:
    minigrad.manual_seed(0)
    u, n = minigrad.rand(50_000, dtype=float64), minigrad.randn(50_000)
    assert u.min().item() >= 0.0 and u.max().item() < 1.0
    assert abs(u.mean().item() - 0.5) < 0.01 and abs(u.var().item() - 1 / 12) < 0.002
    assert abs(n.mean().item()) < 0.02 and abs(n.std().item() - 1.0) < 0.02
    assert minigrad.rand(2, 3).shape == minigrad.randn((2, 3)).shape == (2, 3)


def test_whole_draws() -> None:
    minigrad.manual_seed(0)
    x = minigrad.randint(3, 7, (1000,))
    assert x.dtype == int64 and set(x.tolist()) == {3, 4, 5, 6}
    assert set(minigrad.randint(2, (100,)).tolist()) == {0, 1}
    assert minigrad.randint(2, size=(4, 0)).shape == (4, 0)
    assert minigrad.randint(5, 6, (2,), dtype=float32).tolist() == [5.0, 5.0]
    with pytest.raises(ValueError, match="low >= high"):
        minigrad.randint(3, 3, (2,))


def test_multinomial_draws_by_weight() -> None:
    minigrad.manual_seed(0)
    weights = minigrad.tensor([1.0, 0.0, 3.0])
    draws = minigrad.multinomial(weights, 20_000, replacement=True)
    share = (draws == 2).double().mean().item()
    assert draws.dtype == int64 and not (draws == 1).any().item() and abs(share - 0.75) < 0.01
    rows = minigrad.multinomial(minigrad.tensor([[0.0, 1.0], [5.0, 0.0]]), 1)
    assert rows.tolist() == [[1], [0]]
    once = minigrad.multinomial(minigrad.tensor([1.0, 2.0, 3.0]), 3)
    assert sorted(once.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("weights", "draws", "message"),
    [
        ([-1.0, 2.0], 1, "multinomial: weights must be finite, not negative, and not all 0"),
        ([0.0, 0.0], 1, "not all 0"),
        ([math.nan, 1.0], 1, "finite"),
        ([math.inf, 1.0], 1, "finite"),
        ([1.0, 0.0, 2.0], 3, "3 draws without replacement need as many positive weights"),
    ],
)
def test_multinomial_refuses(weights: list[float], draws: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minigrad.multinomial(minigrad.tensor(weights), draws)
