"""The samples of PyTorch's own module database, run on minigrad and on PyTorch with the same weights.

Each sample constructs a module and calls it, in training and in evaluation mode. Compared are the keys of the state,
all results, the buffers after the call, the first and second derivatives by every input and parameter, and `repr`.
Samples of wrong use have to be refused by both. ``python -m tests.moduledb`` prints the table; `test_module_db.py`
asserts on it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad import nn
from tests.counts import Row, described, report
from tests.twins import DTYPES, TOLERANCE, compare_derivatives, gap, leaves, translated

NAMES = [
    *("Linear", "ReLU", "Sigmoid", "Tanh", "GELU", "Softmax", "MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss"),
    *("BatchNorm1d", "LayerNorm", "Embedding", "RNNCell", "LSTMCell", "GRUCell", "RNN", "LSTM", "GRU"),
]
MODULES: dict[str, Callable[..., Any]] = {name: getattr(nn, name) for name in NAMES}

# A sample that is not supported, and why: (module, a test of the sample, the reason). At most 10 % of all samples.
UNSUPPORTED: list[tuple[str, Callable[[Any], bool], str]] = [
    ("CrossEntropyLoss", lambda s: nothing_counts(s), "a mean over no targets, 0/0: the second derivative is NaN or 0"),
]
REFUSALS = (TypeError, ValueError, RuntimeError, IndexError)


@cache
def database() -> dict[str, Any]:
    """PyTorch's modules by name."""
    from torch.testing._internal.common_modules import module_db

    return {info.module_cls.__name__: info for info in module_db if info.module_cls.__module__.startswith("torch.nn.")}


def samples(name: str, training: bool, dtype: torch.dtype = torch.float64, requires_grad: bool = True) -> list[Any]:
    """What the database has for one module in one mode: arguments of the constructor and of the call."""
    info = database()[name]
    torch.manual_seed(0)
    return list(info.module_inputs_func(info, "cpu", dtype, requires_grad=requires_grad, training=training))


def misuses(name: str) -> list[Any]:
    """What the database has as wrong use of a module, in the constructor or in the call."""
    info = database()[name]
    make = info.module_error_inputs_func or (lambda *args, **kwargs: [])
    return list(make(info, "cpu", torch.float64, requires_grad=True, training=True))


def nothing_counts(sample: Any) -> bool:
    """Whether all targets of a mean are ignored."""
    options, given = sample.constructor_input.kwargs, sample.forward_input.args
    return options.get("reduction") == "mean" and bool((given[1] == options.get("ignore_index", -100)).all())


# ----------------------------------------------------------------------------------------------------------- one sample


def construct(name: str, arguments: Any, seen: dict[int, Any]) -> Any:
    """The module in minigrad, which knows no devices."""
    kwargs = {key: value for key, value in arguments.kwargs.items() if key != "device"}
    return MODULES[name](*translated(arguments.args, seen), **translated(kwargs, seen))


def share_weights(ours: Any, theirs: Any) -> None:
    """Move PyTorch's weights and statistics off their zeros and ones, and copy them, as arrays, to minigrad."""
    state = theirs.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value += torch.rand_like(value)
    ours.load_state_dict({key: value.numpy() for key, value in state.items()})


def nesting(value: Any) -> Any:
    """A tuple of tuples, without what is in them."""
    return tuple(map(nesting, value)) if isinstance(value, tuple) else None


def compare(
    name: str, sample: Any, training: bool, dtype: torch.dtype = torch.float64, tolerance: float = TOLERANCE
) -> tuple[str, bool]:
    """What is wrong with minigrad's answer to `sample` ("" if nothing is); whether second derivatives were tried."""
    seen: dict[int, Any] = {}
    made, given = sample.constructor_input, sample.forward_input
    ours = construct(name, made, seen).to(DTYPES[dtype]).train(training)
    theirs = database()[name].module_cls(*made.args, **made.kwargs).to(dtype).train(training)
    if list(ours.state_dict()) != list(theirs.state_dict()):
        return f"state_dict has the keys {list(ours.state_dict())}, PyTorch's has {list(theirs.state_dict())}", False
    share_weights(ours, theirs)
    expected = theirs(*given.args, **given.kwargs)
    answer = ours(*translated(given.args, seen), **translated(given.kwargs, seen))
    if nesting(answer) != nesting(expected):
        return f"the result is nested like {nesting(answer)}, PyTorch's like {nesting(expected)}", False
    answers, values, state = list(leaves(answer)), list(leaves(expected)), ours.state_dict()
    for i, (y, wanted) in enumerate(zip(answers, values, strict=True)):
        if (off := gap(y, wanted)) > tolerance:
            return f"result {i} off by {off:.1e}", False
    for key, wanted in theirs.state_dict().items():
        if (off := gap(state[key], wanted)) > tolerance:
            return f"{key} is off by {off:.1e} after the call", False
    inputs = [x for x in leaves([given.args, given.kwargs]) if x.requires_grad]
    weights = dict(theirs.named_parameters())
    held = dict(ours.named_parameters())
    if held.keys() != weights.keys():
        return f"the parameters are {list(held)}, PyTorch's {list(weights)}", False
    twice = database()[name].supports_gradgrad and dtype == torch.float64
    by_ours, by_theirs = [seen[id(x)] for x in inputs] + [held[key] for key in weights], [*inputs, *weights.values()]
    if by_theirs and (problem := compare_derivatives(answers, values, by_ours, by_theirs, twice, tolerance)):
        return problem, twice
    return "" if repr(ours) == repr(theirs) else f"shown as {ours!r}, PyTorch's as {theirs!r}", twice


def misuse(name: str, sample: Any) -> tuple[str, bool]:
    """What is wrong with how minigrad meets wrong use ("" if it is refused as in PyTorch)."""
    made, given = sample.module_error_input.constructor_input, sample.module_error_input.forward_input
    try:
        module = construct(name, made, {})
        if given is not None:
            module(*translated(given.args, {}), **translated(given.kwargs, {}))
    except REFUSALS as error:
        return f"{error}" if "unexpected keyword" in str(error) else "", True
    return f"accepted, where PyTorch says {sample.error_regex!r}", False


# ------------------------------------------------------------------------------------------------------------ the table


def run(name: str) -> Row:
    """All samples of one module, in both modes, and its wrong uses."""
    row = Row(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about samples that it builds
        for training in (True, False):
            for sample in samples(name, training):
                tally(row, sample, "twice", compare, training)
        for sample in misuses(name):
            tally(row, sample, "refused", misuse)
    return row


def tally(row: Row, sample: Any, column: str, check: Callable[..., tuple[str, bool]], *how: Any) -> None:
    """Check one sample and count it in `row`."""
    inside = getattr(sample, "module_error_input", sample)
    reason = next((why for who, test, why in UNSUPPORTED if who == row.name and test(inside)), "")
    if reason:
        row.unsupported[reason] += 1
        return
    try:
        with np.errstate(all="ignore"):
            problem, counted = check(row.name, sample, *how)
    except Exception as error:
        problem, counted = f"{type(error).__name__}: {error}", False
    if problem:
        made, given = inside.constructor_input, inside.forward_input
        text = f"{row.name}{described(made.args)}{described(made.kwargs)} called with {described(given and given.args)}"
        row.failed.append(f"{text}: {problem}")
    else:
        row.passed += 1
        row.of_these[column] += counted


def main() -> int:
    """Print the table, then what failed."""
    minigrad.manual_seed(0)
    return report("module", [run(name) for name in MODULES], "twice", "refused")


if __name__ == "__main__":
    sys.exit(main())
