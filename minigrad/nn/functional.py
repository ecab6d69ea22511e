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


def composed_linear(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What `linear` computes, in plain operations."""
    return input @ weight.T + bias


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

    Raises ValueError where the sizes disagree, TypeError where the dtypes do.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"linear: found {type(input).__name__}, expected a tensor; wrap it in tensor(...)")
    x, w = input.array, weight.array
    if not x.ndim or x.shape[-1] != w.shape[-1]:
        raise ValueError(f"linear: input {x.shape} ends in {x.shape[-1:]}, weight {w.shape} takes {w.shape[-1]}")
    if x.dtype != w.dtype:
        raise TypeError(
            f"linear: input is {x.dtype}, weight {w.dtype}; convert the input with .to(weight.dtype), "
            "or the model with .to(input.dtype)"
        )
    if bias is not None and bias.shape != w.shape[:1]:
        raise ValueError(f"linear: bias {bias.shape} does not fit weight {w.shape}, expected {w.shape[:1]}")
    return fused_linear(input, weight, bias)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)², averaged over all elements. Raises ValueError unless the shapes are equal."""
    check_reduction("mse_loss", reduction)
    check_same_shape("mse_loss", input, target)
    error = input - target
    return reduce(error * error, reduction)


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The losses, their mean or their sum."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise ValueError unless the shapes are equal: (N, 1) against (N,) would compare all with all."""
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        kinds = f"{type(input).__name__} and {type(target).__name__}"
        raise TypeError(f"{name}: found {kinds}, expected two tensors; wrap data in tensor(...)")
    if input.shape != target.shape:
        raise ValueError(f"{name}: input {input.shape} and target {target.shape} differ; reshape one of them")


def check_reduction(name: str, reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of PyTorch's three."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: found reduction={reduction!r}, expected 'none', 'mean' or 'sum'")


def composed_entropy(logits: Tensor, q: Any, axis: int | None) -> Tensor:
    """What `fused_entropy` computes, in plain operations."""
    return -(q * log_softmax(logits, 1)).sum(axis)


def entropy_forward(logits: Array, q: Array, axis: int | None) -> tuple[Array, Array]:
    """Minus the sum of q log softmax(logits) over `axis` (everything if None); saves log softmax."""
    logp = logits - np.maximum.reduce(logits, axis=1, keepdims=True, initial=-np.inf)
    logp -= np.log(np.add.reduce(np.exp(logp), axis=1, keepdims=True))
    out = np.vdot(q, logp) if axis is None else np.einsum("ij,ij->i", q, logp)
    if (out != out).any():  # 0 times -inf: a class that is ruled out and not asked for
        out = np.where(q == 0, 0, q * np.where(q == 0, 0, logp)).sum(axis)
    return -out, logp


def entropy_rule(g: Any, out: Any, logp: Array, logits: Array, q: Array, axis: int | None) -> tuple[Any, ...]:
    """softmax(logits), as often as q sums to, minus q: what the target and the prediction disagree on."""
    g = g if axis is None else g[:, None]
    return lambda: (np.exp(logp) * q.sum(axis=1, keepdims=True) - q) * g, lambda: -logp * g


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
    check_entropy(input, target, weight, label_smoothing)
    axis = min(1, input.ndim - 1)
    logits = class_rows(input, axis)
    q, counted = wanted_rows(input, target, axis, weight, ignore_index, label_smoothing)
    if reduction == "none":
        return fused_entropy(logits, q, axis=1).reshape(input.shape[:axis] + input.shape[axis + 1 :])
    if reduction == "mean" and not counted:  # nothing to average: NaN, as in PyTorch
        return fused_entropy(logits, q, axis=None) + math.nan
    return fused_entropy(logits, q / counted if reduction == "mean" else q, axis=None)


def check_entropy(input: Tensor, target: Tensor, weight: Tensor | None, label_smoothing: float) -> None:
    """Raise an error for what `cross_entropy` could not use, its shapes aside."""
    if not isinstance(input, Tensor) or not isinstance(target, Tensor) or not input.ndim:
        raise TypeError(
            f"cross_entropy: expected logits (N, C) and a tensor of targets, found {input!r:.40} and {target!r:.40}"
        )
    if target.dtype.kind == "f" and target.dtype != input.dtype:
        raise TypeError(f"cross_entropy: logits are {input.dtype}, probabilities {target.dtype}; convert one of them")
    if weight is not None and weight.shape != input.shape[min(1, input.ndim - 1) :][:1]:
        raise ValueError(f"cross_entropy: weight {weight.shape} has not one number for each class of {input.shape}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: found label_smoothing={label_smoothing}, expected 0 to 1")


def class_rows(x: Tensor, axis: int) -> Tensor:
    """`x` as a matrix with one row for each place and the classes, which were on `axis`, as columns."""
    if x.ndim == 2:
        return x
    order = [i for i in range(x.ndim) if i != axis]
    return x.permute(*order, axis).reshape(math.prod(x.shape[i] for i in order), x.shape[axis])


def wanted_rows(
    input: Tensor, target: Tensor, axis: int, weight: Tensor | None, ignore_index: int, label_smoothing: float
) -> tuple[Any, float]:
    """The target distribution of each row, scaled by `weight`, and what the mean is to be divided by.

    Raises ValueError if `target` is neither class indices nor probabilities in the right shape.
    """
    places = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape == input.shape and target.dtype.kind == "f":
        q = class_rows(target, axis) * (1 - label_smoothing) + label_smoothing / input.shape[axis]
        return (q if weight is None else q * weight), math.prod(places)
    if target.shape == places and target.dtype.kind in "iu":
        return target_rows(target.array.reshape(-1), input, axis, weight, ignore_index, label_smoothing)
    raise ValueError(
        f"cross_entropy: for logits {input.shape} expected class indices (int64) of shape {places}, "
        f"or probabilities of shape {input.shape}; found {target.dtype} of shape {target.shape}"
    )


def target_rows(
    t: Array, input: Tensor, axis: int, weight: Tensor | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, float]:
    """The target distribution of each row, scaled by `weight`, and the sum of the weights of the true classes.

    Raises ValueError for a class that is out of range.
    """
    classes, used = input.shape[axis], np.arange(t.size)
    q = np.zeros((t.size, classes), input.dtype)
    ignored = t == ignore_index
    if ignored.any():
        used, t = used[~ignored], t[~ignored]
    if t.size and (t.min() < 0 or t.max() >= classes):
        raise ValueError(
            f"cross_entropy: found class {t.min() if t.min() < 0 else t.max()}, expected 0 to {classes - 1}"
        )
    rest = label_smoothing / max(classes, 1)
    if rest:
        q[used] = rest if weight is None else rest * weight.array
    scale: Any = 1.0 if weight is None else weight.array[t]
    q[used, t] = (1 - label_smoothing + rest) * scale
    return q, float(t.size if weight is None else scale.sum())


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
