"""The primitives, as data: a forward in NumPy and one derivative rule for each argument.

A rule is written in operators and functions that arrays and tensors share, so the same line serves the first
derivative, at the speed of arrays, and the second. `g` is the cotangent of the result `out`. Rules may return an
array that is broadcast against the argument: whoever collects it sums it back.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigrad.primitive import NO_ARRAYS, Array, Fused, Patch, Primitive, Traced, promote

Axis = int | tuple[int, ...] | None

add = Primitive(
    "add",
    np.add,
    lambda g, out, a, b: g,
    lambda g, out, a, b: g,
    keep="neither",
    promotes="same",
)
mul = Primitive(
    "mul",
    np.multiply,
    lambda g, out, a, b: g * b,
    lambda g, out, a, b: g * a,
    promotes="same",
)
exp = Primitive("exp", np.exp, lambda g, out, x: g * out, keep="output", promotes="float")


reshape: Primitive = Primitive(
    "reshape",
    lambda x, shape: x.reshape(shape),
    lambda g, out, x, shape: reshape(g, shape=x.shape),
    keep="neither",
)
broadcast_to = Primitive(
    "expand",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda g, out, x, shape: g,
    keep="neither",
)


def spread(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Undo a reduction of `x` over `axis`: put the reduced axes back and stretch `g` along them."""
    if not keepdims:
        g = reshape(g, shape=kept_shape(x.shape, axis))
    return broadcast_to(g, shape=x.shape)


sum_over = Primitive(
    "sum",
    lambda x, axis=None, keepdims=False: np.add.reduce(x, axis=axis, keepdims=keepdims),
    lambda g, out, x, axis=None, keepdims=False: spread(g, x, axis, keepdims),
    keep="neither",
)


def reduced_axes(ndim: int, axis: Axis) -> set[int]:
    """The axes that a reduction of an array of `ndim` axes over `axis` removes: all of them if `axis` is None."""
    axes = range(ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return {a + ndim if a < 0 else a for a in axes}


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with 1 for the reduced axes."""
    reduced = reduced_axes(len(shape), axis)
    return tuple([1 if i in reduced else n for i, n in enumerate(shape)])


def swap(x: Any) -> Any:
    """`x` with its last two axes exchanged."""
    return x.T if x.ndim == 2 else transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def rows(x: Any) -> Any:
    """`x` as one matrix: all axes but the last flattened into one."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


product = Primitive(
    "matmul",
    np.matmul,
    lambda g, out, a, b: g @ swap(b),
    lambda g, out, a, b: rows(a).T @ rows(g) if b.ndim == 2 else swap(a) @ g,
)


def matmul(input: Any, other: Any) -> Any:
    """``input @ other``: (..., n, k) times (..., k, m) gives (..., n, m); a vector stands for one row or one column.

    Raises ValueError where the inner sizes differ or leading axes do not broadcast, TypeError where the dtypes differ.
    """
    if type(input) in NO_ARRAYS or type(other) in NO_ARRAYS:
        kinds = f"{type(input).__name__} @ {type(other).__name__}"
        raise TypeError(f"matmul: found {kinds}, expected two tensors; use * for numbers, wrap lists in tensor(...)")
    a, b = input.shape, other.shape
    if not a or not b:
        raise ValueError(f"matmul: {a} @ {b}: a 0-d tensor has no rows; use *")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise ValueError(f"matmul: {a} @ {b}: inner sizes {a[-1]} and {inner} differ")
    if input.dtype != other.dtype:
        raise TypeError(f"matmul: {input.dtype} @ {other.dtype}: dtypes differ; convert one with .to(dtype)")
    if len(a) == 1:
        out = product(reshape(input, shape=(1, *a)), other if len(b) > 1 else reshape(other, shape=(*b, 1)))
        return reshape(out, shape=(*out.shape[:-2], *(out.shape[-1:] if len(b) > 1 else ())))
    if len(b) == 1:
        return reshape(product(input, reshape(other, shape=(*b, 1))), shape=a[:-1])
    if (
        len(a) > 2
        and len(b) > 2
        and any(n != m and 1 not in (n, m) for n, m in zip(a[-3::-1], b[-3::-1], strict=False))
    ):
        raise ValueError(f"matmul: {a} @ {b}: leading axes {a[:-2]} and {b[:-2]} do not broadcast")
    return product(input, other)


tanh = Primitive(
    "tanh",
    np.tanh,
    lambda g, out, x: g * (1 - out * out),
    keep="output",
    promotes="float",
)


neg = Primitive("neg", np.negative, lambda g, out, x: -g, keep="neither")
sub = Primitive(
    "sub",
    np.subtract,
    lambda g, out, a, b: g,
    lambda g, out, a, b: -g,
    keep="neither",
    promotes="same",
)
div = Primitive(
    "div",
    np.true_divide,
    lambda g, out, a, b: g / b,
    lambda g, out, a, b: -g * a / (b * b),
    promotes="float",
)
log = Primitive("log", np.log, lambda g, out, x: g / x, promotes="float")
sqrt = Primitive("sqrt", np.sqrt, lambda g, out, x: g / (2 * out), keep="output", promotes="float")
sin = Primitive("sin", np.sin, lambda g, out, x: g * cos(x), promotes="float")
cos: Primitive = Primitive("cos", np.cos, lambda g, out, x: -g * sin(x), promotes="float")


def pow_base(g: Any, out: Any, x: Any, y: Any) -> Any:
    """d(x**y)/dx = y x**(y - 1), and 0 where y is 0, also at x = 0."""
    if isinstance(y, int | float):
        return g * (y * x ** (y - 1)) if y else g * 0
    return g * (y * choose((y == 0) & (x == 0), 1.0, x) ** (y - 1))


def pow_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    """d(x**y)/dy = x**y log(x), and 0 at x = 0 unless y is negative."""
    if isinstance(x, int | float) and x > 0:
        return g * (out * math.log(x))
    return g * (out * log(choose((y >= 0) & (x == 0), 1.0, x)))


power = Primitive("pow", lambda x, y: x**y, pow_base, pow_exponent, keep="both", promotes="same")


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), right to the last digits on both sides: where exp overflows, the answer is 0."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


sigmoid = Primitive("sigmoid", logistic, lambda g, out, x: g * (out * (1 - out)), keep="output", promotes="float")
choose: Primitive = Primitive(
    "where",
    lambda condition, a, b: np.where(condition, *promote("where", [a, b], "same")),
    None,
    lambda g, out, condition, a, b: choose(condition, g, 0.0),
    lambda g, out, condition, a, b: choose(condition, 0.0, g),
)


def mean_forward(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean of `x` over `axis`: NaN where there is nothing to average."""
    total: Array = sum_over.forward(x, axis, keepdims)
    return total / (reduced_size(x.shape, axis) or math.nan)


def mean_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The cotangent, shared out among all that were averaged."""
    return spread(g / (reduced_size(x.shape, axis) or 1), x, axis, keepdims)


mean_over = Primitive("mean", mean_forward, mean_rule, keep="neither")


def reduced_size(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements each result of the reduction was made from."""
    return math.prod([shape[i] for i in reduced_axes(len(shape), axis) if shape])


transpose: Primitive = Primitive(
    "permute",
    lambda x, axes: x.transpose(axes),
    lambda g, out, x, axes: transpose(g, axes=inverse(axes)),
    keep="neither",
)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes` (which may count from the end)."""
    return tuple(np.argsort([a % len(axes) for a in axes]).tolist())


copy = Primitive("clone", np.copy, lambda g, out, x: g, keep="neither")


def put_back(g: Any, out: Any, x: Any, index: Any) -> Any:
    """The cotangent of ``x[index]``: a patch, or an operation if `g` is a tensor."""
    return put(g, index=index, shape=x.shape) if isinstance(g, Traced) else Patch(g, index)


getitem = Primitive("getitem", lambda x, index: x[index], put_back, keep="neither")


def put_forward(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with `g` added at `index`."""
    out = np.zeros(shape, g.dtype)
    Patch(g, index).add_to(out)
    return out


put: Primitive = Primitive(
    "put",
    put_forward,
    lambda g, out, x, index, shape: getitem(g, index=index),
    keep="neither",
)


def share(g: Any, out: Any, x: Any) -> Any:
    """The cotangent of ``max(x)``: elements that tie for it get equal shares."""
    ties = x == out
    return g * ties / int(ties.sum())


max_over = Primitive("max", np.max, share, keep="both")
min_over = Primitive("min", np.min, share, keep="both")


def lse_forward(x: Array, axis: Axis, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over `axis`, shifted by the largest element so that nothing overflows."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, tuple(reduced_axes(x.ndim, axis)))


def lse_rule(g: Any, out: Any, x: Any, axis: Axis, keepdims: bool = False) -> Any:
    """softmax(x), scaled by the cotangent; a row of -inf gets 0."""
    out = spread(out, x, axis, keepdims)
    return spread(g, x, axis, keepdims) * exp(x - choose(out == -np.inf, 0.0, out))


log_sum_exp = Primitive("logsumexp", lse_forward, lse_rule, keep="both", promotes="float")


def softmax_forward(x: Array, axis: int) -> Array:
    """exp(x) over its sum along `axis`, shifted by the largest element so that nothing overflows."""
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


exponential_share = Primitive(
    "softmax",
    softmax_forward,
    lambda g, out, x, axis: out * (g - sum_over(g * out, axis=axis, keepdims=True)),
    keep="output",
    promotes="float",
)


log_share = Primitive(
    "log_softmax",
    lambda x, axis: x - lse_forward(x, axis, keepdims=True),
    lambda g, out, x, axis: g - exp(out) * sum_over(g, axis=axis, keepdims=True),
    keep="output",
    promotes="float",
)


sign = Primitive("sign", np.sign)
relu = Primitive("relu", lambda x: np.maximum(x, 0), lambda g, out, x: g * (out > 0), keep="output")
absolute = Primitive("abs", np.abs, lambda g, out, x: g * sign(x))
softplus = Primitive("softplus", lambda x: np.logaddexp(0, x), lambda g, out, x: g * sigmoid(x), promotes="float")
safe_sqrt = Primitive(
    "std", np.sqrt, lambda g, out, x: g * choose(out == 0, 0.0, 0.5 / choose(out == 0, 1.0, out)), keep="output"
)


maximum = Primitive(
    "maximum",
    np.maximum,
    lambda g, out, a, b: g * (a > b) + g / 2 * (a == b),
    lambda g, out, a, b: g * (a < b) + g / 2 * (a == b),
    promotes="same",
)
minimum = Primitive(
    "minimum",
    np.minimum,
    lambda g, out, a, b: g * (a < b) + g / 2 * (a == b),
    lambda g, out, a, b: g * (a > b) + g / 2 * (a == b),
    promotes="same",
)


clip = Primitive(
    "clamp",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda g, out, x, low, high: g * ((x >= low) & (x <= high)),
    lambda g, out, x, low, high: g * ((x < low) & (low < high)),
    lambda g, out, x, low, high: g * ((x > high) | (high < low)),
    promotes="same",
)


def join(*arrays: Array, axis: int) -> tuple[Array, None]:
    """``np.concatenate``; nothing to save."""
    return np.concatenate(arrays, axis), None


def split(g: Any, out: Any, saved: None, *arrays: Any, axis: int) -> tuple[Callable[[], Any], ...]:
    """Cut the cotangent of a concatenation where the arrays met."""
    ends = np.cumsum([x.shape[axis] for x in arrays]).tolist()
    before = (slice(None),) * (axis % g.ndim)
    starts = [0, *ends[:-1]]
    return tuple([partial(getitem, g, index=(*before, slice(a, b))) for a, b in zip(starts, ends, strict=True)])


concatenate = Fused("cat", join, split, promotes="same")


def set_forward(x: Array, value: Any, index: Any) -> Array:
    """A copy of `x` with `value` at `index`."""
    out = x.copy()
    out[index] = value
    return out


def set_value(g: Any, out: Any, x: Any, value: Any, index: Any) -> Any:
    """The cotangent of `value`; its leading axes of length 1 are put back."""
    g = getitem(g, index=index)
    return g if g.ndim >= len(value.shape) else reshape(g, shape=(1,) * (len(value.shape) - g.ndim) + g.shape)


set_item: Primitive = Primitive(
    "setitem",
    set_forward,
    lambda g, out, x, value, index: set_item(g, 0.0, index=index),
    set_value,
    keep="neither",
)
