"""Layers and activations as modules.

Made from chapter 4, Train a multilayer perceptron; and chapter 6, Keep gradients alive.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.creation import zeros
from minigrad.functions import softmax
from minigrad.nn.functional import gelu, linear
from minigrad.nn.init import uniform_
from minigrad.nn.module import Module, Parameter
from minigrad.rules import relu, sigmoid, tanh
from minigrad.tensor import Tensor


class Linear(Module):
    """input @ weight.T + bias: (..., in_features) to (..., out_features).

    `weight` (out, in) and `bias` (out,) start as draws from U(-1/sqrt(in), 1/sqrt(in)), as in PyTorch.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None) -> None:
        Module.__init__(self)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features) if in_features > 0 else 0.0
        self.weight = Parameter(uniform_(zeros(out_features, in_features, dtype=dtype), -bound, bound))
        self.register_parameter(
            "bias", Parameter(uniform_(zeros(out_features, dtype=dtype), -bound, bound)) if bias else None
        )

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class ReLU(Module):
    """max(x, 0); its slope at 0 is 0."""

    def forward(self, input: Tensor) -> Tensor:
        return relu(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        return sigmoid(input)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        return tanh(input)


class Identity(Module):
    """The input as it is."""

    def forward(self, input: Any) -> Any:
        return input


class Flatten(Module):
    """Axes `start_dim` to `end_dim` as one: (N, 8, 8) to (N, 64)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        Module.__init__(self)
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


class Softmax(Module):
    """exp(x) divided by its sum along `dim`."""

    def __init__(self, dim: int) -> None:
        Module.__init__(self)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class GELU(Module):
    """x times the normal distribution function of x; see `functional.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        Module.__init__(self)
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"
