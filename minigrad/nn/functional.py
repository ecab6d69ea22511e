"""The functions behind the layers and losses.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.functions import log_softmax as log_softmax, softmax as softmax
from minigrad.primitive import Array, Fused, Primitive
from minigrad.rules import relu as relu, rows, sigmoid as sigmoid, softplus, tanh as tanh
from minigrad.tensor import Tensor


def linear_forward(x: Array, weight: Array, bias: Any) -> Array:
    """One product for all rows, and the bias added in place."""
    out = rows(x) @ weight.T
    if bias is not None:
        out += bias
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], weight.shape[0])


fused_linear = Primitive(
    "linear",
    linear_forward,
    lambda g, out, x, weight, bias: g @ weight,
    lambda g, out, x, weight, bias: rows(g).T @ rows(x),
    lambda g, out, x, weight, bias: rows(g).sum(0),
)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (..., in) to (..., out), with weight (out, in) and bias (out,).

    Raises ValueError where the sizes disagree.
    """
    if not input.ndim or input.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"linear: input {input.shape} ends in {input.shape[-1:]}, weight {weight.shape} takes {weight.shape[-1]}"
        )
    return fused_linear(input, weight, bias)


def composed_linear(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What `linear` computes, in plain operations."""
    return input @ weight.T + bias


def entropy_forward(logits: Array, q: Array, axis: int | None) -> tuple[Array, Array]:
    """Minus the sum of q log softmax(logits) over `axis` (everything if None); saves log softmax."""
    logp = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    logp -= np.log(np.exp(logp).sum(axis=1, keepdims=True))
    out = np.vdot(q, logp) if axis is None else np.einsum("ij,ij->i", q, logp)
    if np.isnan(out).any():  # 0 times -inf: a class that is ruled out and not asked for
        out = np.where(q == 0, 0, q * np.where(q == 0, 0, logp)).sum(axis)
    return -out, logp


def entropy_rule(g: Any, out: Any, logp: Array, logits: Array, q: Array, axis: int | None) -> tuple[Any, ...]:
    """softmax(logits), as often as q sums to, minus q: what the target and the prediction disagree on."""
    g = g if axis is None else g[:, None]
    return lambda: (np.exp(logp) * q.sum(axis=1, keepdims=True) - q) * g, lambda: -logp * g


def composed_entropy(logits: Tensor, q: Any, axis: int | None) -> Tensor:
    """What `fused_entropy` computes, in plain operations."""
    return -(q * log_softmax(logits, 1)).sum(axis)


fused_entropy = Fused("cross_entropy", entropy_forward, entropy_rule, composed_entropy)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log probability that softmax(input) gives the target class.

    `input` holds logits, (C,), (N, C) or (N, C, d1, ...). `target` holds class indices (int64, the shape of `input`
    without C), or probabilities (floats, the shape of `input`). `weight` (C,) scales the classes; for indices the mean
    is then a weighted one. Raises ValueError for wrong shapes and classes out of range, TypeError for wrong dtypes.
    """
    check_reduction("cross_entropy", reduction)
    axis = 1 if input.ndim > 1 else 0
    places = input.shape[:axis] + input.shape[axis + 1 :]
    q: Any
    counted: float
    if target.shape == input.shape and target.dtype.kind == "f":
        q = class_rows(target, axis) * (1 - label_smoothing) + label_smoothing / input.shape[axis]
        q, counted = q if weight is None else q * weight, math.prod(places)
    elif target.shape == places and target.dtype.kind in "iu":
        q, counted = target_rows(target.array.reshape(-1), input, axis, weight, ignore_index, label_smoothing)
    else:
        raise ValueError(
            f"cross_entropy: for logits {input.shape} expected class indices (int64) of shape {places}, "
            f"or probabilities of shape {input.shape}; found {target.dtype} of shape {target.shape}"
        )
    if reduction == "none":
        return fused_entropy(class_rows(input, axis), q, axis=1).reshape(places)
    return fused_entropy(class_rows(input, axis), q / counted if reduction == "mean" else q, axis=None)


def check_reduction(name: str, reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of PyTorch's three."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: found reduction={reduction!r}, expected 'none', 'mean' or 'sum'")


def class_rows(x: Tensor, axis: int) -> Tensor:
    """`x` as a matrix with one row for each place and the classes, which were on `axis`, as columns."""
    if x.ndim == 2:
        return x
    order = [i for i in range(x.ndim) if i != axis]
    return x.permute(*order, axis).reshape(math.prod(x.shape[i] for i in order), x.shape[axis])


def target_rows(
    t: Array, input: Tensor, axis: int, weight: Tensor | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, float]:
    """The target distribution of each row, scaled by `weight`, and the sum of the weights of the true classes.

    Raises ValueError for a class that is out of range.
    """
    classes = input.shape[axis]
    used = np.flatnonzero(t != ignore_index)
    t = t[used]
    if t.size and (t.min() < 0 or t.max() >= classes):
        raise ValueError(
            f"cross_entropy: found class {t.min() if t.min() < 0 else t.max()}, expected 0 to {classes - 1}"
        )
    w = np.ones(classes, input.dtype) if weight is None else weight.array
    q = np.zeros((math.prod(input.shape) // max(classes, 1), classes), input.dtype)
    if label_smoothing:
        q[used] = label_smoothing / classes * w
    q[used, t] += (1 - label_smoothing) * w[t]
    return q, float(w[t].sum())


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)², averaged over all elements. Raises ValueError unless the shapes are equal."""
    check_reduction("mse_loss", reduction)
    check_same_shape("mse_loss", input, target)
    error = input - target
    return reduce(error * error, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of sigmoid(input) against targets in [0, 1], of the same shape, without overflow.

    `weight` scales the elements, `pos_weight` the positive part of each. Raises ValueError unless the shapes are equal.
    """
    check_reduction("binary_cross_entropy_with_logits", reduction)
    check_same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        loss = softplus(input) - input * target
    else:
        loss = (1 - target) * input + ((pos_weight - 1) * target + 1) * softplus(-input)
    return reduce(loss if weight is None else loss * weight, reduction)


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise ValueError unless the shapes are equal: (N, 1) against (N,) would compare all with all."""
    if input.shape != target.shape:
        raise ValueError(f"{name}: input {input.shape} and target {target.shape} differ; reshape one of them")


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The losses, their mean or their sum."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
