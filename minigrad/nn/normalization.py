"""Layers that keep activations, and so gradients, in a known range.

Made from chapter 6, Keep gradients alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.creation import ones, zeros
from minigrad.nn.functional import batch_norm, check_floats, layer_norm
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor


class BatchNorm1d(Module):
    """Each of `num_features` channels of (N, C) or (N, C, L), normalised over the batch, times `weight`, plus `bias`.

    In training with the batch's mean and variance, in evaluation with running ones, buffers that move a part `momentum`
    of the way with every batch; None averages over all batches. Without `track_running_stats` always with the batch's.
    Ioffe and Szegedy (2015). Raises ValueError in training for one value per channel.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        Module.__init__(self)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        register_affine(self, (num_features,), affine, affine and bias, dtype)
        start = (zeros(num_features, dtype=dtype), ones(num_features, dtype=dtype), Tensor(0))
        for name, value in zip(("running_mean", "running_var", "num_batches_tracked"), start, strict=True):
            self.register_buffer(name, value if track_running_stats else None)

    def forward(self, input: Tensor) -> Tensor:
        check_floats("BatchNorm1d", input)
        if input.ndim not in (2, 3):
            raise ValueError(f"BatchNorm1d: found shape {input.shape}, expected (N, C) or (N, C, L)")
        momentum = self.momentum or 0.0
        tracked = self.training and self.num_batches_tracked is not None
        if tracked and self.momentum is None:
            momentum = 1 / (self.num_batches_tracked.item() + 1)
        own = not self.training or self.track_running_stats
        out = batch_norm(
            input,
            self.running_mean if own else None,
            self.running_var if own else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )
        if tracked:
            self.num_batches_tracked.array += 1
        return out

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def reset_running_stats(self) -> None:
        """Forget all batches: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1.0)
            self.num_batches_tracked.zero_()


def register_affine(module: Module, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
    """A weight of ones and a bias of zeros, or None in the place of one that is switched off."""
    module.register_parameter("weight", Parameter(ones(*shape, dtype=dtype)) if weight else None)
    module.register_parameter("bias", Parameter(zeros(*shape, dtype=dtype)) if bias else None)


class LayerNorm(Module):
    """The last axes, of shape `normalized_shape` (or one axis, for an int), normalised example by example.

    Then times `weight`, plus `bias`, both of that shape. The same in training and evaluation. Ba et al. (2016).
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        Module.__init__(self)
        axes = normalized_shape if isinstance(normalized_shape, Iterable) else [normalized_shape]
        self.normalized_shape = tuple(int(n) for n in axes)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        register_affine(self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"
