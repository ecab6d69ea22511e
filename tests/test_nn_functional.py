"""Losses and the linear map as functions, against PyTorch: every option and shape, and where exponentials overflow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn import functional
from tests.twins import assert_twins, gap, twins

TF = torch.nn.functional
rng = np.random.default_rng(11)
SHAPES = [(3,), (4, 3), (1, 3), (2, 3, 2), (2, 3, 2, 2)]


def places(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def tensors(value: Any) -> tuple[Any, Any]:
    """A constant for minigrad and for PyTorch."""
    return (minigrad.tensor(value), torch.tensor(value)) if isinstance(value, np.ndarray) else (value, value)


def compare(name: str, *inputs: np.ndarray, constants: tuple[Any, ...] = (), **options: Any) -> None:
    """The loss `name` of `inputs`, then `constants`, in both libraries."""
    ours, theirs = zip(*[(v[0], v[1]) for v in map(tensors, constants)], strict=True) if constants else ((), ())
    keywords = {key: tensors(value) for key, value in options.items()}
    assert_twins(
        lambda *xs: getattr(F, name)(*xs, *ours, **{k: v[0] for k, v in keywords.items()}),
        lambda *xs: getattr(TF, name)(*xs, *theirs, **{k: v[1] for k, v in keywords.items()}),
        *inputs,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_classes(shape: tuple[int, ...], reduction: str) -> None:
    logits, target = rng.normal(size=shape), np.asarray(rng.integers(0, 3, places(shape)))
    weight = rng.uniform(0.2, 2.0, 3)
    for smooth, scale, ignored in itertools.product((0.0, 0.2, 1.0), (None, weight), (-100, int(target.flat[0]))):
        options = {"label_smoothing": smooth, "weight": scale, "ignore_index": ignored, "reduction": reduction}
        if reduction == "mean" and (target == ignored).all():
            continue  # nothing is left, see below
        compare("cross_entropy", logits, constants=(target,), **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_probabilities(shape: tuple[int, ...], reduction: str) -> None:
    logits, target = rng.normal(size=shape), rng.uniform(size=shape)
    for smooth, scale in itertools.product((0.0, 0.2), (None, rng.uniform(0.2, 2.0, 3))):
        options = {"label_smoothing": smooth, "weight": scale, "reduction": reduction}
        compare("cross_entropy", logits, target, **options)  # both want their gradient
        compare("cross_entropy", logits, constants=(target,), **options)


@pytest.mark.parametrize(
    ("logits", "target"), [(np.zeros((0, 3)), np.zeros(0, int)), (np.ones((2, 3)), np.array([1, 1]))]
)
def test_cross_entropy_of_nothing(logits: np.ndarray, target: np.ndarray) -> None:
    (x, theirs), t = twins(logits), tensors(target)
    for reduction in ("mean", "sum", "none"):
        options = {"ignore_index": 1, "reduction": reduction}
        loss, expected = F.cross_entropy(x, t[0], **options), TF.cross_entropy(theirs, t[1], **options)
        assert gap(loss, expected) == 0.0
        loss.sum().backward()
        expected.sum().backward()
        assert gap(x.grad, theirs.grad) == 0.0


@pytest.mark.parametrize(
    "row", [[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0], [1e300, -1e300, 0.0], [88.0, 90.0, 0.0]]
)
def test_cross_entropy_is_stable(row: list[float]) -> None:
    """No overflow, no warning, and PyTorch's numbers, in float64 and float32."""
    for dtype in (np.float64, np.float32):
        if max(map(abs, row)) > float(np.finfo(dtype).max):
            continue
        for target in range(3):
            x, theirs = twins(np.array([row], dtype))
            loss, expected = (
                F.cross_entropy(x, minigrad.tensor([target])),
                TF.cross_entropy(theirs, torch.tensor([target])),
            )
            loss.backward()
            expected.backward()
            assert gap(loss, expected) < 1e-6 and gap(x.grad, theirs.grad) < 1e-6


def test_a_class_that_is_ruled_out() -> None:
    """A logit of -inf, as a mask puts it there."""
    for reduction in ("mean", "none"):
        x, theirs = twins([[0.5, -math.inf, 1.0], [0.0, 1.0, -math.inf]])
        loss = F.cross_entropy(x, minigrad.tensor([2, 0]), reduction=reduction)
        expected = TF.cross_entropy(theirs, torch.tensor([2, 0]), reduction=reduction)
        loss.sum().backward()
        expected.sum().backward()
        assert gap(loss, expected) < 1e-15 and gap(x.grad, theirs.grad) < 1e-15


def test_the_gradient_is_softmax_minus_target() -> None:
    logits, target = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    x = minigrad.tensor(logits, requires_grad=True)
    F.cross_entropy(x, minigrad.tensor(target)).backward()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(x.grad.numpy(), (p - np.eye(4)[target]) / 6, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_classes_of_other_integer_types(dtype: Any) -> None:
    x = minigrad.tensor(rng.normal(size=(3, 4)))
    target = np.array([3, 0, 1])
    assert (
        F.cross_entropy(x, minigrad.tensor(target.astype(dtype))).item()
        == F.cross_entropy(x, minigrad.tensor(target)).item()
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (0, 3)], ids=str)
@pytest.mark.filterwarnings("ignore:.*empty:UserWarning")
def test_mse_and_bce(shape: tuple[int, ...], reduction: str) -> None:
    x, t = rng.normal(size=shape), rng.uniform(size=shape)
    compare("mse_loss", x, t, reduction=reduction)
    compare("mse_loss", x, constants=(np.asarray(t),), reduction=reduction)
    weights = [None, rng.uniform(0.5, 2.0, shape[-1:])]
    for weight, positive in itertools.product(weights, weights):
        options = {"weight": weight, "pos_weight": positive, "reduction": reduction}
        compare("binary_cross_entropy_with_logits", x, constants=(np.asarray(t),), **options)
    compare("binary_cross_entropy_with_logits", x, np.asarray(t), reduction=reduction)


def test_bce_is_stable() -> None:
    x = np.array([1000.0, -1000.0, 0.0, 40.0, -40.0])
    for target in (np.zeros(5), np.ones(5), np.full(5, 0.3)):
        compare("binary_cross_entropy_with_logits", x, constants=(target,), reduction="none")


@pytest.mark.parametrize("shape", [(3,), (4, 3), (0, 3), (2, 2, 3), (2, 0, 3)], ids=str)
def test_linear(shape: tuple[int, ...]) -> None:
    x, w, b = rng.normal(size=shape), rng.normal(size=(2, 3)), rng.normal(size=2)
    compare("linear", x, w, b)
    compare("linear", x, w)
    compare("linear", np.asfortranarray(x), w.T.copy().T, b)
    constant = tensors(x)
    assert_twins(lambda w, b: F.linear(constant[0], w, b), lambda w, b: TF.linear(constant[1], w, b), w, b)


def test_activations_are_those_of_the_package() -> None:
    x = rng.normal(size=(3, 4)) + 0.05
    for name in ("relu", "tanh", "sigmoid"):
        compare(name, x)
    for name in ("softmax", "log_softmax"):
        compare(name, x, dim=1)


ones = minigrad.ones
ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: F.linear(ones(2, 4), ones(3, 5)),
        ValueError,
        r"linear: input \(2, 4\) ends in \(4,\), weight \(3, 5\) takes 5",
    ),
    (lambda: F.linear(minigrad.tensor(1.0), ones(3, 5)), ValueError, r"linear: input \(\) ends in \(\), weight"),
    (
        lambda: F.linear(ones(2, 3), ones(4, 3), ones(3)),
        ValueError,
        r"linear: bias \(3,\) does not fit weight \(4, 3\)",
    ),
    (
        lambda: nn.Linear(3, 2)(minigrad.tensor(np.ones((1, 3)))),
        TypeError,
        r"linear: input is float64, weight float32; convert the input with .to\(weight.dtype\), or the model with",
    ),
    (lambda: nn.Linear(3, 2)(minigrad.arange(3)), TypeError, "linear: input is int64, weight float32"),
    (
        lambda: nn.Linear(3, 2)([1.0, 2.0, 3.0]),
        TypeError,
        r"linear: found list, expected a tensor; wrap it in tensor\(...\)",
    ),
    (lambda: nn.Linear(3, 2)(np.ones(3)), TypeError, "linear: found ndarray, expected a tensor"),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 3])),
        ValueError,
        "cross_entropy: found class 3, expected 0 to 2",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, -1])),
        ValueError,
        "cross_entropy: found class -1, expected",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([[0], [1]])),
        ValueError,
        r"for logits \(2, 3\) expected class indices \(int64\) of shape \(2,\), or .* found int64 of shape \(2, 1\)",
    ),
    (lambda: F.cross_entropy(ones(2, 3), ones(2)), ValueError, r"found float32 of shape \(2,\)"),
    (lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([True, False])), ValueError, "found bool of shape"),
    (
        lambda: F.cross_entropy(ones(2, 3), [0, 1]),
        TypeError,
        r"cross_entropy: expected logits \(N, C\) and a tensor of tar",
    ),
    (
        lambda: F.cross_entropy(minigrad.tensor(1.0), minigrad.tensor(0)),
        TypeError,
        r"cross_entropy: expected logits \(N, C\)",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), ones(2, 3).double()),
        TypeError,
        "cross_entropy: logits are float32, probabilities float64; convert one of them",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), weight=ones(2)),
        ValueError,
        r"cross_entropy: weight \(2,\) has not one number for each class of \(2, 3\)",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), label_smoothing=1.5),
        ValueError,
        "cross_entropy: found label_smoothing=1.5, expected 0 to 1",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), reduction="avg"),
        ValueError,
        "cross_entropy: found reduction='avg', expected 'none', 'mean' or 'sum'",
    ),
    (
        lambda: F.mse_loss(ones(4, 1), ones(4)),
        ValueError,
        r"mse_loss: input \(4, 1\) and target \(4,\) differ; reshape one",
    ),
    (lambda: F.mse_loss(ones(4), ones(4), reduction="avg"), ValueError, "mse_loss: found reduction='avg', expected"),
    (
        lambda: F.binary_cross_entropy_with_logits(ones(4), ones(4), reduction="avg"),
        ValueError,
        "binary_cross_entropy_with_logits: found reduction='avg'",
    ),
    (lambda: F.mse_loss(ones(4), 1.0), TypeError, "mse_loss: found Tensor and float, expected two tensors; wrap data"),
    (
        lambda: F.binary_cross_entropy_with_logits(ones(4), ones(4, 1)),
        ValueError,
        r"binary_cross_entropy_with_logits: input \(4,\) and target \(4, 1\) differ",
    ),
    (lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), size_average=True), TypeError, "'size_average'"),
    (lambda: F.gelu, AttributeError, "gelu"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS, ids=[message[:40] for _, _, message in ERRORS])
def test_errors(wrong: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_the_module_is_that_of_nn() -> None:
    assert nn.functional is functional is F
