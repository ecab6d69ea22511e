"""Schedules: they change the learning rates of an optimiser as the training goes on.

Made from chapter 5, Descend with gradients.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from copy import deepcopy
from types import FunctionType
from typing import Any

from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor


class LRScheduler:
    """Sets the learning rate of every group of `optimizer`: at once, and anew with each `step`.

    A subclass defines `get_lr`, which returns one rate for each group. `last_epoch` counts the steps; give it, with
    "initial_lr" in every group, to go on where another schedule stopped.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: found {type(optimizer).__name__}, expected an optimiser")
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"{type(self).__name__}: last_epoch={last_epoch} needs 'initial_lr' in every group")
        self.optimizer = optimizer
        self.base_lrs = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch, self._step_count = last_epoch, 0
        self.step()

    def step(self) -> None:
        """Go on to the next epoch: after the optimiser's step, not before."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn("scheduler.step() before optimizer.step(): the first learning rate is skipped", stacklevel=2)
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(float(lr))
            else:
                group["lr"] = lr
        self._last_lr = self.lrs()

    def get_lr(self) -> list[Any]:
        """The learning rates for `last_epoch`, one for each group."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr: return a list with one rate for each group")

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last `step` has set."""
        return self._last_lr

    def lrs(self) -> list[Any]:
        """The learning rates that the groups have now."""
        return [copied(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule remembers, by name."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on as the schedule that `state_dict` came from. Raises ValueError, and changes nothing, if it misfits."""
        own = self.state_dict()
        given = state_dict if isinstance(state_dict, Mapping) else {}
        wrong = [f"{name} is missing" for name in own if name not in given]
        for name, value in own.items():
            if name in given and not like(given[name], value):
                wrong.append(f"{name}: found {given[name]!r:.60}, expected something like {value!r:.60}")
        if wrong:
            raise ValueError(f"{type(self).__name__}.load_state_dict: nothing was loaded: {'; '.join(wrong)}")
        vars(self).update({name: deepcopy(given[name]) for name in own})


def copied(lr: Any) -> Any:
    """`lr` itself if it is a number, a copy if it is a tensor."""
    return lr.clone() if isinstance(lr, Tensor) else lr


def counted(schedule: LRScheduler, **length: int) -> int:
    """A number of epochs. Raises ValueError unless it is at least 1."""
    ((name, epochs),) = length.items()
    if not epochs >= 1:
        raise ValueError(f"{type(schedule).__name__}: found {name}={epochs!r}, expected at least 1")
    return epochs


class StepLR(LRScheduler):
    """lr x `gamma`, every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = counted(self, step_size=step_size), gamma
        LRScheduler.__init__(self, optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        falls = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if falls else lr for lr in self.lrs()]


class LambdaLR(LRScheduler):
    """initial_lr x lr_lambda(epoch). `lr_lambda` is one function, or a list with one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: found {len(self.lr_lambdas)} functions, expected {groups}, one for each group")
        if not all(callable(f) for f in self.lr_lambdas):
            raise TypeError(f"LambdaLR: found {lr_lambda!r:.60}, expected functions of the epoch")
        LRScheduler.__init__(self, optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        return [lr * f(self.last_epoch) for lr, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule remembers; of a function nothing, of an object that can be called its attributes."""
        state = LRScheduler.state_dict(self)
        kept = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return {**state, "lr_lambdas": kept}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        functions = self.lr_lambdas
        LRScheduler.load_state_dict(self, state_dict)
        for f, kept in zip(functions, self.lr_lambdas, strict=True):
            if kept:
                vars(f).update(kept)
        self.lr_lambdas = functions


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial lr down to `eta_min` in `T_max` epochs, and then up again.

    lr(t) - eta_min = (lr(0) - eta_min) x (1 + cos(pi t / T_max)) / 2. Each rate is computed from the one before, so
    that a rate changed by hand stays changed. Loshchilov and Hutter (2017).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = counted(self, T_max=T_max), eta_min
        LRScheduler.__init__(self, optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        if self._step_count == 1:
            return self.lrs()
        before, now = (1 + math.cos(math.pi * t / self.T_max) for t in (self.last_epoch - 1, self.last_epoch))
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom, where before is 0
            return [lr + (base - self.eta_min) * now / 2 for lr, base in zip(self.lrs(), self.base_lrs, strict=True)]
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in self.lrs()]


def like(found: Any, expected: Any) -> bool:
    """Whether a loaded value can stand for `expected`: lists of one length, numbers for numbers."""
    if isinstance(expected, list | tuple):
        return isinstance(found, list | tuple) and len(found) == len(expected)
    return not isinstance(expected, int | float) or isinstance(found, int | float)
