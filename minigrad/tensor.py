"""The tensor: an array, the node it came from, and PyTorch's operators and methods.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad.autograd import backward
from minigrad.primitive import Array, Cotangents, Default, Leaf, Operation, Traced, cast, comparison, recording, writes
from minigrad.random import Generator, stream
from minigrad.rules import (
    absolute,
    add,
    broadcast_to,
    clip,
    copy,
    cos,
    div,
    exp,
    exponential_share,
    getitem,
    log,
    log_share,
    log_sum_exp,
    matmul,
    max_over,
    maximum,
    mean_over,
    min_over,
    minimum,
    mul,
    neg,
    power,
    reduced_axes,
    reduced_size,
    relu,
    reshape,
    safe_sqrt,
    set_item,
    sigmoid,
    sin,
    sqrt,
    sub,
    sum_over,
    tanh,
    transpose,
)


class Tensor(Traced):
    """An n-dimensional array that remembers how it was computed.

    `data` is a number, nested lists of numbers, a NumPy array (copied) or a tensor. Python floats become the default
    dtype (float32), integers int64; arrays keep theirs. Raises TypeError for what holds no numbers, ValueError for
    ragged lists, RuntimeError if integers are to require gradients.
    """

    __slots__ = ("__weakref__",)
    __array_ufunc__ = None  # so that NumPy arrays leave arithmetic with a tensor to the tensor
    __hash__ = object.__hash__

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None) -> None:
        self.array = as_array(data, dtype)
        self.node = None
        self.requires_grad_(requires_grad)

    def wrap(self, array: Array, node: Any) -> Tensor:
        """A tensor over `array` itself, no copy, that came from `node`."""
        tensor = object.__new__(Tensor)
        tensor.array, tensor.node = array, node
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        return self.node is None or isinstance(self.node, Leaf)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for this leaf's gradient, or no longer. Raises RuntimeError for integers and for computed tensors."""
        if requires_grad and self.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad: only floating-point tensors have gradients, found {self.dtype}; "
                "write 3.0 instead of 3, or pass dtype=float32"
            )
        if not self.is_leaf and not requires_grad:
            raise RuntimeError(
                "requires_grad: this tensor was computed from others; use .detach() to leave its history behind"
            )
        if self.node is None or not requires_grad:
            self.node = Leaf(self.array) if requires_grad else None
        return self

    def __repr__(self) -> str:
        body = np.array2string(self.array, precision=4, separator=", ", prefix="tensor(")
        usual = self.dtype in (Default.dtype, np.int64, np.bool_)
        parts = [body, *([] if usual else [f"dtype={self.dtype}"])]
        if isinstance(self.node, Leaf):
            parts.append("requires_grad=True")
        elif self.node is not None:
            parts.append(f"grad_fn={self.node!r}")
        return f"tensor({', '.join(parts)})"

    def detach(self) -> Tensor:
        """The same memory without history: nothing flows back from here."""
        return self.wrap(self.array, None)

    def tolist(self) -> Any:
        return self.array.tolist()

    def numpy(self) -> Array:
        """The array itself: writing to it writes to the tensor. Raises RuntimeError if gradients are wanted."""
        if self.node is not None:
            raise RuntimeError("numpy: this tensor requires grad, and NumPy records nothing; use .detach().numpy()")
        return self.array

    def __add__(self, other: Any) -> Tensor:
        return add(self, other)

    def __mul__(self, other: Any) -> Tensor:
        return mul(self, other)

    def __matmul__(self, other: Any) -> Tensor:
        return matmul(self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def axis(self, dim: Any) -> Any:
        """`dim` as NumPy wants it: None for all axes, also of a 0-d tensor. Raises IndexError for an axis too many."""
        dims = (dim,) if isinstance(dim, int) else dim
        for d in dims or ():
            if not -max(self.ndim, 1) <= d < max(self.ndim, 1):
                raise IndexError(f"dim: found {d}, but shape {self.shape} has axes {-self.ndim} to {self.ndim - 1}")
        return None if not dims or not self.ndim else dim if isinstance(dim, int) else tuple(dims)

    def to(self, dtype: Any) -> Tensor:
        """This tensor in another dtype: itself if it has that dtype already. Gradients flow through floats only."""
        if self.dtype == dtype:
            return self
        return cast(self if np.dtype(dtype).kind == "f" else self.detach(), dtype=np.dtype(dtype))

    def sum(self, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
        x = self.to(dtype or (self.dtype if self.dtype.kind == "f" else np.int64))
        return sum_over(x, axis=x.axis(dim), keepdims=keepdim)

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add d(self)/d(leaf) to the `grad` of every leaf that `self` was computed from.

        `gradient`, of the shape of `self`, is the cotangent to start from; it may be left out where `self` is one
        number. The graph is freed unless `retain_graph`; under `create_graph` the gradients have a graph of their own.
        """
        backward([self], [gradient], retain_graph, create_graph)

    def new_cotangents(self) -> Cotangents:
        """What `backward` collects the cotangents of tensors in."""
        return Cotangents()

    def total(self, held: Tensor | None, g: Any) -> Tensor:
        """The gradient `held` so far plus the cotangent `g`, as a tensor."""
        if isinstance(g, Tensor):
            return g if held is None else held + g
        return self.wrap(g if held is None else np.asarray(held.array + g), None)

    def seed(self, gradient: Tensor | None, create_graph: bool) -> Any:
        """The cotangent to start from: an array, or a tensor under `create_graph`."""
        if self.node is None:
            raise RuntimeError(
                "backward: this tensor does not require grad: no requires_grad=True went into it, "
                "or it was made under no_grad"
            )
        if gradient is None:
            if self.array.size != 1:
                raise RuntimeError(
                    f"backward: the output has shape {self.shape}; reduce it to one number first, "
                    "e.g. y.sum().backward(), or pass gradient="
                )
            gradient = self.wrap(np.ones_like(self.array), None)
        if not isinstance(gradient, Tensor) or gradient.shape != self.shape:
            raise ValueError(
                f"backward: gradient must be a tensor of the output's shape {self.shape}, found {gradient!r:.60}"
            )
        return gradient if create_graph else gradient.array.astype(self.dtype, copy=False)

    @property
    def grad(self) -> Tensor | None:
        """What `backward` has added up so far: a tensor of this shape and dtype, or None."""
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if not isinstance(self.node, Leaf):
            raise RuntimeError("grad: only a leaf with requires_grad=True keeps a gradient")
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape):
            raise ValueError(f"grad: expected None or a tensor of shape {self.shape}, found {value!r:.60}")
        self.node.grad = value

    def tanh(self) -> Tensor:
        return tanh(self)

    def __neg__(self) -> Tensor:
        return neg(self)

    def __sub__(self, other: Any) -> Tensor:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return sub(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return div(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return power(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return matmul(other, self)

    def exp(self) -> Tensor:
        return exp(self)

    def log(self) -> Tensor:
        return log(self)

    def sqrt(self) -> Tensor:
        return sqrt(self)

    def sin(self) -> Tensor:
        return sin(self)

    def cos(self) -> Tensor:
        return cos(self)

    def sigmoid(self) -> Tensor:
        return sigmoid(self)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of axis `dim`."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor: it has no axes; use .item() for its number")
        return self.shape[0]

    @property
    def grad_fn(self) -> Operation | None:
        return self.node if isinstance(self.node, Operation) else None

    @property
    def data(self) -> Tensor:
        """The same memory without history."""
        return self.wrap(self.array, None)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor) or value.shape != self.shape:
            raise ValueError(f"data: expected a tensor of shape {self.shape}, found {value!r:.60}")
        self.array = value.array.astype(self.dtype, copy=False)

    def clone(self) -> Tensor:
        """A copy, through which gradients flow."""
        return copy(self)

    def item(self) -> Any:
        """The one number in this tensor. Raises ValueError if there are more, or none."""
        if self.array.size != 1:
            raise ValueError(
                f"item: found {self.array.size} elements (shape {self.shape}), expected 1; index one, or use .tolist()"
            )
        return self.array.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"Tensor has no {name!r}: it offers those of PyTorch's methods that the book has built; "
            "dir(Tensor) lists them"
        )

    def mean(self, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
        x = self if dtype is None else self.to(dtype)
        if x.dtype.kind != "f":
            raise RuntimeError(f"mean: found {x.dtype}, expected floats; use .float().mean()")
        return mean_over(x, axis=x.axis(dim), keepdims=keepdim)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one size may be -1. Shares memory where it can."""
        return reshape(self, shape=sizes(shape))

    def permute(self, *dims: Any) -> Tensor:
        """The axes in the order `dims`."""
        axes = sizes(dims)
        if sorted(a % max(self.ndim, 1) for a in axes) != list(range(self.ndim)):
            raise ValueError(f"permute: {axes} is no order of the {self.ndim} axes of shape {self.shape}")
        return transpose(self, axes=axes)

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return transpose(self, axes=tuple(range(self.ndim))[::-1])

    def view(self, *shape: Any) -> Tensor:
        """`reshape`. PyTorch's refuses where the memory would have to be copied; this one copies."""
        return self.reshape(*shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Axes `start_dim` to `end_dim`, both included, as one."""
        self.axis((start_dim, end_dim))
        shape = self.shape or (1,)
        first, last = start_dim % len(shape), end_dim % len(shape)
        return self.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def squeeze(self, dim: Any = None) -> Tensor:
        """Without the axes of length 1, or without those of `dim` that have length 1."""
        axes = reduced_axes(self.ndim, () if dim == () or not self.ndim else self.axis(dim))
        return self.reshape([n for i, n in enumerate(self.shape) if n != 1 or i not in axes])

    def unsqueeze(self, dim: int) -> Tensor:
        """With a new axis of length 1 at `dim`."""
        if not -self.ndim - 1 <= dim <= self.ndim:
            raise IndexError(f"unsqueeze: found dim {dim}, expected {-self.ndim - 1} to {self.ndim}")
        at = dim + self.ndim + 1 if dim < 0 else dim
        return self.reshape(*self.shape[:at], 1, *self.shape[at:])

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Axes `dim0` and `dim1` exchanged."""
        self.axis((dim0, dim1))
        axes = list(range(self.ndim))
        if axes:
            axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
        return transpose(self, axes=tuple(axes))

    def expand(self, *shape: Any) -> Tensor:
        """Broadcast to `shape` without a copy; -1 keeps a length."""
        wanted = sizes(shape)
        own = (-1,) * (len(wanted) - self.ndim) + self.shape
        size = tuple([m if n == -1 else n for n, m in zip(wanted, own, strict=False)])
        if len(own) > len(wanted) or any(n < 0 or m not in (n, 1, -1) for n, m in zip(size, own, strict=True)):
            raise ValueError(
                f"expand: {self.shape} does not stretch to {wanted}; only axes of length 1 and new ones do"
            )
        return broadcast_to(self, shape=size)

    def __getitem__(self, index: Any) -> Tensor:
        return getitem(self, index=raw_index(index))

    def gather(self, dim: int, index: Tensor) -> Tensor:
        """Along `dim` the elements at `index`: ``out[i, j] = self[index[i, j], j]`` for dim 0, and so on."""
        self.axis(dim)
        if not index.numel():
            return self.flatten()[:0].reshape(index.shape)
        if max(index.ndim, 1) != max(self.ndim, 1) or index.dtype.kind not in "iu":
            raise ValueError(
                f"gather: index has shape {index.shape} and dtype {index.dtype}; "
                f"expected integers with the {self.ndim} axes of {self.shape}"
            )
        if index.array.min() < 0:
            raise IndexError(f"gather: found index {index.array.min()}; in gather they do not count from the end")
        if not index.ndim or not self.ndim:
            return self.flatten()[index]
        at: list[Any] = list(np.ogrid[tuple([slice(n) for n in index.shape])])
        at[dim] = index
        return self[tuple(at)]

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest element (ties share its gradient), or along `dim` the values and indices (one gets it).

        With a tensor in the place of `dim`: `maximum`.
        """
        if isinstance(dim, Tensor):
            return maximum(self, dim)
        return max_over(self) if dim is None else self.extremes(self.argmax(dim, keepdim=True), dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest element, as `max` the largest."""
        if isinstance(dim, Tensor):
            return minimum(self, dim)
        return min_over(self) if dim is None else self.extremes(self.argmin(dim, keepdim=True), dim, keepdim)

    def extremes(self, indices: Tensor, dim: int, keepdim: bool) -> Extremes:
        """The elements at `indices` along `dim`."""
        if not self.ndim:
            return Extremes(self.clone(), indices)
        values = self.gather(dim, indices)
        return Extremes(values, indices) if keepdim else Extremes(values.squeeze(dim), indices.squeeze(dim))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the largest element is: in the flattened tensor, or along `dim`; the first of ties."""
        return self.wrap(np.asarray(np.argmax(self.array, self.axis(dim), keepdims=keepdim)), None)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the smallest element is: in the flattened tensor, or along `dim`; the first of ties."""
        return self.wrap(np.asarray(np.argmin(self.array, self.axis(dim), keepdims=keepdim)), None)

    def all(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        return self.wrap(np.asarray(np.all(self.array, self.axis(dim), keepdims=keepdim)), None)

    def any(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        return self.wrap(np.asarray(np.any(self.array, self.axis(dim), keepdims=keepdim)), None)

    def one_axis(self, dim: int) -> Any:
        """`dim` counted from 0, or () for a 0-d tensor."""
        self.axis(dim)
        return dim % self.ndim if self.ndim else ()

    def softmax(self, dim: int, dtype: Any = None) -> Tensor:
        return exponential_share(self if dtype is None else self.to(dtype), axis=self.one_axis(dim))

    def log_softmax(self, dim: int, dtype: Any = None) -> Tensor:
        return log_share(self if dtype is None else self.to(dtype), axis=self.one_axis(dim))

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Tensor:
        return log_sum_exp(self, axis=self.axis(dim), keepdims=keepdim)

    def become(self, name: str, new: Tensor) -> Tensor:
        """Take the value of `new`, for the in-place operation `name`.

        Where nothing is recorded the memory is written, and every view sees it. Where `new` has a history, this tensor
        takes array and history over and the old array stays as it was, for the rules that need it. Raises
        RuntimeError for a leaf that requires grad, ValueError if the shape would change, TypeError for a lesser dtype.
        """
        self.refuse_in_place(name, new)
        if new.node is None:
            if not self.array.flags.writeable:
                raise RuntimeError(f"{name}: this memory is read-only, or an expanded view; use .clone() first")
            self.array[...] = new.array
            writes.note(self.array)
        else:
            self.array, self.node = new.array.astype(self.dtype, copy=False), new.node
        return self

    def refuse_in_place(self, name: str, new: Tensor) -> None:
        """Raise an error, naming the operation, if this tensor cannot take the value of `new`."""
        if recording.enabled and isinstance(self.node, Leaf):
            raise RuntimeError(
                f"{name}: a leaf that requires grad is changed in place; put the update under `with no_grad():`"
            )
        if new.shape != self.shape:
            raise ValueError(
                f"{name}: in place the shape stays {self.shape}, the result has {new.shape}; assign it instead"
            )
        if not np.can_cast(new.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"{name}: in place the dtype stays {self.dtype}, the result has {new.dtype}; assign it instead"
            )

    def __iadd__(self, other: Any) -> Tensor:
        return self.become("+=", add(self, other))

    def __isub__(self, other: Any) -> Tensor:
        return self.become("-=", sub(self, other))

    def __imul__(self, other: Any) -> Tensor:
        return self.become("*=", mul(self, other))

    def __itruediv__(self, other: Any) -> Tensor:
        return self.become("/=", div(self, other))

    __eq__ = comparison("eq", np.equal)
    __ne__ = comparison("ne", np.not_equal)
    __lt__ = comparison("lt", np.less)
    __le__ = comparison("le", np.less_equal)
    __gt__ = comparison("gt", np.greater)
    __ge__ = comparison("ge", np.greater_equal)
    __and__ = comparison("and", np.bitwise_and)
    __or__ = comparison("or", np.bitwise_or)
    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Tensor:
        return self.wrap(np.invert(self.array), None)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(
                f"bool: a tensor of shape {self.shape} is not one truth value; use .any(), .all(), or & for `and`"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.ndim == 0 else str(self), spec)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = raw_index(index)
        if recording.enabled and (self.requires_grad or (isinstance(value, Tensor) and value.requires_grad)):
            self.become("setitem", set_item(self, value, index=index))
        else:  # nothing to record: write without a copy
            self.array[index] = value.array if isinstance(value, Tensor) else value
            writes.note(self.array)

    def zero_(self) -> Tensor:
        return self.become("zero_", set_item(self, 0, index=...))

    def fill_(self, value: float) -> Tensor:
        return self.become("fill_", set_item(self, value, index=...))

    def copy_(self, source: Tensor) -> Tensor:
        """Take the numbers of `source`, broadcast to this shape and cast to this dtype."""
        return self.become("copy_", set_item(self, source, index=...))

    def normal_(self, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
        """Draw every element from N(mean, std²)."""
        draws = stream(generator).normal(mean, std, self.shape)
        return self.become("normal_", set_item(self, draws, index=...))

    def uniform_(self, low: float = 0.0, high: float = 1.0, generator: Generator | None = None) -> Tensor:
        """Draw every element from U[low, high)."""
        draws = stream(generator).uniform(low, high, self.shape)
        return self.become("uniform_", set_item(self, draws, index=...))

    def var(
        self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: int | None = None
    ) -> Tensor:
        """Mean squared distance from the mean, divided by n - `correction`: by default n - 1, as in PyTorch."""
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        correction = int(unbiased) if correction is None else correction
        away = self - self.mean(dim, keepdim=True)
        n = reduced_size(self.shape, self.axis(dim))
        return (away * away).sum(dim, keepdim) / max(n - correction, 0)

    def std(
        self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: int | None = None
    ) -> Tensor:
        """The square root of `var`; where that is 0 the gradient is 0."""
        return safe_sqrt(self.var(dim, unbiased, keepdim, correction))

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf of its own, with its own `grad`, as ``copy.deepcopy(model)`` needs it."""
        if not self.is_leaf:
            raise RuntimeError("deepcopy: this tensor was computed from others; use .clone(), or .detach() first")
        twin = object.__new__(type(self))
        twin.array, twin.node = self.array.copy(), None
        memo[id(self)] = twin.requires_grad_(self.requires_grad)
        if self.grad is not None:
            twin.grad = self.wrap(self.grad.array.copy(), None)
        return twin

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Every element moved into [min, max]; one of them may be None. At the ends the slope is 1."""
        if min is None and max is None:
            raise ValueError("clamp: give min, max or both")
        lowest, highest = -math.inf, math.inf
        if self.dtype.kind != "f":
            lowest, highest = (0, 1) if self.dtype == np.bool_ else (np.iinfo(self.dtype).min, np.iinfo(self.dtype).max)
        return clip(self, lowest if min is None else min, highest if max is None else max)

    def relu(self) -> Tensor:
        return relu(self)

    def abs(self) -> Tensor:
        return absolute(self)

    def pow(self, exponent: Any) -> Tensor:
        return power(self, exponent)

    def matmul(self, other: Tensor) -> Tensor:
        return matmul(self, other)

    def maximum(self, other: Tensor) -> Tensor:
        return maximum(self, other)

    def minimum(self, other: Tensor) -> Tensor:
        return minimum(self, other)

    __abs__ = abs

    def double(self) -> Tensor:
        return self.to(np.float64)

    def long(self) -> Tensor:
        return self.to(np.int64)

    def bool(self) -> Tensor:
        return self.to(np.bool_)

    def float(self) -> Tensor:
        return self.to(np.float32)


def as_array(data: Any, dtype: Any = None) -> Array:
    """A new array with the numbers of `data`, in PyTorch's dtype for them (see `Tensor`)."""
    if isinstance(data, Tensor):
        return np.array(data.array, dtype)
    try:
        array = np.array(data, dtype)
    except ValueError as error:
        raise ValueError(f"tensor: the nested lists are ragged: every row needs the same length ({error})") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"tensor: found {data!r:.60} ({type(data).__name__}), expected real numbers")
    keeps = isinstance(data, np.ndarray | np.generic) or (
        array.size and isinstance(first(data), np.ndarray | np.generic | Tensor)
    )
    if dtype is None and array.dtype == np.float64 and not keeps:
        array = array.astype(Default.dtype)
    return array


def first(data: Any) -> Any:
    """The first thing in nested lists that is no list or tuple."""
    while isinstance(data, list | tuple):
        data = data[0]
    return data


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape meant by ``f(2, 3)`` and ``f((2, 3))`` alike."""
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape


def raw_index(index: Any) -> Any:
    """`index` with arrays in the place of tensors. Raises IndexError for tensors of floats."""
    if isinstance(index, tuple):
        return tuple([raw_index(part) for part in index])
    if isinstance(index, Tensor):
        if index.dtype.kind == "f":
            raise IndexError(f"index: found a tensor of {index.dtype}, expected integers or booleans; use .long()")
        return index.array
    if isinstance(index, list):  # a copy, which nobody can change before backward()
        return raw_index(Tensor(index)) if index else np.zeros(0, np.int64)
    return index.copy() if isinstance(index, np.ndarray) else index


class Extremes(NamedTuple):
    """What ``max(dim)`` and ``min(dim)`` return."""

    values: Tensor
    indices: Tensor
