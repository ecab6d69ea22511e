"""Embeddings against PyTorch: looked up, summed back where an index repeats, padding, and what is no index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.autograd import gradcheck, gradgradcheck
from minigrad.nn.embedding import Embedding
from tests.twins import assert_twins, gap, twins

TF = torch.nn.functional


def lookup(index: np.ndarray, **options: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``embedding(index, weight)`` as a function of the weight, in both."""
    ours, theirs = minigrad.from_numpy(index), torch.from_numpy(np.array(index, order="C"))
    return lambda w: F.embedding(ours, w, **options), lambda w: TF.embedding(theirs, w, **options)


@given(
    st.integers(1, 6), st.integers(1, 4), st.lists(st.integers(0, 4), min_size=0, max_size=3), st.integers(0, 999),
    st.sampled_from([None, 0, -1]),
)  # fmt: skip
@settings(max_examples=50)
def test_equals_pytorch(count: int, width: int, shape: list[int], seed: int, padding: int | None) -> None:
    """Any shape of indices, repeated ones among them, none at all: rows, gradient, second derivative."""
    rng = np.random.default_rng(seed)
    index = np.asarray(rng.integers(0, count, shape))
    twice = index.size > 0  # PyTorch 2.13 fails at the second derivative of no rows
    assert_twins(*lookup(index, padding_idx=padding), rng.normal(size=(count, width)), twice=twice)


def test_repeated_indices_add_up() -> None:
    w = minigrad.zeros(4, 2, requires_grad=True)
    F.embedding(minigrad.tensor([[1, 1, 3], [1, 0, 3]]), w).sum().backward()
    assert w.grad.tolist() == [[1.0, 1.0], [3.0, 3.0], [0.0, 0.0], [2.0, 2.0]]
    (F.embedding(minigrad.tensor([2, 2]), w)[1] * 5).sum().backward()
    assert w.grad.tolist() == [[1.0, 1.0], [3.0, 3.0], [5.0, 5.0], [2.0, 2.0]]


def test_many_indices_are_summed_exactly() -> None:
    """As `np.add.at` does it, one by one: 20,000 draws out of 300 rows, and out of two."""
    rng = np.random.default_rng(0)
    for count in (300, 2):
        index, g = rng.integers(0, count, (200, 100)), rng.normal(size=(200, 100, 3))
        w = minigrad.zeros(count, 3, dtype=minigrad.float64, requires_grad=True)
        (F.embedding(minigrad.tensor(index), w) * minigrad.tensor(g)).sum().backward()
        expected = np.zeros((count, 3))
        np.add.at(expected, index, g)
        assert np.allclose(w.grad.numpy(), expected, atol=1e-10)


def test_central_differences() -> None:
    index = minigrad.tensor([[0, 2, 2], [1, 0, 2]])
    w = minigrad.tensor(np.random.default_rng(0).normal(size=(4, 2)), requires_grad=True)
    for padding in (None, 2):
        assert gradcheck(lambda w: F.embedding(index, w).tanh(), w) if padding is None else True
        assert gradgradcheck(lambda w, p=padding: F.embedding(index, w, padding_idx=p).tanh(), w)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.uint8])
def test_all_integers_are_indices(dtype: Any) -> None:
    w = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert F.embedding(minigrad.from_numpy(np.array([1, 0, 1], dtype)), w).tolist() == [
        [3.0, 4.0],
        [1.0, 2.0],
        [3.0, 4.0],
    ]


def test_indices_and_weights_that_are_views() -> None:
    rng = np.random.default_rng(0)
    for index in (
        rng.integers(0, 4, (3, 5)).T,
        rng.integers(0, 4, (3, 10))[:, ::2],
        np.broadcast_to(np.array([[1, 3]]), (7, 2)),
    ):
        assert_twins(*lookup(index), rng.normal(size=(2, 4)).T.copy(order="F"))
        assert_twins(*lookup(index), rng.normal(size=(4, 6))[:, ::3])


def test_an_index_that_is_changed_afterwards() -> None:
    """What was looked up is what the gradient goes to, not what the index says later."""
    index = minigrad.tensor([0, 1])
    w = minigrad.zeros(3, 1, requires_grad=True)
    y = F.embedding(index, w).sum()
    index.fill_(2)
    y.backward()
    assert w.grad.tolist() == [[1.0], [1.0], [0.0]]


def test_the_rows_are_copies() -> None:
    w = minigrad.ones(3, 2)
    y = F.embedding(minigrad.tensor([0, 1]), w)
    y.zero_()
    assert w.tolist() == [[1.0, 1.0]] * 3


def test_float32_stays_float32() -> None:
    for dtype in (np.float32, np.float64):
        w, theirs = twins(np.random.default_rng(0).normal(size=(4, 3)).astype(dtype))
        index = [[0, 3], [3, 1]]
        y, expected = F.embedding(minigrad.tensor(index), w), TF.embedding(torch.tensor(index), theirs)
        (g,) = minigrad.autograd.grad((y * y).sum(), [w], create_graph=True)
        (h,) = minigrad.autograd.grad((g * g).sum(), [w])
        (expected * expected).sum().backward()
        assert gap(y, expected) == 0.0 and gap(g.detach(), theirs.grad) < 1e-6 and h.dtype == dtype


# ------------------------------------------------------------------------------------------------------------ the layer


def test_the_layer_starts_as_pytorchs() -> None:
    """Draws from N(0, 1); the row for padding 0; its gradient stays 0, so it stays 0."""
    minigrad.manual_seed(0)
    ours, theirs = nn.Embedding(200, 50, padding_idx=3), torch.nn.Embedding(200, 50, padding_idx=3)
    assert isinstance(ours, Embedding) and repr(ours) == repr(theirs)
    assert [key for key, _ in ours.named_parameters()] == ["weight"]
    assert ours.weight.shape == (200, 50) and ours.weight.dtype == np.float32 and ours.weight.requires_grad
    assert abs(ours.weight.std().item() - 1) < 0.03 and abs(ours.weight.mean().item()) < 0.03
    assert not ours.weight[3].detach().numpy().any() and ours.weight[4].detach().numpy().all()
    assert not theirs.weight[3].any()
    ours(minigrad.tensor([3, 4, 3])).sum().backward()
    assert not ours.weight.grad[3].numpy().any() and ours.weight.grad[4].tolist() == [1.0] * 50


@pytest.mark.parametrize("padding", [None, 0, 4, -1, -5])
def test_padding_counts_from_either_end(padding: int | None) -> None:
    ours, theirs = nn.Embedding(5, 2, padding), torch.nn.Embedding(5, 2, padding)
    assert ours.padding_idx == theirs.padding_idx and repr(ours) == repr(theirs)
    theirs.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in ours.state_dict().items()})
    index = np.arange(5).repeat(2)
    y, expected = ours(minigrad.tensor(index)), theirs(torch.tensor(index))
    y.sum().backward()
    expected.sum().backward()
    assert gap(y, expected) == 0.0 and gap(ours.weight.grad, theirs.weight.grad) == 0.0


def test_a_hundred_steps_with_momentum_equal_pytorch() -> None:
    def losses(library: Any, start: np.ndarray) -> list[float]:
        layer = library.nn.Embedding(6, 3, padding_idx=0).double()
        layer.load_state_dict({"weight": library.from_numpy(start.copy())})
        optimizer = library.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        rng, found = np.random.default_rng(0), []
        for _ in range(100):
            index, target = rng.integers(0, 6, (4, 5)), rng.normal(size=(4, 3))
            loss = ((layer(library.from_numpy(index)).mean(1) - library.from_numpy(target)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    start = np.random.default_rng(1).normal(size=(6, 3))
    assert losses(minigrad, start) == pytest.approx(losses(torch, start), rel=1e-11)


table = minigrad.ones(4, 3)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: F.embedding(minigrad.tensor([0, 4]), table), IndexError, "embedding: found 4, expected 0 to 3"),
        (lambda: F.embedding(minigrad.tensor([[0], [-1]]), table), IndexError, "embedding: found -1, expected 0 to 3"),
        (lambda: F.embedding(minigrad.tensor([0.0, 1.0]), table), TypeError, r"embedding: found float32.*\.long\(\)"),
        (lambda: F.embedding(minigrad.tensor([True]), table), TypeError, "embedding: found bool"),
        (lambda: F.embedding([0, 1], table), TypeError, "embedding: found list, expected a tensor of integers"),
        (lambda: F.embedding(table, minigrad.tensor([0])), (TypeError, ValueError), "embedding: found "),
        (lambda: F.embedding(minigrad.tensor([0]), minigrad.ones(4)), ValueError, r"embedding: .*\(4,\)"),
        (lambda: F.embedding(minigrad.tensor([0]), minigrad.ones(4, 3, 2)), ValueError, r"embedding: .*\(4, 3, 2\)"),
        (lambda: F.embedding(minigrad.tensor([0]), [[1.0]]), TypeError, "embedding: found .*list"),
        (
            lambda: F.embedding(minigrad.tensor([0]), table, padding_idx=4),
            ValueError,
            "padding_idx=4, expected -4 to 3",
        ),
        (lambda: F.embedding(minigrad.tensor([0]), minigrad.zeros(0, 3)), IndexError, "embedding: found 0"),
        (lambda: nn.Embedding(4, 3, padding_idx=4), ValueError, "Embedding: found padding_idx=4, expected -4 to 3"),
        (lambda: nn.Embedding(4, 3, padding_idx=-5), ValueError, "Embedding: found padding_idx=-5"),
        (lambda: nn.Embedding(-1, 3), ValueError, "Embedding: .*-1"),
        (lambda: nn.Embedding(3, -1), ValueError, "Embedding: .*-1"),
        (lambda: nn.Embedding(4, 3, max_norm=1.0), TypeError, "max_norm"),
        (lambda: nn.Embedding(4, 3, sparse=True), TypeError, "sparse"),
    ],
)
def test_refused(wrong: Callable[[], Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()
