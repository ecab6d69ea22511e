"""Gradient descent, with momentum on request.

Made from chapter 4, Train a multilayer perceptron; and chapter 5, Descend with gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minigrad.optim.optimizer import Optimizer
from minigrad.primitive import Array
from minigrad.tensor import Tensor


class SGD(Optimizer):
    """p -= lr x d, where d is the gradient, plus weight_decay x p, smoothed by `momentum`.

    With momentum: buffer = momentum x buffer + (1 - dampening) x d, and d becomes the buffer, or with `nesterov`
    d + momentum x buffer. The buffer starts as the first d. Polyak (1964), Sutskever et al. (2013).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        self.defaults = {**defaults, "nesterov": nesterov, "maximize": maximize}
        self.check(self.defaults)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")
        Optimizer.__init__(self, params, self.defaults)

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        lr, decay, momentum, dampening = [float(options[o]) for o in ("lr", "weight_decay", "momentum", "dampening")]
        d = g + decay * p if decay else g
        if momentum:
            d = self.smooth(d, state, momentum, dampening, options["nesterov"])
        p -= lr * d

    @staticmethod
    def smooth(d: Array, state: dict[str, Any], momentum: float, dampening: float, nesterov: bool) -> Array:
        """The direction after momentum; keeps the buffer, a tensor, in `state`."""
        if "momentum_buffer" in state:
            buffer = state["momentum_buffer"].array
            buffer *= momentum
            buffer += (1 - dampening) * d
        else:
            state["momentum_buffer"] = Tensor(d)
            buffer = state["momentum_buffer"].array
        return d + momentum * buffer if nesterov else buffer

    def needed(self, options: Mapping[str, Any]) -> set[str]:
        """The names that `update` finds in the state after the first step."""
        return {"momentum_buffer"} if options["momentum"] else set()
