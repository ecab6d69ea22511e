"""Gradient descent with a step size for each parameter.

Made from chapter 5, Descend with gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, count, kept
from minigrad.primitive import Array
from minigrad.tensor import Tensor


class RMSprop(Optimizer):
    """p -= lr x g / (sqrt(v) + eps), where v is a running mean of g², `alpha` of it kept at each step.

    `centered` subtracts the square of a running mean of g from v. `momentum` sums the steps: b = momentum x b + step.
    `weight_decay` x p is added to g. Tieleman and Hinton (2012); centred as in Graves (2013).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        self.defaults = {**defaults, "centered": centered, "maximize": maximize}
        self.check(self.defaults)
        Optimizer.__init__(self, params, self.defaults)

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        alpha = options["alpha"]
        d = g + options["weight_decay"] * p if options["weight_decay"] else g
        count(state)
        v = kept(state, "square_avg", p)
        v *= alpha
        v += (1 - alpha) * d * d
        if options["centered"]:
            mean = kept(state, "grad_avg", p)
            mean += (1 - alpha) * (d - mean)
            v = np.maximum(v - mean * mean, 0)  # rounding may take it below
        step = d / (np.sqrt(v) + options["eps"])
        if options["momentum"]:
            buffer = kept(state, "momentum_buffer", p)
            buffer *= options["momentum"]
            buffer += step
            step = buffer
        p -= float(options["lr"]) * step

    def needed(self, options: Mapping[str, Any]) -> set[str]:
        """The names that `update` finds in the state after the first step."""
        on_request = {"grad_avg": options["centered"], "momentum_buffer": options["momentum"]}
        return {"step", "square_avg"} | {name for name, wanted in on_request.items() if wanted}
