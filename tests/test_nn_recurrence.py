"""Whole sequences as one operation: the same as their steps, whatever the shapes and whoever wants gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import nn
from minigrad.autograd import gradcheck, gradgradcheck
from minigrad.nn import recurrence

# The sequence, its composition, how many gates, how many states, options.
SEQUENCES: dict[str, tuple[Callable[..., Any], Callable[..., Any], int, int, dict[str, Any]]] = {
    "tanh": (recurrence.rnn_sequence, recurrence.composed_rnn, 1, 1, {"nonlinearity": "tanh"}),
    "relu": (recurrence.rnn_sequence, recurrence.composed_rnn, 1, 1, {"nonlinearity": "relu"}),
    "lstm": (recurrence.lstm_sequence, recurrence.composed_lstm, 4, 2, {}),
    "gru": (recurrence.gru_sequence, recurrence.composed_gru, 3, 1, {}),
}


def arrays(name: str, steps: int, batch: int, size: int, hidden: int, bias: bool = True, seed: int = 0) -> list[Any]:
    """Input, first states, two weights, two biases (or None)."""
    draw = np.random.default_rng(seed).normal
    _, _, gates, parts, _ = SEQUENCES[name]
    rows = gates * hidden
    biases = [draw(size=rows) if bias else None for _ in range(2)]
    return [
        draw(size=(steps, batch, size)),
        *(draw(size=(batch, hidden)) for _ in range(parts)),
        draw(size=(rows, size)),
        draw(size=(rows, hidden)),
        *biases,
    ]


def tensors(values: list[Any], wanted: Any = None) -> list[Any]:
    """Leaves over the arrays; those not `wanted` are data; None stays."""
    wanted = [True] * len(values) if wanted is None else wanted
    return [
        None if v is None else minigrad.tensor(v, requires_grad=bool(w)) for v, w in zip(values, wanted, strict=True)
    ]


def derivatives(function: Callable[..., Any], values: list[Any], wanted: Any, **options: Any) -> list[Any]:
    """Value, gradients on arrays, gradients on tensors, second derivatives."""
    inputs = tensors(values, wanted)
    learned = [x for x in inputs if x is not None and x.requires_grad]
    y = function(*inputs, **options)
    loss = (y * minigrad.tensor(np.random.default_rng(1).normal(size=y.shape))).sum() + (y * y).sum() * 0.5
    first = minigrad.autograd.grad(loss, learned, retain_graph=True)
    traced = minigrad.autograd.grad(loss, learned, create_graph=True)
    second = minigrad.autograd.grad(sum((g * g).sum() for g in traced), learned)
    return [v.detach().numpy() for v in (y, *first, *traced, *second)]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        scale = np.abs(b).max(initial=1.0)
        assert a.shape == b.shape and a.dtype == b.dtype and np.abs(a - b).max(initial=0.0) < 1e-11 * scale


@given(
    st.sampled_from(sorted(SEQUENCES)), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4),
    st.booleans(), st.integers(0, 9999),
)  # fmt: skip
@settings(max_examples=40)
def test_fused_is_its_composition(
    name: str, steps: int, batch: int, size: int, hidden: int, bias: bool, seed: int
) -> None:
    """Value, first and second derivatives by everything."""
    fused, composed, _, _, options = SEQUENCES[name]
    values = arrays(name, steps, batch, size, hidden, bias, seed)
    assert_same(derivatives(fused, values, None, **options), derivatives(composed, values, None, **options))


@pytest.mark.parametrize("name", SEQUENCES)
def test_whoever_wants_a_gradient(name: str) -> None:
    """Each input alone, and all but one: input data, frozen weights, a first state that is learned."""
    fused, composed, _, _, options = SEQUENCES[name]
    values = arrays(name, 3, 2, 2, 3)
    n = len(values)
    for wanted in [np.eye(n)[i] for i in range(n)] + [1 - np.eye(n)[i] for i in range(n)]:
        assert_same(derivatives(fused, values, wanted, **options), derivatives(composed, values, wanted, **options))


@pytest.mark.parametrize("name", SEQUENCES)
def test_central_differences(name: str) -> None:
    fused, _, _, _, options = SEQUENCES[name]
    inputs = tensors(arrays(name, 3, 2, 2, 2, seed=4))
    assert gradcheck(lambda *xs: fused(*xs, **options), inputs)
    rest = [x.detach() for x in inputs[2:]]
    assert gradgradcheck(lambda x, h: fused(x, h, *rest, **options), inputs[:2])


@pytest.mark.parametrize("name", SEQUENCES)
def test_on_plain_arrays(name: str) -> None:
    """Called with arrays, a primitive returns an array: the same numbers."""
    fused, _, _, _, options = SEQUENCES[name]
    values = arrays(name, 4, 2, 2, 3)
    out = fused(*values, **options)
    assert isinstance(out, np.ndarray) and (out == fused(*tensors(values), **options).detach().numpy()).all()


@pytest.mark.parametrize("name", SEQUENCES)
def test_no_input_is_written_to_and_no_output_is_shared(name: str) -> None:
    fused, _, _, _, options = SEQUENCES[name]
    values = arrays(name, 4, 2, 2, 3)
    before = [v.copy() for v in values]
    inputs = tensors(values)
    for x, v in zip(inputs, values, strict=True):
        x.detach().numpy().setflags(write=False)
        v.setflags(write=False)
    y = fused(*inputs, **options)
    again = fused(*inputs, **options)
    assert not np.shares_memory(y.detach().numpy(), again.detach().numpy())
    (y * y).sum().backward(retain_graph=True)
    first = [x.grad.numpy().copy() for x in inputs]
    for x in inputs:
        x.grad = None
    (y * y).sum().backward()
    assert all((x.grad.numpy() == g).all() for x, g in zip(inputs, first, strict=True))
    assert all((v == b).all() for v, b in zip(values, before, strict=True))
    grads = [x.grad.numpy() for x in inputs]
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(grads, 2))


@pytest.mark.parametrize("name", SEQUENCES)
def test_layouts(name: str) -> None:
    """Weights and first states that are views: transposed, or every second element."""
    fused, composed, _, _, options = SEQUENCES[name]
    values = arrays(name, 3, 2, 2, 3)
    for layout in (np.asfortranarray, lambda v: np.repeat(v, 2, axis=-1)[..., ::2], lambda v: v[::-1].copy()[::-1]):
        inputs = [minigrad.from_numpy(layout(v)).requires_grad_() for v in values]
        plain = tensors(values)
        results = []
        for xs, f in ((inputs, fused), (plain, composed)):
            y = f(*xs, **options)
            results.append([y, *minigrad.autograd.grad((y * y).sum(), xs)])
        assert_same(*[[v.detach().numpy() for v in r] for r in results])


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_long_sequence_needs_no_recursion_and_time_in_proportion(name: str) -> None:
    """2,000 steps, forward and backward, fused and composed; the graph of the fused one is a single node."""
    fused, composed, _, _, options = SEQUENCES[name]
    values = [v * 0.3 for v in arrays(name, 2000, 1, 1, 2)]
    results = []
    for f in (fused, composed):
        inputs = tensors(values)
        y = f(*inputs, **options)
        y.sum().backward()
        results.append([y.detach().numpy(), *[x.grad.numpy() for x in inputs]])
    assert_same(*results)
    assert len(fused(*tensors(values), **options).node.parents) == len(values)


def test_the_layers_use_the_fused_ones() -> None:
    """One layer in one direction is one operation: counted in the graph, which does not grow with the sequence."""
    for name in ("RNN", "LSTM", "GRU"):
        layer = getattr(nn, name)(2, 3)
        counts = []
        for steps in (3, 30):
            seen, stack = set(), [layer(minigrad.ones(steps, 1, 2))[0].node]
            while stack:
                node = stack.pop()
                if node not in seen:
                    seen.add(node)
                    stack += node.parents
            counts.append(len(seen))
        assert counts[0] == counts[1] < 12


def test_steps_are_the_cells() -> None:
    """`rnn_step`, `lstm_step`, `gru_step` by their formulas, in plain NumPy."""

    def sigmoid(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    x, h, w, u, b, d = arrays("tanh", 1, 4, 2, 3)
    assert np.allclose(recurrence.rnn_step(x[0], h, w, u, b, d), np.tanh(x[0] @ w.T + b + h @ u.T + d), atol=1e-14)
    relu = recurrence.rnn_step(x[0], h, w, u, b, d, "relu")
    assert np.allclose(relu, np.maximum(x[0] @ w.T + b + h @ u.T + d, 0), atol=1e-14)
    x, h, c, w, u, b, d = arrays("lstm", 1, 4, 2, 3)
    i, f, g, o = np.split(x[0] @ w.T + b + h @ u.T + d, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    for found, expected in zip(
        recurrence.lstm_step(x[0], h, c, w, u, b, d), (sigmoid(o) * np.tanh(new), new), strict=True
    ):
        assert np.allclose(found, expected, atol=1e-14)
    x, h, w, u, b, d = arrays("gru", 1, 4, 2, 3)
    (xr, xz, xn), (hr, hz, hn) = np.split(x[0] @ w.T + b, 3, axis=1), np.split(h @ u.T + d, 3, axis=1)
    n, z = np.tanh(xn + sigmoid(xr + hr) * hn), sigmoid(xz + hz)
    assert np.allclose(recurrence.gru_step(x[0], h, w, u, b, d), (1 - z) * n + z * h, atol=1e-14)
