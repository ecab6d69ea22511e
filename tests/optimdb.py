"""The samples of PyTorch's own optimiser database, run on minigrad and on PyTorch: 100 steps on the same gradients.

Compared after each step are parameters and learning rates, at the end the state. Halfway the state moves into a new
optimiser. The database's schedulers that minigrad has too are tried on two groups (they are all `StepLR`; there is none
of `CosineAnnealingLR` and `LambdaLR`), and samples of wrong use have to be refused by both. ``python -m tests.optimdb``
prints the table; `test_optim_db.py` asserts on it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad import optim
from minigrad.optim import lr_scheduler
from tests.counts import Row, described, report
from tests.twins import TOLERANCE, gap, translated

OPTIMIZERS: dict[str, Callable[..., Any]] = {name: getattr(optim, name) for name in ("SGD", "RMSprop", "Adam", "AdamW")}
SCHEDULERS = {"StepLR", "CosineAnnealingLR", "LambdaLR"}
SHAPES = ((3, 4), (5,), ())
STEPS = 100
# Options of PyTorch's that choose between kernels, or tell its Adam that it is the AdamW.
ONLY_THEIRS = {"foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}

# A sample that is not supported, and why: (optimiser, a test of its options, the reason). At most 10 % of all samples.
UNSUPPORTED: list[tuple[str, Callable[[dict[str, Any]], bool], str]] = []
REFUSALS = (TypeError, ValueError, RuntimeError)


@cache
def database() -> dict[str, Any]:
    """PyTorch's optimisers by name."""
    from torch.testing._internal.common_optimizers import optim_db

    return {info.optim_cls.__name__: info for info in optim_db}


def schedulers(name: str) -> list[Any]:
    """The makers of schedulers in the database that need no scheduler which minigrad has not."""
    makers = [make for group in database()[name].scheduler_inputs for make in group]
    return [make for make in makers if SCHEDULERS.issuperset(make.__code__.co_names)]


# ----------------------------------------------------------------------------------------------------------- one sample


def start(library: Any, groups: bool) -> tuple[list[Any], list[Any]]:
    """Parameters, the same for both libraries, and what an optimiser is given of them: a list, or two groups."""
    rng = np.random.default_rng(0)
    p = [library.from_numpy(np.array(rng.normal(size=shape))).requires_grad_() for shape in SHAPES]
    return p, [{"params": p[:2]}, {"params": p[2:], "lr": 0.02}] if groups else p


def gradients(step: int) -> list[np.ndarray | None]:
    """The gradients of one step, drawn; every seventh step the second parameter has none."""
    rng = np.random.default_rng(step + 1)
    drawn: list[np.ndarray | None] = [np.array(rng.normal(size=shape)) for shape in SHAPES]
    if step % 7 == 3:
        drawn[1] = None
    return drawn


def rates(optimizer: Any) -> list[float]:
    """The learning rate of every group."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def compare(name: str, kwargs: dict[str, Any], make: Any = None) -> str:
    """What is wrong with minigrad's steps, under a scheduler if there is a `make` ("" if nothing is)."""
    (p, ours_given), (q, theirs_given) = start(minigrad, make is not None), start(torch, make is not None)
    ours = OPTIMIZERS[name](ours_given, **translated(kwargs, {}))
    theirs = database()[name].optim_cls(theirs_given, **kwargs)
    plans = []
    if make is not None:
        plans = [FunctionType(make.__code__, vars(lr_scheduler))(ours), make(theirs)]
    for step in range(STEPS):
        for x, y, g in zip(p, q, gradients(step), strict=True):
            x.grad = None if g is None else minigrad.from_numpy(g)
            y.grad = None if g is None else torch.from_numpy(g.copy())
        for active in (ours, theirs, *plans):
            active.step()
        for i, (x, y) in enumerate(zip(p, q, strict=True)):
            if (off := gap(x, y)) > TOLERANCE:
                return f"parameter {i} off by {off:.1e} after step {step}"
        if not same(rates(ours), rates(theirs)):
            return f"rates {rates(ours)} after step {step}, PyTorch's {rates(theirs)}"
        if step == STEPS // 2 and make is None:
            saved = ours.state_dict()
            ours = OPTIMIZERS[name](p, lr=0.5)
            ours.load_state_dict(saved)
    return compare_states(ours.state_dict(), theirs.state_dict())


def compare_states(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What is wrong with a `state_dict` of minigrad's."""
    for i, (group, wanted) in enumerate(zip(ours["param_groups"], theirs["param_groups"], strict=True)):
        if missing := wanted.keys() - group.keys() - ONLY_THEIRS:
            return f"group {i} has no {missing}"
        for key, value in group.items():
            if key not in wanted or not same(value, wanted[key]):
                return f"group {i} has {key}={value!r}, PyTorch's {wanted.get(key)!r}"
    state, wanted_state = ours["state"], {k: v for k, v in theirs["state"].items() if v}
    if {k for k, v in state.items() if v} != wanted_state.keys():
        return f"state of the parameters {list(state)}, PyTorch's of {list(wanted_state)}"
    for i, wanted in wanted_state.items():
        if state[i].keys() != wanted.keys():
            return f"parameter {i} has the state {list(state[i])}, PyTorch's {list(wanted)}"
        for key, value in wanted.items():
            if not same(state[i][key], value):
                return f"{key} of parameter {i} is off"
    return ""


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values of a state are the same: arrays, or numbers, wherever they are kept."""
    if theirs is None or isinstance(theirs, bool):
        return ours is theirs
    x, y = (np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=float) for value in (ours, theirs))
    return x.shape == y.shape and bool((np.abs(x - y) <= TOLERANCE * np.maximum(1, np.abs(y))).all())


def misuse(name: str, sample: Any) -> str:
    """What is wrong with how minigrad meets wrong use ("" if it is refused as in PyTorch)."""
    given = start(minigrad, False)[0] if sample.params is None else translated(sample.params, {})
    try:
        OPTIMIZERS[name](given, **translated(sample.kwargs, {}))
    except REFUSALS:
        return ""
    return f"accepted, where PyTorch says {sample.desc!r}"


# ------------------------------------------------------------------------------------------------------------ the table


def run(name: str) -> Row:
    """All configurations of one optimiser, its schedulers, and its wrong uses."""
    row, info = Row(name), database()[name]
    torch.manual_seed(0)
    for sample in info.optim_inputs_func(torch.device("cpu")):
        tally(row, sample, "", lambda s=sample: compare(name, s.kwargs))  # type: ignore[misc]
    for make in schedulers(name):
        sample = info.optim_inputs_func(torch.device("cpu"))[1]
        tally(row, sample, "scheduled", lambda s=sample, m=make: compare(name, s.kwargs, m))  # type: ignore[misc]
    for error in info.optim_error_inputs_func(torch.device("cpu"), torch.float64):
        sample = error.optimizer_error_input
        tally(row, sample, "refused", lambda s=sample: misuse(name, s))  # type: ignore[misc]
    return row


def tally(row: Row, sample: Any, column: str, check: Callable[[], str]) -> None:
    """Check one sample and count it in `row`."""
    reason = next((why for who, test, why in UNSUPPORTED if who == row.name and test(sample.kwargs)), "")
    if reason:
        row.unsupported[reason] += 1
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about a scheduler's first step
        try:
            problem = check()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
    if problem:
        row.failed.append(f"{row.name}{described(sample.kwargs)} ({sample.desc}): {problem}")
    else:
        row.passed += 1
        row.of_these[column] += 1


def main() -> int:
    """Print the table, then what failed."""
    return report("optimiser", [run(name) for name in OPTIMIZERS], "scheduled", "refused")


if __name__ == "__main__":
    sys.exit(main())
