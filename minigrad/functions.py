"""PyTorch's functions that take a dimension or several tensors; those of one tensor are primitives themselves.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.rules import absolute, choose, concatenate
from minigrad.tensor import Tensor


def only_tensors(name: str, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """`tensors` as they are. Raises TypeError if one is something else."""
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: expected tensors, found {x!r:.40} ({type(x).__name__}) in place {i}")
    return tensors


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis `dim`."""
    shapes = {x.shape for x in only_tensors("stack", tensors)}
    if len(shapes) != 1:
        raise ValueError(f"stack: expected at least one tensor and one shape for all, found {sorted(shapes)}")
    return cat([x.unsqueeze(dim) for x in tensors], dim)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors end to end along the existing axis `dim`. Raises ValueError where the other axes differ."""
    if len(tensors) == 0:
        raise ValueError("cat: found no tensors, expected at least one")
    tensors = [x for x in only_tensors("cat", tensors) if x.shape != (0,)] or tensors[:1]
    if not tensors[0].ndim:
        raise ValueError("cat: 0-d tensors have no axis to be joined along; use stack")
    dim = tensors[0].one_axis(dim)
    if len({(*x.shape[:dim], *x.shape[dim + 1 :]) for x in tensors}) != 1:
        raise ValueError(f"cat: all axes but {dim} must agree, found shapes {[x.shape for x in tensors]}")
    return concatenate(*tensors, axis=dim)


def abs(input: Tensor) -> Tensor:
    """The absolute value of every element; its slope at 0 is 0."""
    return absolute(input)


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """`input` where `condition` holds, else `other`; all three are broadcast. Either may be a number."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = Tensor(input)  # two numbers make a tensor of their own dtype
    return choose(condition, input, other)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """See `Tensor.gather`."""
    return input.gather(dim, index)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """See `Tensor.clamp`."""
    return input.clamp(min, max)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow."""
    return input.logsumexp(dim, keepdim)


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along `dim`. `dtype`: convert `input` first."""
    return input.softmax(dim, dtype)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """input - logsumexp(input) along `dim`. `dtype`: convert `input` first."""
    return input.log_softmax(dim, dtype)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere."""
    only_tensors("allclose", (input, other))
    return bool(np.allclose(input.array, other.array, rtol, atol, equal_nan))
