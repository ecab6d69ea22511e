"""The functions behind the layers and losses.

Made from chapter 4, Train a multilayer perceptron; chapter 6, Keep gradients alive; chapter 7, Backpropagate through
time; and chapter 8, Generalise beyond the training set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from minigrad.functions import log_softmax as log_softmax, softmax as softmax
from minigrad.primitive import Array, Fused, Primitive, writes
from minigrad.random import stream
from minigrad.rules import exp, relu as relu, rows, sigmoid as sigmoid, softplus, tanh as tanh
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
        pair = "a recurrent layer returns (output, state): take the output"
        advice = pair if isinstance(input, tuple) else "wrap it in tensor(...)"
        raise TypeError(f"linear: found {type(input).__name__}, expected a tensor; {advice}")
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
        if ignore_index >= 0:
            raise ValueError(f"cross_entropy: ignore_index={ignore_index} names a class, the targets are probabilities")
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


def column(v: Any, x: Any) -> Any:
    """`v` (C,), shaped so that it broadcasts against `x` (N, C) or (N, C, L). Both are arrays or tensors."""
    return v if x.ndim == 2 else v.reshape(-1, 1)


def per_channel(*arrays: Array) -> Array:
    """The sum of the product of `arrays`, all (N, C) or (N, C, L), over everything but the channels: (C,)."""
    axes = "ncl"[: arrays[0].ndim]
    return np.einsum(f"{','.join([axes] * len(arrays))}->c", *arrays)


def moments(x: Array) -> tuple[Array, Array, int]:
    """Mean and variance (divided by n) of each channel of `x`, and the number n of values in one."""
    n = len(x) * math.prod(x.shape[2:])
    mean = per_channel(x) / max(n, 1)
    away = x - column(mean, x)
    return mean, per_channel(away, away) / max(n, 1), n


def composed_batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, training: bool) -> Tensor:
    """What `fused_batch_norm` computes, in plain operations: in training from the batch, else from `mean` and `var`."""
    if training:
        over = (0, *range(2, x.ndim))
        away = x - x.mean(over, keepdim=True)
        normed = away / ((away * away).mean(over, keepdim=True) + eps).sqrt()
    else:
        normed = (x - column(mean, x)) / (column(var, x) + eps) ** 0.5
    scaled = normed if weight is None else normed * column(weight, x)
    return scaled if bias is None else scaled + column(bias, x)


def batch_norm_forward(
    x: Array, weight: Any, bias: Any, mean: Array, var: Array, eps: float, training: bool
) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean) / sqrt(var + eps), times `weight`, plus `bias`; saves the normalised values and the factor."""
    scale = 1 / np.sqrt(var + eps)
    normed = x - column(mean, x)
    normed *= column(scale, x)
    out = normed if weight is None else normed * column(weight, x)
    return out if bias is None else out + column(bias, x), (normed, scale)


def batch_norm_rule(
    g: Array, out: Any, saved: Any, x: Array, weight: Any, bias: Any, mean: Any, var: Any, eps: float, training: bool
) -> tuple[Any, ...]:
    """In training the mean and the variance depend on `x`: what would only move them is taken out of the gradient."""
    normed, scale = saved
    to_weight, to_bias = per_channel(g, normed), per_channel(g)
    slope = scale if weight is None else scale * weight
    n = len(x) * math.prod(x.shape[2:])

    def to_input() -> Array:
        if not training:
            return g * column(slope, x)
        part = normed * column(to_weight / -max(n, 1), x)
        part += g
        part -= column(to_bias / max(n, 1), x)
        part *= column(slope, x)
        return part

    return to_input, to_weight, to_bias, None, None


fused_batch_norm = Fused("batch_norm", batch_norm_forward, batch_norm_rule, composed_batch_norm)


def statistics(
    x: Array, running_mean: Tensor | None, running_var: Tensor | None, training: bool, momentum: float
) -> tuple[Array, Array]:
    """The mean and variance to normalise with: the batch's, which the running ones then follow, or the running ones."""
    if training:
        mean, var, n = moments(x)
        if n:
            move_toward(running_mean, mean, momentum)
            move_toward(running_var, var * (n / (n - 1)), momentum)
        return mean, var
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: found no running_mean or running_var, expected both; or pass training=True")
    return running_mean.array, running_var.array


def move_toward(running: Tensor | None, value: Array, momentum: float) -> None:
    """running += momentum (value - running), in place and unrecorded."""
    if running is not None:
        running.array *= 1 - momentum
        running.array += momentum * value
        writes.note(running.array)


def check_floats(name: str, input: Any) -> None:
    """Raise TypeError unless `input` is a tensor of floats."""
    if not isinstance(input, Tensor) or input.dtype.kind != "f":
        found = input.dtype if isinstance(input, Tensor) else type(input).__name__
        raise TypeError(f"{name}: found {found}, expected a tensor of floats")


def check_given(name: str, input: Tensor, shape: tuple[int, ...], **given: Tensor | None) -> None:
    """Raise ValueError unless what is `given` has this `shape`, TypeError unless it has the dtype of `input`."""
    for key, t in given.items():
        if t is not None and t.shape != shape:
            raise ValueError(f"{name}: input {input.shape} needs a {key} of shape {shape}, found {t.shape}")
        if t is not None and t.dtype != input.dtype:
            raise TypeError(f"{name}: input is {input.dtype}, {key} {t.dtype}; convert one of them with .to(dtype)")


def check_batch(input: Any, training: bool, eps: float) -> None:
    """Raise ValueError for what has no channels, too few values in each, or would be divided by zero."""
    if input.ndim < 2:
        raise ValueError(f"batch_norm: found shape {input.shape}, expected (N, C) or (N, C, ...)")
    if training and len(input) * math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"batch_norm: found shape {input.shape}, one value per channel: nothing is left of it when the "
            "mean is subtracted; use a larger batch, or model.eval()"
        )
    if eps < 0 or (training and not eps):
        raise ValueError(f"batch_norm: found eps={eps}, expected a positive number")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) x weight + bias for each channel of (N, C) or (N, C, ...): Ioffe, Szegedy 2015.

    In `training` with the mean and variance of the batch, and the running ones, where given, move a part `momentum`
    of the way to them (to the variance divided by n - 1); otherwise with the running ones.
    """
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check_floats("batch_norm", input)
    if input.ndim == 1 and not input.numel():
        return input.clone()
    check_given("batch_norm", input, input.shape[1:2], **given)
    check_batch(input, training, eps)
    x = input if input.ndim < 4 else input.flatten(2)
    mean, var = statistics(x.array, running_mean, running_var, training, momentum)
    out = fused_batch_norm(x, weight, bias, mean, var, eps=eps, training=training)
    return out if x is input else out.reshape(*input.shape)


def flat_rows(x: Any, k: int) -> Any:
    """`x` as a matrix: its last `k` axes in one row, all others counted as rows."""
    return x.reshape(math.prod(x.shape[:-k]), math.prod(x.shape[-k:]))


def composed_layer_norm(x: Any, weight: Any, bias: Any, k: int, eps: float) -> Tensor:
    """What `fused_layer_norm` computes, in plain operations."""
    over = tuple(range(-k, 0))
    away = x - x.mean(over, keepdim=True)
    normed: Tensor = away / ((away * away).mean(over, keepdim=True) + eps).sqrt()
    scaled = normed if weight is None else normed * weight
    return scaled if bias is None else scaled + bias


def layer_norm_forward(x: Array, weight: Any, bias: Any, k: int, eps: float) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean) / sqrt(var + eps) over the last `k` axes, times `weight`, plus `bias`; saves rows and factors."""
    normed = flat_rows(x, k)
    n = max(normed.shape[1], 1)
    normed = normed - (np.einsum("ij->i", normed) / n)[:, None]
    scale = (1 / np.sqrt(np.einsum("ij,ij->i", normed, normed) / n + eps))[:, None]
    normed *= scale
    out = normed.reshape(x.shape)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias, (normed, scale)


def layer_norm_rule(
    g: Array, out: Any, saved: Any, x: Array, weight: Any, bias: Any, k: int, eps: float
) -> tuple[Any, ...]:
    """As for `batch_norm` in training, but row by row, and the weight differs within a row."""
    normed, scale = saved
    flat = g.reshape(normed.shape)

    def to_input() -> Array:
        n = max(normed.shape[1], 1)
        arrived = flat if weight is None else flat * weight.reshape(-1)
        part = normed * (np.einsum("ij,ij->i", arrived, normed) / -n)[:, None]
        part += arrived
        part -= (np.einsum("ij->i", arrived) / n)[:, None]
        part *= scale
        return part.reshape(x.shape)

    return (
        to_input,
        lambda: np.einsum("ij,ij->j", flat, normed).reshape(weight.shape),
        lambda: np.einsum("ij->j", flat).reshape(bias.shape),
    )


fused_layer_norm = Fused("layer_norm", layer_norm_forward, layer_norm_rule, composed_layer_norm)


def layer_norm(
    input: Tensor,
    normalized_shape: Iterable[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) x weight + bias, over the last axes, which have `normalized_shape`.

    `weight` and `bias` have that shape too. Ba, Kiros and Hinton (2016). Raises ValueError where shapes do not fit.
    """
    shape = tuple(normalized_shape)
    check_floats("layer_norm", input)
    check_given("layer_norm", input, shape, weight=weight, bias=bias)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: input {input.shape} does not end in normalized_shape {shape}")
    return fused_layer_norm(input, weight, bias, k=len(shape), eps=eps)


CUBIC, STEEP = 0.044715, math.sqrt(2 / math.pi)


def composed_gelu(x: Any, approximate: str) -> Tensor:
    """What `fused_gelu` computes, in plain operations."""
    if approximate == "tanh":
        return x * (tanh((x + x * x * x * CUBIC) * STEEP) + 1.0) * 0.5
    return x * normal_cdf(x)


def gelu_forward(x: Array, approximate: str) -> tuple[Array, Array]:
    """x times the share of it that passes; saves that share."""
    if approximate == "tanh":
        share = (np.tanh((x + x * x * x * CUBIC) * STEEP) + 1) * 0.5
    else:
        share = normal_area(x)
    return x * share, share


def gelu_rule(g: Array, out: Any, share: Array, x: Array, approximate: str) -> tuple[Array]:
    """The product rule: the share, plus x times the share's own slope."""
    if approximate == "tanh":
        slope = 2 * STEEP * share * (1 - share) * (1 + 3 * CUBIC * x * x)
    else:
        slope = normal_density(x)
    return (g * (share + x * slope),)


fused_gelu = Fused("gelu", gelu_forward, gelu_rule, composed_gelu)


FINE, FAR = 1024, 9  # steps in a unit, and where the table ends


@cache
def normal_table() -> tuple[Array, Array]:
    """The normal distribution function and its density on a grid of 1/FINE from -FAR to FAR."""
    grid = np.arange(-FAR * FINE, FAR * FINE + 1) / FINE
    area = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in grid.tolist()])
    area[0], area[-1] = 0.0, 1.0
    return area, normal_density(grid)


def normal_density(x: Any) -> Any:
    """exp(-x²/2) / sqrt(2 pi), of an array or a tensor."""
    return exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


def normal_area(x: Array) -> Array:
    """The normal distribution function: from the next point of the table by three terms of Taylor's series.

    The next term is below 2e-15 everywhere. NaN stays NaN.
    """
    x = np.clip(x, -FAR, FAR)
    near = np.rint(x * FINE)
    with np.errstate(invalid="ignore"):
        place = near.astype(np.intp) + FAR * FINE
    area, density = (np.take(column, place, mode="clip") for column in normal_table())
    near /= FINE
    d = x - near
    return np.asarray(area + density * d * (1 + d * ((near * near - 1) * d / 6 - near / 2)), x.dtype)


normal_cdf = Primitive("normal_cdf", normal_area, lambda g, out, x: g * normal_density(x))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x; with approximate="tanh" the formula that needs no table.

    Hendrycks and Gimpel (2016). Raises TypeError for integers, ValueError for other approximations.
    """
    check_floats("gelu", input)
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: found approximate={approximate!r}, expected 'none' or 'tanh'")
    return fused_gelu(input, approximate=approximate)


pick_rows: Primitive = Primitive(
    "embedding",
    lambda weight, index, padding_idx=None: weight[index],
    lambda g, out, weight, index, padding_idx=None: sum_rows(
        g, index=index, count=weight.shape[0], padding_idx=padding_idx
    ),
    keep="neither",
)


def sum_rows_forward(g: Array, index: Array, count: int, padding_idx: int | None = None) -> Array:
    """Row i is the sum of all rows of `g` whose index is i: sorted by index, so that each sum is one stretch."""
    flat, index = g.reshape(index.size, g.shape[-1]), index.reshape(-1)
    order = np.argsort(index, kind="stable")
    found, starts = np.unique(index[order], return_index=True)
    out = np.zeros((count, g.shape[-1]), g.dtype)
    if index.size:
        out[found] = np.add.reduceat(flat[order], starts, axis=0)
    if padding_idx is not None:
        out[padding_idx] = 0
    return out


def unpadded(g: Any, index: Array, padding_idx: int | None) -> Any:
    """The cotangent of `sum_rows`, looked up; 0 for padding."""
    g = pick_rows(g, index=index)
    return g if padding_idx is None else g * (index != padding_idx)[..., None].astype(g.dtype)


sum_rows: Primitive = Primitive(
    "sum_rows",
    sum_rows_forward,
    lambda g, out, x, index, count, padding_idx=None: unpadded(g, index, padding_idx),
    keep="neither",
)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """``weight[input]``: integers (...) to rows (..., D) of `weight` (V, D). The row `padding_idx` gets no gradient.

    Raises TypeError for an input that holds no integers, ValueError for a weight that is no matrix, IndexError for an
    index outside 0 to V - 1.
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"embedding: found a weight that is {type(weight).__name__}, expected a tensor (V, D)")
    if weight.ndim != 2:
        raise ValueError(f"embedding: found a weight of shape {weight.shape}, expected (V, D)")
    if not isinstance(input, Tensor) or input.dtype.kind not in "iu":
        kind = input.dtype if isinstance(input, Tensor) else type(input).__name__
        raise TypeError(f"embedding: found {kind}, expected a tensor of integers; use .long()")
    index, count = input.array, weight.shape[0]
    if index.size and not (0 <= index.min() and index.max() < count):
        wrong = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"embedding: found {wrong}, expected 0 to {count - 1}: there are {count} rows")
    if padding_idx is not None and not -count <= padding_idx < count:
        raise ValueError(f"embedding: found padding_idx={padding_idx}, expected {-count} to {count - 1}")
    return pick_rows(weight, index=index.copy(), padding_idx=None if padding_idx is None else padding_idx % count)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each element 0 with probability `p`, else divided by 1 - p; `input` itself if not `training`, or if p is 0.

    Shape and dtype stay; the draws come from everybody's stream. Srivastava et al. (2014), with the scaling in training
    ("inverted"). Raises ValueError for p outside 0 to 1, TypeError for what is no floating-point tensor.
    """
    check_probability("dropout", p)
    if not training or p == 0:
        return input
    if not isinstance(input, Tensor) or input.dtype.kind != "f":
        raise TypeError(f"dropout: found {input!r:.60}, expected a tensor of floats; wrap data in tensor(...)")
    return input * thinning_mask(input.shape, p, input.dtype)


def thinning_mask(shape: tuple[int, ...], p: float, dtype: Any) -> Tensor:
    """1 / (1 - p) with probability 1 - p, else 0: its mean is 1."""
    kept = stream(None).random(shape) >= p
    return Tensor(np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=dtype))


def check_probability(name: str, p: float) -> None:
    """Raise ValueError unless `p` is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: found p={p}, expected a probability from 0 to 1: the share that is dropped")
