"""Optimisers: they move parameters along the gradients that `backward` left in them.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

from minigrad.nn.module import clear_grad
from minigrad.primitive import Array, writes
from minigrad.tensor import Tensor


class Optimizer:
    """What all optimisers share. `params` are parameters, or dicts with "params" and options of their own.

    Raises ValueError for an empty list and for unknown options, TypeError for what is no leaf that requires grad.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{type(self).__name__}: found a tensor, expected a list of them: write [p]")
        groups = list(params)
        if not groups:
            raise ValueError(
                f"{type(self).__name__}: found no parameters; was the iterator used up? pass model.parameters() anew"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.state: dict[Any, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        for group in groups:
            self.add_param_group(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every parameter's gradient: otherwise the next `backward` adds to it."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_grad(p, set_to_none)

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            options = {name: value for name, value in group.items() if name != "params"}
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p.array, p.grad.array, self.state.setdefault(p, {}), **options)
                    writes.note(p.array)

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        """Move the array `p`, given its gradient `g`, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Take on more parameters, with options of their own."""
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        for p in params:
            if (
                not isinstance(p, Tensor)
                or not p.is_leaf
                or not any(getattr(q, "requires_grad", False) for q in params)
            ):
                raise TypeError(f"{type(self).__name__}: found {p!r:.60}, expected leaf tensors that require grad")
        unknown = group.keys() - self.defaults.keys() - {"params"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__}: unknown options {sorted(unknown)}; it has {sorted(self.defaults)}"
            )
        held = [p for g in [*self.param_groups, {"params": params}] for p in g["params"]]
        if len(set(held)) < len(held):
            raise ValueError(f"{type(self).__name__}: a parameter appears twice; it would be moved twice")
        self.param_groups.append({**self.defaults, **group, "params": params})


class SGD(Optimizer):
    """p -= lr x d, where d is the gradient, plus weight_decay x p, smoothed by `momentum`.

    With momentum: buffer = momentum x buffer + (1 - dampening) x d, and d becomes the buffer, or with `nesterov`
    d + momentum x buffer. The buffer starts as the first d. Polyak (1964), Sutskever et al. (2013).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not isinstance(value, Real) or not value >= 0:
                raise ValueError(f"SGD: found {name}={value!r}, expected a number that is not negative")
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")
        options = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        Optimizer.__init__(self, params, {"lr": lr, **options})

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        d = g + options["weight_decay"] * p if options["weight_decay"] else g
        if options["momentum"]:
            d = self.smooth(d, state, options["momentum"], options["dampening"], options["nesterov"])
        p -= options["lr"] * d

    @staticmethod
    def smooth(d: Array, state: dict[str, Any], momentum: float, dampening: float, nesterov: bool) -> Array:
        """The direction after momentum; keeps the buffer in `state`."""
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = d.copy()
        else:
            state["momentum_buffer"] = momentum * state["momentum_buffer"] + (1 - dampening) * d
        return d + momentum * state["momentum_buffer"] if nesterov else state["momentum_buffer"]
