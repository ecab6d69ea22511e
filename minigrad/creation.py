"""Tensors from nothing: constants, ranges and random numbers.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from minigrad.primitive import Array, Default, python_dtype
from minigrad.random import Generator, stream
from minigrad.tensor import Tensor, sizes

float32, float64, int64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)


def set_default_dtype(dtype: Any) -> None:
    """The dtype of tensors made from Python floats from now on: float32 or float64."""
    if np.dtype(dtype) not in (float32, float64):
        raise TypeError(f"set_default_dtype: found {dtype}, expected float32 or float64")
    Default.dtype = np.dtype(dtype)


def on_cpu(create: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`create` with PyTorch's argument `device`, of which there is one here: "cpu"."""

    @wraps(create)
    def checked(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
        if device is not None and str(device) != "cpu":
            raise ValueError(f"{create.__name__}: found device={device!r}, expected 'cpu': there is no other")
        return create(*args, **kwargs)

    return checked


@on_cpu
def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`; see `Tensor`."""
    return Tensor(data, requires_grad, dtype)


def from_numpy(array: Array) -> Tensor:
    """A tensor that shares the memory of `array`."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"from_numpy: found {kind}, expected a NumPy array of numbers; use tensor(...) for other data")
    return leaf(array, False)


def leaf(array: Array, requires_grad: bool) -> Tensor:
    """A tensor over `array` itself."""
    out = object.__new__(Tensor)
    out.array, out.node = array, None
    return out.requires_grad_(requires_grad)


@on_cpu
def full(size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """`fill_value` everywhere, in the dtype of a tensor made from it."""
    return leaf(np.full(size, fill_value, dtype or python_dtype(fill_value)), requires_grad)


@on_cpu
def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape `size`: ``zeros(2, 3)`` or ``zeros((2, 3))``."""
    return leaf(np.zeros(sizes(size), dtype or Default.dtype), requires_grad)


@on_cpu
def ones(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape `size`."""
    return leaf(np.ones(sizes(size), dtype or Default.dtype), requires_grad)


@on_cpu
def zeros_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape and dtype of `input`."""
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@on_cpu
def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape and dtype of `input`."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@on_cpu
def arange(start: Any, end: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """start, start + step, ... below `end`; ``arange(n)`` counts from 0. Integers, unless one of them is a float."""
    start, end = (0, start) if end is None else (start, end)
    whole = all(isinstance(x, int) for x in (start, end, step))
    return leaf(np.arange(start, end, step).astype(dtype or (int64 if whole else Default.dtype)), requires_grad)


@on_cpu
def linspace(start: Any, end: Any, steps: int, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """`steps` numbers evenly spaced from `start` to `end`, both included."""
    return leaf(np.linspace(float(start), float(end), steps).astype(dtype or Default.dtype), requires_grad)


@on_cpu
def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Draws from U[0, 1)."""
    return leaf(stream(generator).random(sizes(size)).astype(dtype or Default.dtype), requires_grad)


@on_cpu
def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Draws from N(0, 1)."""
    return leaf(stream(generator).standard_normal(sizes(size)).astype(dtype or Default.dtype), requires_grad)


@on_cpu
def randint(
    low: int, high: Any = None, size: Any = None, generator: Generator | None = None, dtype: Any = None
) -> Tensor:
    """Integers from `low` (0 if only one bound is given) up to, not including, `high`: ``randint(10, (3,))``."""
    if size is None:
        low, high, size = 0, low, high
    return leaf(np.asarray(stream(generator).integers(low, high, size), dtype or int64), False)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the weights `input`: one row, or one draw for each row of a matrix.

    Raises ValueError for negative weights, a sum of 0, or more draws than positive weights without `replacement`.
    """
    weights = np.atleast_2d(input.array.astype(np.float64))
    if not (weights >= 0).all() or not np.isfinite(weights).all() or not (weights.sum(1) > 0).all():
        raise ValueError("multinomial: weights must be finite, not negative, and not all 0")
    if not replacement and ((weights > 0).sum(1) < num_samples).any():
        raise ValueError(f"multinomial: {num_samples} draws without replacement need as many positive weights")
    draw = stream(generator).choice
    rows = [draw(len(w), num_samples, replacement, w / w.sum()) for w in weights]
    return leaf(np.stack(rows).reshape(*input.shape[:-1], num_samples), False)
