"""Dropout: how much is dropped, how the rest is scaled, one mask for both directions, and when it is the identity."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn.dropout import Dropout
from tests.twins import gap, twins


@given(st.floats(0.01, 0.99), st.integers(0, 99))
@settings(max_examples=30)
def test_each_element_is_zero_or_scaled_up(p: float, seed: int) -> None:
    minigrad.manual_seed(seed)
    x = np.random.default_rng(seed).normal(size=(20, 30)) + 5
    y = F.dropout(minigrad.tensor(x), p).numpy()
    kept = y != 0
    assert np.allclose(y[kept], x[kept] / (1 - p), rtol=1e-14)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_expectation(p: float) -> None:
    """40,000 draws: within four standard deviations; the mean of the output is that of the input."""
    minigrad.manual_seed(1)
    y = F.dropout(minigrad.ones(200, 200, dtype=minigrad.float64), p).numpy()
    sigma = math.sqrt(p * (1 - p) / y.size)
    assert abs((y == 0).mean() - p) < 4 * sigma
    assert abs(y.mean() - 1) < 4 * sigma / (1 - p)
    for axis in (0, 1):  # no row and no column is favoured
        shares = (y == 0).mean(axis)
        assert abs(shares.std() - math.sqrt(p * (1 - p) / 200)) < 0.25 * math.sqrt(p * (1 - p) / 200)


def test_one_mask_forward_and_backward() -> None:
    minigrad.manual_seed(2)
    x = minigrad.tensor(np.random.default_rng(0).normal(size=(8, 9)) + 4, requires_grad=True)
    y = F.dropout(x, 0.4)
    (y * 3).sum().backward()
    mask = (y.detach().numpy() != 0) / 0.6
    assert np.allclose(x.grad.numpy(), 3 * mask, rtol=1e-14) and 0 < mask.mean() < 2
    x.grad = None
    z = F.dropout(x, 0.4)
    (g,) = minigrad.autograd.grad((z**2).sum(), [x], create_graph=True)
    (h,) = minigrad.autograd.grad(g.sum(), [x])
    again = (z.detach().numpy() != 0) / 0.6
    assert np.allclose(h.numpy(), 2 * again**2, rtol=1e-13) and (again != mask).any()


def test_the_derivative_under_one_mask_by_differences() -> None:
    """The generator is started anew for each evaluation, so that all see one mask."""
    x = np.random.default_rng(0).normal(size=6)

    def at(x: np.ndarray) -> Any:
        minigrad.manual_seed(3)
        return (F.dropout(minigrad.tensor(x, requires_grad=True), 0.5) ** 3).sum()

    t = minigrad.tensor(x, requires_grad=True)
    minigrad.manual_seed(3)
    (F.dropout(t, 0.5) ** 3).sum().backward()
    for k in range(6):
        step = np.eye(6)[k] * 1e-6
        assert t.grad[k].item() == pytest.approx((at(x + step) - at(x - step)).item() / 2e-6, abs=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0, 3), (4, 3, 2)], ids=str)
def test_the_ends(shape: tuple[int, ...]) -> None:
    """p=0 changes nothing; p=1 leaves nothing, and no gradient; without training nothing happens: as in PyTorch."""
    for p, training in ((0.0, True), (1.0, True), (0.5, False), (1.0, False), (0, True), (1, True)):
        x, other = twins(np.random.default_rng(0).normal(size=shape))
        y, expected = F.dropout(x, p, training), torch.nn.functional.dropout(other, p, training)
        (y * y).sum().backward()
        (expected * expected).sum().backward()
        assert gap(y, expected) == 0.0 and gap(x.grad, other.grad) == 0.0


def test_float32_stays_float32_and_layouts() -> None:
    minigrad.manual_seed(0)
    for dtype in (np.float32, np.float64):
        for array in (np.ones((3, 4), dtype).T, np.ones((6, 8), dtype)[::2, ::2], np.broadcast_to(dtype(1), (3, 4))):
            x = minigrad.from_numpy(array).requires_grad_()
            for p in (0.3, np.float64(0.3), 1.0):
                y = F.dropout(x, p)
                (g,) = minigrad.autograd.grad(y.sum(), [x])
                assert y.dtype == g.dtype == dtype and y.shape == array.shape
                assert (y.detach().numpy() == g.numpy()).all()


def test_the_input_is_left_alone() -> None:
    x = minigrad.ones(50)
    F.dropout(x, 0.5)
    assert x.tolist() == [1.0] * 50


def test_the_stream_can_be_started_again() -> None:
    def draw() -> Any:
        return F.dropout(minigrad.ones(40), 0.5).tolist()

    minigrad.manual_seed(7)
    first, second = draw(), draw()
    minigrad.manual_seed(7)
    assert [draw(), draw()] == [first, second] and first != second
    minigrad.manual_seed(7)
    F.dropout(minigrad.ones(40), 0.5, training=False)
    nn.Dropout(0.5).eval()(minigrad.ones(40))
    F.dropout(minigrad.ones(40), 0.0)
    assert draw() == first  # what drops nothing draws nothing


def test_the_layer() -> None:
    ours = nn.Dropout(0.3)
    assert isinstance(ours, Dropout) and repr(ours) == repr(torch.nn.Dropout(0.3)) and list(ours.state_dict()) == []
    assert nn.Dropout().p == torch.nn.Dropout().p == 0.5
    x = minigrad.ones(30, 30)
    minigrad.manual_seed(0)
    y = ours(x)
    assert 0.2 < (y.numpy() == 0).mean() < 0.4 and ours(x).tolist() != y.tolist()
    assert ours.eval()(x).tolist() == x.tolist()
    assert ours.train()(x).tolist() != x.tolist()


def test_inside_a_network() -> None:
    """`eval()` and `train()` of the whole reach it; each call draws a mask of its own; only what was kept learns."""
    minigrad.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 1))
    x = minigrad.randn(8, 4)
    noisy = [net(x).tolist() for _ in range(2)]
    assert noisy[0] != noisy[1]
    net.eval()
    assert net(x).tolist() == net(x).tolist() != noisy[0]
    net.train()
    net(x[:1]).sum().backward()
    silent = (net[0].weight.grad.numpy() == 0).all(1)
    assert (net[3].weight.grad.numpy()[0] == 0).sum() >= 15 and silent.sum() >= 15


def test_the_expectation_over_masks_is_what_evaluation_computes() -> None:
    """For a network that is linear after the dropout: the mean of 4,000 noisy answers is the one without noise."""
    minigrad.manual_seed(0)
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(10, 1)).double()
    x = minigrad.tensor(np.random.default_rng(0).normal(size=(1, 10)))
    answers = net(x.expand(4000, 10)).detach().numpy()
    exact = net.eval()(x).item()
    assert abs(answers.mean() - exact) < 4 * answers.std() / math.sqrt(4000) and answers.std() > 0.1


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: nn.Dropout(50), ValueError, "Dropout: found p=50, expected a probability from 0 to 1"),
        (lambda: nn.Dropout(-0.1), ValueError, "Dropout: found p=-0.1"),
        (lambda: nn.Dropout(math.nan), ValueError, "Dropout: found p=nan"),
        (lambda: nn.Dropout("0.5"), (TypeError, ValueError), "0.5|str"),
        (lambda: F.dropout(minigrad.ones(2), 1.5), ValueError, "dropout: found p=1.5"),
        (lambda: F.dropout(minigrad.ones(2), 1.5, training=False), ValueError, "dropout: found p=1.5"),
        (lambda: F.dropout(minigrad.arange(3)), TypeError, "dropout: found .*floats"),
        (lambda: F.dropout([1.0, 2.0]), TypeError, r"dropout: found .*tensor\(...\)"),
        (lambda: F.dropout(minigrad.ones(2), inplace=True), TypeError, "inplace"),
        (lambda: nn.Dropout(0.5, inplace=True), TypeError, "inplace"),
    ],
)
def test_refused(wrong: Callable[[], Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()
