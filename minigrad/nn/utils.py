"""Help with gradients between `backward` and `step`, under PyTorch's name.

Made from chapter 7, Backpropagate through time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.nn.module import Module
from minigrad.primitive import Array, writes
from minigrad.tensor import Tensor


def gradients_of(name: str, parameters: Any) -> list[Array]:
    """The gradients that are there. Raises TypeError for anything but a tensor or several."""
    if not isinstance(parameters, Tensor | Iterable) or isinstance(parameters, Module):
        kind = type(parameters).__name__
        raise TypeError(f"{name}: found {kind}, expected tensors; pass model.parameters()")
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad.array for p in tensors if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients together, in place, so that their norm is at most `max_norm`; returns the norm before.

    The norm is that of all gradients as one vector: (sum |g|^p)^(1/p) with p = `norm_type`, the largest |g| for inf.
    Pascanu et al. (2013). Raises RuntimeError for a norm that is no number, if `error_if_nonfinite`.
    """
    found = gradients_of("clip_grad_norm_", parameters)
    norms = [np.linalg.norm(g.reshape(-1), norm_type) for g in found if g.size]
    total = np.linalg.norm(np.asarray(norms), norm_type) if norms else np.float32(0)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: found a norm of {total}; look for the step that overflows")
    scale = float(max_norm) / (float(total) + 1e-6)
    if not scale >= 1:
        for g in found:
            g *= scale
            writes.note(g)
    return Tensor(total)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of every gradient, in place, to [-clip_value, clip_value]. The direction may change."""
    for g in gradients_of("clip_grad_value_", parameters):
        np.clip(g, -clip_value, clip_value, out=g)
        writes.note(g)
