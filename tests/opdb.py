"""The samples of PyTorch's own operator database, run on minigrad and on PyTorch: value, gradient, second derivative.

``python -m tests.opdb`` prints the table. `test_op_db.py` asserts on it. Where minigrad says the same thing in other
words (``torch.mm(a, b)`` is ``a @ b``), `OPERATORS` says how.
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
import minigrad.nn.functional as F
from minigrad import Tensor
from tests.counts import Row, described, report
from tests.twins import TOLERANCE, compare_derivatives, gap, leaves, translated


def method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def operator_in(module: Any, *names: str) -> dict[str, Callable[..., Any]]:
    return {name: getattr(module, name.rpartition(".")[2]) for name in names}


# What is run for each operator of the database: its name, with the name of the variant after a colon.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b, alpha=1: a + (b if alpha == 1 else alpha * b),
    "sub": lambda a, b, alpha=1: a - (b if alpha == 1 else alpha * b),
    "rsub": lambda a, b, alpha=1: b - (a if alpha == 1 else alpha * a),
    "mul": lambda a, b: a * b,
    "div:no_rounding_mode": lambda a, b: a / b,
    "true_divide": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "__radd__": method("__radd__"),
    "__rsub__": method("__rsub__"),
    "__rmul__": method("__rmul__"),
    "__rdiv__": method("__rtruediv__"),
    "__rpow__": method("__rpow__"),
    "__rmatmul__": method("__rmatmul__"),
    **operator_in(minigrad, "matmul", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "abs", "clamp"),
    "clamp_min": lambda x, low: x.clamp(min=low),
    "clamp_max": lambda x, high: x.clamp(max=high),
    **dict.fromkeys(("mm", "mv", "bmm", "dot"), lambda a, b: a @ b),
    **operator_in(minigrad, "maximum", "minimum", "logsumexp", "softmax", "log_softmax"),
    "where": lambda x, condition, y: minigrad.where(condition, x, y),
    "softmax:with_dtype": minigrad.softmax,
    "log_softmax:with_dtype": minigrad.log_softmax,
    **{name: method(name.partition(":")[0]) for name in ("sum", "mean", "var", "var:unbiased", "std", "std:unbiased")},
    **{f"{name}:reduction_{how}": method(name) for name in ("max", "min") for how in ("no_dim", "with_dim")},
    **{f"{name}:binary": method(name) for name in ("max", "min")},
    **{name: method(name) for name in ("argmax", "argmin", "all", "any", "item")},
    **{name: method(name) for name in ("reshape", "view", "flatten", "transpose", "permute", "unsqueeze", "expand")},
    "T": lambda x: x.T,
    "squeeze": method("squeeze"),
    "squeeze:multiple": method("squeeze"),
    **operator_in(minigrad, "cat", "stack", "gather", "multinomial"),
    "__getitem__": method("__getitem__"),
    "clone": method("clone"),
    "zero_": lambda x: x.clone().zero_(),
    "uniform": lambda x, *bounds: x.clone().uniform_(*bounds),
    "normal:in_place": lambda x, *moments: x.clone().normal_(*moments),
    **operator_in(minigrad, "zeros", "ones", "full", "zeros_like", "ones_like", "arange", "linspace"),
    "linspace:tensor_overload": minigrad.linspace,
    **operator_in(minigrad, "randn", "randint", "allclose"),
    **{name: method(f"__{name}__") for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **operator_in(F, "nn.functional.linear", "nn.functional.relu", "nn.functional.mse_loss"),
    **operator_in(F, "nn.functional.cross_entropy", "nn.functional.binary_cross_entropy_with_logits"),
    **operator_in(F, "nn.functional.gelu", "nn.functional.layer_norm", "nn.functional.batch_norm"),
    "nn.functional.batch_norm:without_cudnn": F.batch_norm,
    "nn.functional.embedding": lambda weight, indices: F.embedding(indices, weight),
    "nn.functional.dropout": F.dropout,
}
# Only shapes and dtypes are compared, of dropout where it draws.
RANDOM = {"multinomial", "uniform", "normal:in_place", "randn", "randint", "nn.functional.dropout"}

# A sample that is not supported, and why: (operator, a test of its arguments, the reason). At most 10 % of an operator.
UNSUPPORTED: list[tuple[str, Callable[[Any], bool], str]] = []


@cache
def database() -> dict[str, Any]:
    """PyTorch's operators by the names of `OPERATORS`."""
    from torch.testing._internal.common_methods_invocations import op_db

    named = {f"{op.name}:{op.variant_test_name}" if op.variant_test_name else op.name: op for op in op_db}
    return {name: named[name] for name in OPERATORS}


# ----------------------------------------------------------------------------------------------------------- one sample


def settled(name: str, sample: Any) -> bool:
    """Whether chance has no part in this sample of a random operator."""
    p, training = sample.kwargs.get("p", 0.5), sample.kwargs.get("training", True)
    return name == "nn.functional.dropout" and (p in (0, 1) or not training)


def compare(name: str, sample: Any) -> tuple[str, bool]:
    """What is wrong with minigrad's answer to `sample` ("" if nothing is); whether second derivatives were tried."""
    op = database()[name]
    given = (sample.input, *sample.args)
    seen: dict[int, Tensor] = {}
    args, kwargs = translated(given, seen), translated(sample.kwargs, seen)
    theirs = op.op(*given, **sample.kwargs)
    ours = OPERATORS[name](*args, **kwargs)
    if name in RANDOM and not settled(name, sample):
        same = (ours.shape, f"torch.{ours.dtype}") == (tuple(theirs.shape), str(theirs.dtype))
        return "" if same else "another shape or dtype", False
    values = list(theirs) if isinstance(theirs, tuple) else [theirs]
    answers = list(ours) if isinstance(ours, tuple) else [ours]
    if len(values) != len(answers):
        return f"{len(answers)} results instead of {len(values)}", False
    for y, expected in zip(answers, values, strict=True):
        if (off := gap(y, expected)) > TOLERANCE:
            return f"value off by {off:.1e}", False
    places = [i for i, y in enumerate(values) if getattr(y, "requires_grad", False)]
    if not places:
        return "", False
    inputs = [x for x in leaves([given, sample.kwargs]) if x.requires_grad]
    derived = [answers[i] for i in places], [values[i] for i in places], [seen[id(x)] for x in inputs], inputs
    return compare_derivatives(*derived, op.supports_gradgrad), op.supports_gradgrad


# ------------------------------------------------------------------------------------------------------------ the table


def run(name: str) -> Row:
    """All samples of one operator."""
    row, op = Row(name), database()[name]
    torch.manual_seed(0)
    minigrad.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, about samples that it builds
        samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd))
    for sample in samples:
        reason = next((why for who, test, why in UNSUPPORTED if who == name and test(sample)), "")
        if reason:
            row.unsupported[reason] += 1
            continue
        try:
            with np.errstate(all="ignore"):  # logarithms of negative numbers and such: both give NaN
                problem, twice = compare(name, sample)
        except Exception as error:
            problem, twice = f"{type(error).__name__}: {error}", False
        if problem:
            row.failed.append(f"{name}{described((sample.input, *sample.args))}{described(sample.kwargs)}: {problem}")
        else:
            row.passed += 1
            row.of_these["twice"] += twice
    return row


def main() -> int:
    """Print the table, then what failed."""
    return report("operator", [run(name) for name in OPERATORS], "twice")


if __name__ == "__main__":
    sys.exit(main())
