"""Clipping against PyTorch: norms, what is returned, what is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import nn, optim
from minigrad.nn import utils
from minigrad.nn.utils import clip_grad_norm_, clip_grad_value_

SHAPES: list[tuple[int, ...]] = [(3,), (2, 4), (), (0, 2), (5, 1)]
NORMS = [2.0, 1.0, math.inf, 3.0, 0.5, 2, 1, 0.0, -math.inf]


def parameters(library: Any, dtype: Any = np.float64, scale: float = 1.0) -> list[Any]:
    """Parameters with gradients, one of which lies across memory; the last has none."""
    rng = np.random.default_rng(0)
    made = []
    for i, shape in enumerate(SHAPES):
        p = library.from_numpy(np.asarray(rng.normal(size=shape), dtype)).requires_grad_()
        g = np.asarray(rng.normal(size=shape) * scale, dtype)
        g = np.ascontiguousarray(g.T).T if g.ndim == 2 else g
        p.grad = None if i == 4 else library.from_numpy(g)
        made.append(p)
    return made


def grads(made: list[Any]) -> list[Any]:
    return [None if p.grad is None else p.grad.numpy() for p in made]


def same(a: list[Any], b: list[Any], tolerance: float = 1e-13) -> bool:
    return all(
        (x is None and y is None)
        or (x.dtype == y.dtype and np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True))
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.1, 1.0, 2.0, 100.0, 0.0, math.inf])
def test_clip_grad_norm_equals_pytorch(max_norm: float, norm_type: float) -> None:
    ours, theirs = parameters(minigrad), parameters(torch)
    if norm_type in (0.0, math.inf, -math.inf):  # PyTorch refuses to take such a norm of nothing
        theirs[3].grad = None
    if norm_type in (0.0, -math.inf):
        ours[3].grad = None
    total = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.item() == pytest.approx(expected.item(), rel=1e-13) and total.shape == ()
    assert str(total.dtype) == "float64" and not total.requires_grad
    assert same(
        [g for g in grads(ours) if g is not None and g.size], [g for g in grads(theirs) if g is not None and g.size]
    )


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_the_norm_afterwards_is_at_most_the_largest_that_is_allowed(scale: float, max_norm: float) -> None:
    """And the direction is the old one."""
    made = parameters(minigrad, scale=scale)
    before = np.concatenate([g.reshape(-1) for g in grads(made) if g is not None])
    total = clip_grad_norm_(made, max_norm).item()
    after = np.concatenate([g.reshape(-1) for g in grads(made) if g is not None])
    assert total == pytest.approx(np.linalg.norm(before), rel=1e-12)
    assert np.linalg.norm(after) <= max_norm
    if total > max_norm:
        assert np.linalg.norm(after) == pytest.approx(max_norm, rel=1e-6 / total + 1e-9)
        assert np.allclose(after / np.linalg.norm(after), before / total, atol=1e-12)


def test_gradients_that_are_small_enough_are_left_as_they_are_bit_by_bit() -> None:
    made = parameters(minigrad)
    before = [None if g is None else g.copy() for g in grads(made)]
    for norm_type in (2.0, 1.0, math.inf):
        clip_grad_norm_(made, 1e4, norm_type)
        assert all((a is None and b is None) or (a == b).all() for a, b in zip(grads(made), before, strict=True))


def test_in_place() -> None:
    """The arrays that others hold are the ones that are scaled."""
    p = minigrad.ones(2, requires_grad=True)
    p.grad = minigrad.tensor([3.0, 4.0])
    held = p.grad
    assert clip_grad_norm_([p], 1.0).item() == 5.0
    assert p.grad is held and np.allclose(held.tolist(), [0.6, 0.8])
    clip_grad_value_([p], 0.7)
    assert np.allclose(held.tolist(), [0.6, 0.7])


def test_a_graph_that_still_needs_the_gradient_notices() -> None:
    for clip in (lambda p: clip_grad_norm_([p], 0.1), lambda p: clip_grad_value_([p], 0.1)):
        p = minigrad.ones(2, requires_grad=True)
        (p**3).sum().backward(create_graph=True)
        y = (p.grad * p.grad).sum()
        with minigrad.no_grad():
            clip(p)
        with pytest.raises(RuntimeError, match="in place"):
            y.backward()


def test_nothing_to_clip() -> None:
    p = minigrad.ones(2, requires_grad=True)
    for made in ([p], [], iter([])):
        total = clip_grad_norm_(made, 1.0)
        clip_grad_value_(made, 1.0)
        assert total.item() == 0.0 and total.shape == () and total.dtype == np.float32
    assert p.grad is None


def test_a_generator_and_a_single_tensor() -> None:
    for given_as in (lambda layer: layer.parameters(), lambda layer: layer.weight):
        results = []
        for library in (minigrad, torch):
            layer = library.nn.Linear(2, 1).double()
            layer.load_state_dict({"weight": library.ones(1, 2).double(), "bias": library.ones(1).double()})
            (layer(library.ones(3, 2).double()) ** 2).sum().backward()
            total = library.nn.utils.clip_grad_norm_(given_as(layer), 2.0).item()
            first = layer.weight.grad.tolist()
            library.nn.utils.clip_grad_value_(given_as(layer), 0.5)
            results.append([total, *first[0], *layer.weight.grad.tolist()[0], *layer.bias.grad.tolist()])
        assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_float32_stays_float32() -> None:
    for options in ({}, {"norm_type": 1.0}, {"norm_type": math.inf}):
        ours, theirs = parameters(minigrad, np.float32), parameters(torch, np.float32)
        ours[3].grad = theirs[3].grad = None  # PyTorch finds no largest element in nothing
        total, expected = clip_grad_norm_(ours, 0.5, **options), torch.nn.utils.clip_grad_norm_(theirs, 0.5, **options)
        assert total.dtype == np.float32 and total.item() == pytest.approx(expected.item(), rel=1e-6)
        assert same(grads(ours), grads(theirs), 1e-6)
        for limit in (0.1, np.float64(0.05)):
            clip_grad_value_(ours, limit)
            torch.nn.utils.clip_grad_value_(theirs, float(limit))
            assert same(grads(ours), grads(theirs), 1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_no_number(bad: float) -> None:
    """As in PyTorch: NaN spreads to all gradients, infinity makes the others 0; on request it is an error first."""
    results = []
    for library in (minigrad, torch):
        made = [library.ones(3, requires_grad=True), library.ones(1, requires_grad=True)]
        for refuse in (True, False):
            made[0].grad, made[1].grad = library.tensor([3.0, bad, 0.0]), library.tensor([1.0])
            if refuse:
                with pytest.raises(RuntimeError, match="norm"):
                    library.nn.utils.clip_grad_norm_(made, 1.0, error_if_nonfinite=True)
                assert made[0].grad.tolist()[0] == 3.0 and made[1].grad.tolist() == [1.0]
            else:
                with np.errstate(invalid="ignore"):
                    total = library.nn.utils.clip_grad_norm_(made, 1.0)
        results.append([total.item(), *grads(made)])
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*results, strict=True))


@given(st.floats(0.0, 5.0))
@settings(max_examples=20)
def test_clip_grad_value_equals_pytorch(limit: float) -> None:
    ours, theirs = parameters(minigrad, scale=3.0), parameters(torch, scale=3.0)
    assert clip_grad_value_(ours, limit) is None
    torch.nn.utils.clip_grad_value_(theirs, limit)
    assert same(grads(ours), grads(theirs), 0.0)
    assert max(np.abs(g).max(initial=0) for g in grads(ours) if g is not None) <= limit


def test_clipping_keeps_a_step_small() -> None:
    """What it is for: a gradient that explodes moves the weight by at most lr x max_norm."""
    p = minigrad.tensor([30.0, -20.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1)
    before = np.array(p.tolist())
    (p**4).sum().backward()
    clip_grad_norm_([p], 1.0)
    optimizer.step()
    assert np.linalg.norm(p.detach().numpy() - before) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda p: clip_grad_norm_([p], "one"), (TypeError, ValueError), "one"),
        (lambda p: clip_grad_norm_([p], 1.0, foreach=True), TypeError, "foreach"),
        (lambda p: clip_grad_value_([p], 1.0, foreach=True), TypeError, "foreach"),
    ],
)
def test_refused(wrong: Callable[[Any], Any], kind: Any, message: str) -> None:
    p = minigrad.ones(2, requires_grad=True)
    p.grad = minigrad.ones(2)
    with pytest.raises(kind, match=message):
        wrong(p)
    assert p.grad.tolist() == [1.0, 1.0]


def test_public_names() -> None:
    assert nn.utils is utils and nn.utils.clip_grad_norm_ is clip_grad_norm_
