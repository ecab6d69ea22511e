"""The same computation in minigrad and in PyTorch, compared: value, gradient, second derivative."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad import Tensor

TOLERANCE = 1e-9
DTYPES = {torch.float32: minigrad.float32, torch.float64: minigrad.float64, torch.int64: minigrad.int64}


def leaves(value: Any) -> Iterator[Any]:
    """The tensors inside `value`, of either library, in order."""
    if isinstance(value, torch.Tensor | Tensor):
        yield value
    elif isinstance(value, dict):
        yield from leaves(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)


def translated(value: Any, seen: dict[int, Tensor]) -> Any:
    """The same for minigrad: tensors over the same memory layout, dtypes, containers. `seen` maps ids to tensors."""
    if isinstance(value, torch.Tensor):
        if id(value) not in seen:
            copy = minigrad.from_numpy(value.detach().clone(memory_format=torch.preserve_format).numpy())
            seen[id(value)] = copy.requires_grad_(value.requires_grad)
        return seen[id(value)]
    if isinstance(value, dict):
        return {key: translated(part, seen) for key, part in value.items()}
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, list | tuple):
        return type(value)(translated(part, seen) for part in value)
    return DTYPES[value] if isinstance(value, torch.dtype) else value


def gap(ours: Any, theirs: Any) -> float:
    """The largest difference, relative where the numbers are above 1; infinite if shape or dtype differ."""
    if not isinstance(theirs, torch.Tensor):
        return 0.0 if type(ours) is type(theirs) and ours == theirs else math.inf
    theirs = theirs.numpy(force=True)
    ours = ours.array if isinstance(ours, Tensor) else np.asarray(ours)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return math.inf
    if not ours.size:
        return 0.0
    ours, theirs = ours.astype(float), theirs.astype(float)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(all="ignore"):
        found = np.where(same, 0.0, np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs)))
    return float(np.where(np.isnan(found), math.inf, found).max())


def weighted(library: Any, outputs: list[Any], requires_grad: bool = True) -> tuple[Any, list[Any]]:
    """A weighted sum of all elements of `outputs` as a tensor of `library`, and its fixed random weights."""
    rng = np.random.default_rng(1)
    weights = [library.from_numpy(rng.uniform(0.5, 1.5, tuple(y.shape))) for y in outputs]
    weights = [w.requires_grad_(requires_grad) for w in weights]
    return sum((w * y).sum() for w, y in zip(weights, outputs, strict=True)), weights


def gradients(library: Any, output: Any, inputs: list[Any], create_graph: bool = False) -> list[Any]:
    """The gradients of `output`; zeros where nothing flows back."""
    if not output.requires_grad:
        return [library.zeros_like(x) for x in inputs]
    found = library.autograd.grad(output, inputs, retain_graph=True, create_graph=create_graph, allow_unused=True)
    return [library.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def compare_derivatives(
    answers: Any, values: Any, ours: list[Any], theirs: list[Any], twice: bool, tolerance: float = TOLERANCE
) -> str:
    """What is wrong with the first derivative, on arrays and on tensors, and with the second, also by the weights."""
    (output, weights), (expected_output, expected_weights) = weighted(minigrad, answers), weighted(torch, values)
    on_arrays = gradients(minigrad, output, ours)
    on_tensors = gradients(minigrad, output, ours, create_graph=True)
    expected = gradients(torch, expected_output, theirs, create_graph=True)
    for i, (g, h, wanted) in enumerate(zip(on_arrays, on_tensors, expected, strict=True)):
        if (off := max(gap(g, wanted), gap(h, wanted))) > tolerance:
            return f"gradient of input {i} off by {off:.1e}"
    if twice:
        second = gradients(minigrad, weighted(minigrad, on_tensors, False)[0], ours + weights)
        wanted = gradients(torch, weighted(torch, expected, False)[0], theirs + expected_weights)
        if (off := max(map(gap, second, wanted))) > tolerance:
            return f"second derivative off by {off:.1e}"
    return ""


def twins(array: Any, requires_grad: bool | None = None) -> tuple[Tensor, torch.Tensor]:
    """One array as a tensor of either library; minigrad's keeps its strides. Floats require grad by default."""
    array = np.asarray(array)
    wants = array.dtype.kind == "f" if requires_grad is None else requires_grad
    ours = minigrad.from_numpy(array.copy() if array.flags.c_contiguous else array)
    return ours.requires_grad_(wants), torch.from_numpy(array.copy()).requires_grad_(wants)


def assert_twins(ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, twice: bool = True) -> None:
    """Assert that two functions of tensors agree at `arrays`: values, first and, if `twice`, second derivatives."""
    pairs = [twins(array) for array in arrays]
    with np.errstate(all="ignore"):
        answers, values = ours(*[x for x, _ in pairs]), theirs(*[y for _, y in pairs])
        answers = list(answers) if isinstance(answers, tuple) else [answers]
        values = list(values) if isinstance(values, tuple) else [values]
        assert len(answers) == len(values)
        off = [gap(y, expected) for y, expected in zip(answers, values, strict=True)]
        assert max(off) < TOLERANCE, f"values differ by {off}: {answers} instead of {values}"
        places = [i for i, y in enumerate(values) if getattr(y, "requires_grad", False)]
        assert places == [i for i, y in enumerate(answers) if getattr(y, "requires_grad", False)]
        if places:
            inputs = [[pair[i] for pair in pairs if pair[1].requires_grad] for i in (0, 1)]
            problem = compare_derivatives([answers[i] for i in places], [values[i] for i in places], *inputs, twice)
            assert problem == "", problem
