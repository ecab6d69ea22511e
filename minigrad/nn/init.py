"""Fill parameters with their first values, in place and unrecorded.

Made from chapter 4, Train a multilayer perceptron; and chapter 6, Keep gradients alive.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from minigrad.primitive import no_grad
from minigrad.random import Generator, stream
from minigrad.tensor import Tensor


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from U[a, b)."""
    return tensor.uniform_(a, b, generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from N(mean, std²)."""
    return tensor.normal_(mean, std, generator)


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs a unit of the weight (out, in, ...) has, and how many units each input goes to.

    Further axes, those of a convolution's window, multiply both. Raises ValueError below two axes.
    """
    if tensor.ndim < 2:
        raise ValueError(f"init: found shape {tensor.shape}, expected a weight (out, in, ...): a bias has no fans")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from U[-a, a) with a = gain sqrt(6 / (fan_in + fan_out)). Glorot and Bengio (2010), equation 16."""
    a = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from N(0, std²) with std = gain sqrt(2 / (fan_in + fan_out)). Glorot and Bengio (2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


LINEAR = ("linear", "sigmoid", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor on the weights' standard deviation that makes up for what `nonlinearity` takes away, as in PyTorch.

    sqrt(2) for "relu", sqrt(2 / (1 + param²)) for "leaky_relu" (param 0.01 if None), 5/3 for "tanh", 3/4 for "selu",
    1 for "linear", "sigmoid" and convolutions. Raises ValueError for other names.
    """
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, int | float | None):
            raise ValueError(f"calculate_gain: found negative slope {param!r}, expected a number")
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    gains = {"relu": math.sqrt(2.0), "tanh": 5 / 3, "selu": 3 / 4} | dict.fromkeys(LINEAR, 1)
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: found {nonlinearity!r}, expected one of {sorted([*gains, 'leaky_relu'])}")
    return gains[nonlinearity]


def kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """gain / sqrt(fan), with the fan that `mode` names. None, with a warning, for a tensor without elements."""
    if not tensor.numel():
        warnings.warn("init: a tensor without elements is left as it is", stacklevel=3)
        return None
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"init: found mode={mode!r}, expected 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(tensor)[mode.lower() == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws from U[-b, b) with b = gain sqrt(3 / fan). He et al. (2015). `a`: the slope left of 0 of "leaky_relu"."""
    std = kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else uniform_(tensor, -math.sqrt(3) * std, math.sqrt(3) * std, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws from N(0, std²) with std = gain / sqrt(fan). He et al. (2015), equations 10 and 14."""
    std = kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`. Saxe et al. (2013).

    All axes but the first count as one. Raises ValueError below two axes.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: found shape {tensor.shape}, expected at least two axes")
    if not tensor.numel():
        return tensor
    tall = sorted((len(tensor), tensor.numel() // len(tensor)), reverse=True)
    q, r = np.linalg.qr(stream(generator).normal(size=tall))
    q *= np.sign(np.diag(r))  # without it the draw is not uniform over all orthogonal matrices
    q = q if len(tensor) == tall[0] else q.T
    return tensor.copy_(tensor.wrap(gain * q.reshape(tensor.shape), None))
