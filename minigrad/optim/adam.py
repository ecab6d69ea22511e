"""Adam, and Adam with decoupled weight decay.

Made from chapter 5, Descend with gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, count, kept
from minigrad.primitive import Array
from minigrad.tensor import Tensor


class Adam(Optimizer):
    """p -= lr x m̂ / (sqrt(v̂) + eps), with running means m of g and v of g², both freed of their bias towards 0.

    m = b1 x m + (1 - b1) x g and m̂ = m / (1 - b1^t), the same with g² and b2 for v; `betas` is (b1, b2). `amsgrad`
    divides by the largest v so far. `weight_decay` x p is added to g; with `decoupled_weight_decay` p shrinks by
    lr x weight_decay x p instead. Kingma and Ba (2015); Reddi et al. (2018); Loshchilov and Hutter (2019).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        self.defaults = {**defaults, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
        self.check(self.defaults)
        Optimizer.__init__(self, params, self.defaults)

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        b1, b2 = options["betas"]
        lr, decay, steps = float(options["lr"]), options["weight_decay"], count(state)
        unbiased = math.sqrt(1 - b2**steps)
        rate, eps = lr * unbiased / (1 - b1**steps), options["eps"] * unbiased
        arrays = [p, g, kept(state, "exp_avg", p), kept(state, "exp_avg_sq", p)]
        if options["amsgrad"]:
            arrays.append(kept(state, "max_exp_avg_sq", p))
        for p, g, m, v, *most in blocks(arrays):
            if decay and options["decoupled_weight_decay"]:
                p *= 1 - lr * decay
            elif decay:
                g = g + decay * p
            advance(p, g, m, v, most, options["betas"], rate, eps)

    def check(self, options: Mapping[str, Any]) -> None:
        Optimizer.check(self, options)
        betas = options.get("betas", (0.0, 0.0))
        pair = betas if isinstance(betas, tuple | list) else ()
        if len(pair) != 2 or not all(isinstance(b, Real) and 0 <= float(b) < 1 for b in pair):
            raise ValueError(f"{type(self).__name__}: found betas={betas!r}, expected two numbers in [0, 1)")

    def needed(self, options: Mapping[str, Any]) -> set[str]:
        """The names that `update` finds in the state after the first step."""
        return {"step", "exp_avg", "exp_avg_sq"} | ({"max_exp_avg_sq"} if options["amsgrad"] else set())


def advance(p: Array, g: Array, m: Array, v: Array, most: list[Array], betas: Any, rate: float, eps: float) -> None:
    """Renew the running means m and v, then p -= rate x m / (sqrt(v) + eps): all of it in place."""
    b1, b2 = betas
    s = np.empty_like(p)
    np.multiply(g, 1 - b1, out=s)
    m *= b1
    m += s
    np.multiply(g, 1 - b2, out=s)
    s *= g
    v *= b2
    v += s
    for highest in most:
        v = np.maximum(highest, v, out=highest)
    np.sqrt(v, out=s)
    s += eps
    np.divide(m, s, out=s)
    s *= rate
    p -= s


BLOCK = 16384  # numbers: as many of each array fit into a core's cache together


def blocks(arrays: Sequence[Array]) -> Iterator[Sequence[Array]]:
    """The arrays, a piece of each at a time, as flat views; in one piece where they are small or not contiguous."""
    if arrays[0].size <= BLOCK or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


class AdamW(Adam):
    """Adam with decoupled weight decay: p also shrinks by lr x weight_decay x p, which no gradient sees."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        Adam.__init__(
            self, params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True
        )
