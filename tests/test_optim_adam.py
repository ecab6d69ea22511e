"""Adam and AdamW by their formulas: first step, bias, decay of both kinds, and parameters larger than a block."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad.optim import Adam, AdamW, adam
from tests.descents import apart, number

BOTH = [Adam, AdamW]


def moved(kind: Any, x: np.ndarray, gradients: list[np.ndarray], **options: Any) -> np.ndarray:
    """Where the array `x` is after a step for each of `gradients`. It is moved in place."""
    p = minigrad.from_numpy(x).requires_grad_()
    optimizer = kind([p], **options)
    for g in gradients:
        p.grad = minigrad.from_numpy(g)
        optimizer.step()
    return number(p)


@given(st.floats(1e-3, 1e3), st.booleans(), st.floats(1e-4, 1.0))
@settings(max_examples=30)
def test_the_first_step_is_as_long_as_the_learning_rate(size: float, up: bool, lr: float) -> None:
    """Whatever the gradient's size: both running means are freed of their bias, and leave its sign."""
    for kind in BOTH:
        x = moved(kind, np.zeros(1), [np.array([size if up else -size])], lr=lr, eps=0.0)
        assert x[0] == pytest.approx(-lr if up else lr, rel=1e-12)


@given(st.integers(1, 40), st.floats(0.0, 0.99), st.floats(0.0, 0.999), st.floats(0.01, 0.3), st.booleans())
@settings(max_examples=40)
def test_adam_by_its_formulas(steps: int, b1: float, b2: float, eps: float, amsgrad: bool) -> None:
    """Kingma and Ba's algorithm 1 with plain numbers, one after the other."""
    gradients = np.random.default_rng(steps).normal(size=steps) + 0.3
    x, m, v, highest, lr = 0.5, 0.0, 0.0, 0.0, 0.1
    for t, g in enumerate(gradients.tolist(), 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        highest = max(highest, v)
        x -= lr * (m / (1 - b1**t)) / (math.sqrt((highest if amsgrad else v) / (1 - b2**t)) + eps)
    options = {"lr": lr, "betas": (b1, b2), "eps": eps, "amsgrad": amsgrad}
    for kind, decay in ((Adam, {}), (AdamW, {"weight_decay": 0.0})):
        found = moved(kind, np.array([0.5]), [np.array([g]) for g in gradients], **options, **decay)
        assert found[0] == pytest.approx(x, rel=1e-12, abs=1e-12)


def test_decoupled_decay_does_not_pass_through_the_gradient() -> None:
    """Without a slope AdamW shrinks by lr x weight_decay a step; Adam's L2 makes a step of full length of it."""
    none = [np.zeros(2)] * 10
    start = np.array([1.0, -100.0])
    shrunk = moved(AdamW, start.copy(), none, lr=0.1, weight_decay=0.2)
    assert np.allclose(shrunk, start * (1 - 0.1 * 0.2) ** 10, rtol=1e-13)
    l2 = moved(Adam, start.copy(), none[:1], lr=0.1, weight_decay=0.2)
    assert np.allclose(l2, [0.9, -99.9], rtol=1e-6)


def test_the_two_kinds_of_decay_differ_and_agree_without() -> None:
    gradients = [np.random.default_rng(i).normal(size=3) for i in range(20)]
    start = np.array([1.0, -2.0, 0.5])
    with_decay = [moved(kind, start.copy(), gradients, lr=0.05, weight_decay=0.1) for kind in BOTH]
    without = [moved(kind, start.copy(), gradients, lr=0.05, weight_decay=0.0) for kind in BOTH]
    assert np.abs(with_decay[0] - with_decay[1]).min() > 1e-3 and (without[0] == without[1]).all()
    decoupled = moved(Adam, start.copy(), gradients, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)
    assert (decoupled == with_decay[1]).all()


def test_maximize_is_minimizing_the_negative() -> None:
    gradients = [np.random.default_rng(i).normal(size=3) for i in range(20)]
    for kind in BOTH:
        for options in ({}, {"weight_decay": 0.1, "amsgrad": True}):
            up = moved(kind, np.ones(3), gradients, lr=0.05, maximize=True, **options)
            down = moved(kind, np.ones(3), [-g for g in gradients], lr=0.05, **options)
            assert (up == down).all()


# ------------------------------------------------------------------------------------------------------------- blocks

B = adam.BLOCK
WAYS = [
    {"lr": 0.05},
    {"lr": 0.05, "weight_decay": 0.1, "amsgrad": True},
    {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("kind", BOTH)
def test_a_parameter_larger_than_a_block_is_moved_as_its_parts_are(
    kind: Any, options: dict[str, Any], dtype: Any
) -> None:
    """Bit by bit, around the edges of blocks: the same numbers as those of small parameters of their own."""
    for size in (B - 1, B, B + 1, 2 * B, 2 * B + 17):
        rng = np.random.default_rng(size)
        start = rng.normal(size=size).astype(dtype)
        gradients = [rng.normal(size=size).astype(dtype) for _ in range(4)]
        whole = moved(kind, start.copy(), gradients, **options)
        parts = np.concatenate(
            [
                moved(kind, start[i : i + 1000].copy(), [g[i : i + 1000] for g in gradients], **options)
                for i in range(0, size, 1000)
            ]
        )
        assert whole.dtype == dtype and (whole == parts).all()


@pytest.mark.parametrize("layout", ["matrix", "transposed", "every second", "other gradient", "read-only gradient"])
def test_large_parameters_in_every_layout_equal_pytorch(layout: str) -> None:
    rng = np.random.default_rng(0)
    shape = (150, 2 * B // 150 + 3)
    for kind in BOTH:
        paths = []
        for library in (minigrad, torch):
            rng = np.random.default_rng(0)
            base = rng.normal(size=(shape[0], 2 * shape[1]))
            array = {"transposed": np.ascontiguousarray(base[:, ::2].T).T, "every second": base[:, ::2]}.get(
                layout, np.ascontiguousarray(base[:, ::2])
            )
            p = library.from_numpy(array).requires_grad_()
            optimizer = getattr(library.optim, kind.__name__)([p], lr=0.05, weight_decay=0.1, amsgrad=True)
            path = []
            for _ in range(5):
                g = rng.normal(size=shape)
                if layout == "other gradient":
                    g = np.ascontiguousarray(g.T).T
                if layout == "read-only gradient" and library is minigrad:
                    g.setflags(write=False)
                p.grad = library.from_numpy(g)
                optimizer.step()
                path.append([number(p).copy()])
            assert np.shares_memory(number(p), array)
            paths.append(path)
        assert apart(*paths) < 1e-12


def test_large_parameters_leave_their_gradients_alone() -> None:
    g = np.random.default_rng(0).normal(size=2 * B + 5)
    before = g.copy()
    for options in ({}, {"weight_decay": 0.1}, {"maximize": True}):
        moved(Adam, np.ones(2 * B + 5), [g, g], **options)
        assert (g == before).all()


def test_the_state_of_a_large_parameter_is_taken_up() -> None:
    """Saved in the middle and loaded: also for a parameter that lies across memory."""
    rng = np.random.default_rng(0)
    shape = (200, B // 100)
    gradients = [minigrad.tensor(rng.normal(size=shape)) for _ in range(6)]
    for start in (np.ones(shape), np.ones(shape[::-1]).T):
        results = []
        for interrupted in (False, True):
            p = minigrad.from_numpy(start.copy(order="K")).requires_grad_()
            optimizer = AdamW([p], lr=0.1, amsgrad=True)
            for t, g in enumerate(gradients):
                if interrupted and t == 3:
                    state, optimizer = optimizer.state_dict(), AdamW([p], lr=9.0)
                    optimizer.load_state_dict(state)
                p.grad = g
                optimizer.step()
            results.append(number(p).copy())
        assert (results[0] == results[1]).all()


def test_more_blocks_take_no_more_memory() -> None:
    """Scratch space is one block's, not the parameter's."""
    import tracemalloc

    n = 64 * B
    p = minigrad.zeros(n, requires_grad=True)
    p.grad = minigrad.ones(n)
    optimizer = Adam([p], lr=0.1)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n  # of 4 n bytes that the parameter has
