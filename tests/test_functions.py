"""Functions of a dimension, of several tensors, and of a condition, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import functions
from tests.twins import assert_twins, gap

A = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def both(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function of the library and tensors, once for each library."""
    return [lambda *xs: function(minigrad, *xs), lambda *xs: function(torch, *xs)]


CALLS: dict[str, Callable[..., Any]] = {
    "stack": lambda t, a, b: t.stack([a, b], dim=1),
    "stack at the end": lambda t, a, b: t.stack((a, b), -1),
    "cat": lambda t, a, b: t.cat([a, b, a], dim=-1),
    "cat of one": lambda t, a, b: t.cat([a * b]),
    "where": lambda t, a, b: t.where(a > 0, a * b, b),
    "where with a number": lambda t, a, b: t.where(a > 0, a, -1.0) + t.where(a > 0, 2, b),
    "where with a row": lambda t, a, b: t.where(a[0] > 0, a, b),
    "gather": lambda t, a, b: t.gather(a, 1, t.tensor([[0, 0], [2, 1]])) * b[:, :2],
    "clamp": lambda t, a, b: t.clamp(a, min=-0.6, max=1.0) + t.clamp(b, max=0.3),
    "abs": lambda t, a, b: t.abs(a) * b,
    "logsumexp": lambda t, a, b: t.logsumexp(a, dim=(0, 1), keepdim=True) * b,
    "logsumexp without the axis": lambda t, a, b: t.logsumexp(a, 1) + b.sum(1),
    "softmax": lambda t, a, b: t.softmax(a, dim=-1) * b,
    "log_softmax": lambda t, a, b: t.log_softmax(a, dim=0) * b,
    "softmax in float64": lambda t, a, b: t.softmax(a, 0, dtype=t.float64) * b,
    "maximum": lambda t, a, b: t.maximum(a, b) - t.minimum(a, b * 0.5),
    "matmul": lambda t, a, b: t.matmul(a, b.T),
    "names of one tensor": lambda t, a, b: t.exp(a) + t.log(t.abs(b)) + t.sqrt(a * a) + t.sin(a) * t.cos(b),
    "more of them": lambda t, a, b: t.tanh(a) * t.sigmoid(b) + t.relu(a),
}


@pytest.mark.parametrize("name", CALLS)
def test_equals_pytorch(name: str) -> None:
    assert_twins(*both(CALLS[name]), A, A[::-1] + 0.1)


@pytest.mark.parametrize(("a", "b"), [(1.0, 2), (1, 2), (True, False), (1.5, 2.5)])
def test_where_of_two_numbers(a: Any, b: Any) -> None:
    condition = [True, False]
    ours, theirs = minigrad.where(minigrad.tensor(condition), a, b), torch.where(torch.tensor(condition), a, b)
    assert gap(ours, theirs) == 0.0


def test_dtype_of_softmax() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    out = minigrad.log_softmax(x, 0, dtype=minigrad.float64)
    out[0].backward()
    assert out.dtype == np.float64 and x.grad.dtype == np.float32


def test_cat_takes_the_dtype_of_the_widest() -> None:
    x, y = minigrad.tensor([1.0], requires_grad=True), minigrad.tensor(np.array([2.0]), requires_grad=True)
    out = minigrad.cat([x, y, minigrad.tensor([3])])
    out.sum().backward()
    assert (out.dtype, x.grad.dtype, y.grad.dtype) == (np.float64, np.float32, np.float64)


@pytest.mark.parametrize("close", [0.0, 1e-9, 1e-3, np.nan, np.inf])
def test_allclose(close: float) -> None:
    a, b = np.array([1.0, np.inf]), np.array([1.0 + close, np.inf])
    for options in ({}, {"rtol": 1e-2}, {"atol": 1e-2}, {"equal_nan": True}):
        ours = minigrad.allclose(minigrad.tensor(a), minigrad.tensor(b), **options)
        assert ours is torch.allclose(torch.tensor(a), torch.tensor(b), **options)
    nan = minigrad.tensor([np.nan])
    assert minigrad.allclose(nan, nan, equal_nan=True) and not minigrad.allclose(nan, nan)


x2, x3 = minigrad.ones(2), minigrad.ones(3)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (
            lambda: minigrad.stack([x2, x3]),
            ValueError,
            r"stack: expected .* one shape for all, found \[\(2,\), \(3,\)\]",
        ),
        (lambda: minigrad.stack([]), ValueError, "stack: expected at least one tensor"),
        (lambda: minigrad.stack([x2, 1.0]), TypeError, r"stack: expected tensors, found 1.0 \(float\) in place 1"),
        (lambda: minigrad.cat([]), ValueError, "cat: found no tensors, expected at least one"),
        (lambda: minigrad.cat([x2, [1.0]]), TypeError, r"cat: expected tensors, found \[1.0\] \(list\) in place 1"),
        (lambda: minigrad.cat([minigrad.tensor(1.0)]), ValueError, "cat: 0-d tensors have no axis .* use stack"),
        (
            lambda: minigrad.cat([minigrad.ones(2, 3), minigrad.ones(3, 2)]),
            ValueError,
            r"cat: all axes but 0 must agree, found shapes \[\(2, 3\), \(3, 2\)\]",
        ),
        (lambda: minigrad.cat([x2, x2], 1), IndexError, r"dim: found 1, but shape \(2,\) has axes -1 to 0"),
        (lambda: minigrad.cat(minigrad.ones(2)), ValueError, "cat: 0-d tensors have no axis"),
        (
            lambda: minigrad.allclose(x2, [1.0, 1.0]),
            TypeError,
            r"allclose: expected tensors, found \[1.0, 1.0\] \(list\)",
        ),
        (lambda: minigrad.softmax(x2), TypeError, "'dim'"),
        (lambda: minigrad.where([True, False], x2, x3), ValueError, "where: shapes"),
    ],
)
def test_errors(wrong: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_every_public_function_is_tested_here() -> None:
    public = {name for name, home in minigrad.HOME.items() if home == "functions"}
    assert public <= vars(functions).keys()
    assert public - {"allclose"} <= set(" ".join(CALLS).split())
