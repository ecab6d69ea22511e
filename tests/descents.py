"""The same optimisers on the same gradients in minigrad and in PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch

import minigrad


def choices(**values: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Every combination of the values, as keyword arguments."""
    return (dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))


NO_YES = (False, True)
SGD = [
    options
    for options in choices(
        lr=(0.05,), momentum=(0.0, 0.9), dampening=(0.0, 0.3), weight_decay=(0.0, 0.1), nesterov=NO_YES, maximize=NO_YES
    )
    if options["momentum"] or not (options["dampening"] or options["nesterov"])
    if not (options["nesterov"] and options["dampening"])
]
RMSPROP = [
    *choices(lr=(0.02,), weight_decay=(0.0, 0.1), momentum=(0.0, 0.9), centered=NO_YES, maximize=NO_YES),
    {"lr": 0.02, "alpha": 0.5, "eps": 0.1},
    {"lr": 0.02, "alpha": 0.0, "momentum": 0.3, "centered": False},
    {},
]
ADAM = [
    *choices(lr=(0.02,), weight_decay=(0.0, 0.1), amsgrad=NO_YES, maximize=NO_YES),
    {"lr": 0.02, "betas": (0.5, 0.7), "eps": 0.1},
    {"lr": 0.02, "betas": (0.0, 0.9), "amsgrad": True},
    {"lr": 0.02, "betas": (0.9, 0.0), "eps": 0.3},
    {"lr": 0.0, "weight_decay": 0.5},
    {},
]
# Every optimiser, with all combinations of what can be switched on, and a few other numbers.
RUNS = [
    *(("SGD", options) for options in SGD),
    *(("RMSprop", options) for options in RMSPROP),
    *(("Adam", options) for options in ADAM),
    *(("AdamW", options) for options in ADAM),
]
# One demanding set of options for each: everything is switched on that keeps state.
FULL: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "RMSprop": {"lr": 0.02, "momentum": 0.9, "centered": True, "weight_decay": 0.1},
    "Adam": {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1},
}


def starts(dtype: Any = np.float64) -> list[np.ndarray]:
    """Where parameters begin: a vector, a number, nothing, a matrix that lies across memory, every second element."""
    rng = np.random.default_rng(3)
    return [
        rng.normal(size=3).astype(dtype),
        np.asarray(rng.normal(), dtype),
        np.zeros((0, 2), dtype),
        rng.normal(size=(3, 4)).astype(dtype).T,
        rng.normal(size=(2, 6)).astype(dtype)[:, ::2],
    ]


def leaves(library: Any, arrays: list[np.ndarray]) -> list[Any]:
    """Parameters of `library` over copies of `arrays` that lie in memory as these do."""
    twins = [np.lib.stride_tricks.as_strided(a.base.copy(), a.shape, a.strides) if a.base is not None else a.copy()
             for a in arrays]  # fmt: skip
    return [library.from_numpy(a).requires_grad_() for a in twins]


def number(x: Any) -> np.ndarray:
    """The array of a tensor of either library."""
    return x.detach().numpy()  # type: ignore[no-any-return]


@cache
def noise(step: int) -> list[np.ndarray]:
    """Random gradients for step `step`, one for each of `starts`."""
    rng = np.random.default_rng(step)
    return [rng.normal(size=x.shape) for x in starts()]


def give_gradients(library: Any, parameters: list[Any], step: int) -> None:
    """Set the gradients of step `step`: a bent slope, with noise; in some steps the second parameter has none."""
    for i, p in enumerate(parameters):
        x = number(p)
        g = np.asarray(np.tanh(x) + noise(step)[i], x.dtype)
        p.grad = None if (step % 5, i) == (3, 1) else library.from_numpy(g)


def make(library: Any, name: str, parameters: list[Any], **options: Any) -> Any:
    """An optimiser of `library`."""
    return getattr(library.optim, name)(parameters, **options)


def walk(library: Any, optimizer: Any, steps: range) -> list[list[np.ndarray]]:
    """Where all parameters of the optimiser are after each step."""
    path = []
    for step in steps:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        give_gradients(library, parameters, step)
        optimizer.step()
        path.append([number(p).copy() for p in parameters])
    return path


def apart(ours: list[list[np.ndarray]], theirs: list[list[np.ndarray]]) -> float:
    """The largest distance between two paths, relative where numbers are above 1; infinite if shape or dtype differ."""
    worst = 0.0
    for now, then in zip(ours, theirs, strict=True):
        for a, b in zip(now, then, strict=True):
            if a.shape != b.shape or a.dtype != b.dtype:
                return float("inf")
            if a.size:
                worst = max(worst, float((np.abs(a - b) / np.maximum(1, np.abs(b))).max()))
    return worst


def converted(value: Any, library: Any) -> Any:
    """A state with the tensors of the other library as those of `library`, by way of NumPy; the rest as it is."""
    if isinstance(value, torch.Tensor | minigrad.Tensor):
        return library.from_numpy(np.array(number(value)))
    if isinstance(value, dict):
        return {key: converted(part, library) for key, part in value.items()}
    return type(value)(converted(part, library) for part in value) if isinstance(value, list | tuple) else value


def comparable(value: Any) -> Any:
    """A state as lists and dicts: to see whether two are the same. Tensors show their dtype; group options stay."""
    if isinstance(value, torch.Tensor | minigrad.Tensor):
        return [str(number(value).dtype), number(value).tolist()]
    if isinstance(value, np.ndarray | np.generic):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, dict):
        return {key: comparable(part) for key, part in value.items()}
    return [comparable(part) for part in value] if isinstance(value, list | tuple) else value
