"""Send derivatives backward through a graph of nodes, whatever the nodes hold.

Made from chapter 2, Send derivatives backward; and chapter 3, Differentiate arrays.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from functools import partial
from itertools import repeat
from threading import Lock
from typing import Any, Protocol


class Node(Protocol):
    """What the traversal asks of a node: its parents, and to report to them."""

    @property
    def parents(self) -> tuple[Any, ...]:
        """The nodes that this one was computed from, one for each edge."""

    def pull(self, cotangent: Any, cotangents: Any, create_graph: bool) -> None:
        """Add this node's share to the entry of each parent in `cotangents`."""

    def release(self) -> None:
        """Forget what only `pull` needs."""


def consumers_first(roots: Collection[Node]) -> Iterator[Node]:
    """Yield each node that `roots` (all distinct) were computed from, after all the nodes that used it.

    Counts the uses first, then walks. Both loops keep their own list, so depth costs no
    recursion. Every node is yielded once, and every edge is followed twice.
    """
    uses = dict.fromkeys(roots, 0)
    stack = list(uses)
    while stack:
        for parent in stack.pop().parents:
            if parent in uses:
                uses[parent] += 1
            else:
                uses[parent] = 1
                stack.append(parent)
    ready = [root for root in roots if not uses[root]]
    while ready:
        node = ready.pop()
        yield node
        for parent in node.parents:
            uses[parent] -= 1
            if not uses[parent]:
                ready.append(parent)


def propagate(
    cotangents: MutableMapping[Any, Any],
    retain_graph: bool = False,
    create_graph: bool = False,
    wanted: Collection[Any] = (),
) -> dict[Any, Any]:
    """Reverse accumulation (Linnainmaa 1976): pull cotangents back from outputs to leaves.

    `cotangents` maps each output node to d(result)/d(output), and is used up. Returns the
    cotangents of the leaves and of the nodes in `wanted`. Writes to no leaf, so that an
    exception on the way leaves every leaf as it was. Releases each node after its `pull`
    unless `retain_graph` is true, and hands `create_graph` on to the nodes. The cost is a
    small multiple of that of the forward pass (Baur and Strassen 1983).
    """
    keep = frozenset(wanted)
    found: dict[Any, Any] = {}
    for node in consumers_first(tuple(cotangents)):
        cotangent = cotangents.pop(node, None)
        if cotangent is None:  # no derivative arrived here
            continue
        if not node.parents:
            found[node] = cotangent
            continue
        if node in keep:
            found[node] = cotangent
        node.pull(cotangent, cotangents, create_graph)
        if not retain_graph:
            node.release()
    return found


# Held while gradients are read, summed and stored, so that threads lose none.
accumulating = Lock()


def store(leaves: Iterable[Any], grads: Iterable[Any]) -> None:
    """Set `leaf.grad = grad` for each pair, in one sweep in C, which Ctrl-C cannot part."""
    deque(map(setattr, leaves, repeat("grad"), grads), maxlen=0)


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Add d(sum of `tensors`)/d(leaf), each weighted with its entry of `grad_tensors`, to the `grad` of every leaf.

    `retain_graph` is as `create_graph` unless given. Raises RuntimeError where an output needs no gradient, is not one
    number and has no entry in `grad_tensors`, or where its graph was freed.
    """
    outputs = sequence(tensors)
    cotangents = start(outputs, grad_tensors, create_graph)
    leaves = propagate(cotangents, create_graph if retain_graph is None else retain_graph, create_graph)
    settled = cotangents.settle(leaves)
    with accumulating:
        store(leaves, [outputs[0].total(leaf.grad, g) for leaf, g in zip(leaves, settled, strict=True)])


def sequence(values: Any) -> tuple[Any, ...]:
    """`values` as a tuple: one value counts as a tuple of one."""
    return tuple(values) if isinstance(values, list | tuple) else (values,)


def start(outputs: tuple[Any, ...], gradients: Any, create_graph: bool) -> Any:
    """The cotangents of `outputs` to begin with."""
    gradients = (None,) * len(outputs) if gradients is None else sequence(gradients)
    if not outputs or not all(hasattr(output, "seed") for output in outputs):
        raise TypeError(f"backward: found {outputs!r:.60}, expected at least one tensor, and tensors only")
    if len(gradients) != len(outputs):
        raise ValueError(
            f"backward: found {len(gradients)} gradients for {len(outputs)} outputs; give one each, or None"
        )
    cotangents = outputs[0].new_cotangents()
    for output, gradient in zip(outputs, gradients, strict=True):
        cotangents.add(output.node, output.seed(gradient, create_graph))
    return cotangents


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The derivatives of the sum of `outputs` with respect to each of `inputs`, as a tuple; no `.grad` is touched.

    Raises RuntimeError for an input that the outputs do not depend on (None stands in its place if `allow_unused`).
    """
    outputs, inputs = sequence(outputs), sequence(inputs)
    cotangents = start(outputs, grad_outputs, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    found = propagate(cotangents, retain_graph, create_graph, {x.node for x in inputs})
    wanted = {x.node: found[x.node] for x in inputs if x.node in found}
    settled = dict(zip(wanted, cotangents.settle(wanted), strict=True))
    for i, x in enumerate(inputs):
        if x.node not in wanted and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i}, or it does not require grad; "
                "pass allow_unused=True to get None"
            )
    return tuple(x.total(None, settled[x.node]) if x.node in wanted else None for x in inputs)


def gradcheck(fn: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3) -> bool:
    """Whether every derivative of `fn` at `inputs` agrees with a central difference: True, or an error that says where.

    Inputs that require grad must be float64. Raises AssertionError at the first derivative off by more than
    ``atol + rtol * |difference|``, ValueError for NaN, for other dtypes, and where nothing requires grad. It compares
    `fn` with itself: a wrong forward passes.
    """
    inputs = sequence(inputs)
    checked = [x for x in inputs if x.requires_grad]
    if not checked or any(x.dtype != "float64" for x in checked):
        found = ", ".join(f"{x.dtype} (requires_grad={x.requires_grad})" for x in inputs)
        raise ValueError(f"gradcheck: expected float64 inputs with requires_grad=True, found {found}")
    for i, x in enumerate(checked):
        expected = [difference(fn, inputs, x, k, eps) for k in range(x.numel())]
        for j, row in enumerate(jacobian(fn, inputs, x)):
            for k, value in enumerate(row):
                compare(value, expected[k][j], f"output {j} by element {k} of input {i}", atol, rtol)
    return True


def difference(fn: Callable[..., Any], inputs: tuple[Any, ...], x: Any, k: int, eps: float) -> list[float]:
    """(f(x + eps) - f(x - eps)) / (2 eps) for element `k` of `x`, one number for each output element."""
    before = x.array.flat[k]
    try:
        x.array.flat[k] = before + eps
        above = flat_outputs(fn, inputs)
        x.array.flat[k] = before - eps
        below = flat_outputs(fn, inputs)
    finally:
        x.array.flat[k] = before
    return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]


def compare(value: float, expected: float, where: str, atol: float, rtol: float) -> None:
    """Raise an error unless `value` is near `expected`."""
    if not (math.isfinite(value) and math.isfinite(expected)):
        kind = "NaN" if value != value or expected != expected else "infinity"
        raise ValueError(f"gradcheck: {kind} in {where}: gradient {value}, difference {expected}; choose another point")
    if math.fabs(value - expected) > atol + rtol * math.fabs(expected):
        raise AssertionError(f"gradcheck: {where}: gradient {value:.9g}, central difference {expected:.9g}")


def flat_outputs(fn: Callable[..., Any], inputs: tuple[Any, ...]) -> list[float]:
    """All numbers that ``fn(*inputs)`` returns, in one list."""
    return [v for y in sequence(fn(*inputs)) for v in y.array.reshape(-1).tolist()]


def jacobian(fn: Callable[..., Any], inputs: tuple[Any, ...], x: Any) -> Iterator[list[float]]:
    """For each output element of `fn`, its gradient with respect to `x`, by one backward pass each."""
    for y in sequence(fn(*inputs)):
        for j in range(y.numel()):
            pick = y.detach().clone()
            pick.array.fill(0)
            pick.array.flat[j] = 1
            g = grad(y, x, pick, retain_graph=True, allow_unused=True)[0] if y.requires_grad else None
            yield [0.0] * x.numel() if g is None else g.array.reshape(-1).tolist()


def gradgradcheck(
    fn: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3
) -> bool:
    """`gradcheck` of the gradients of `fn`: whether its second derivatives are right. Raises as `gradcheck` does."""
    inputs = sequence(inputs)
    checked = [x for x in inputs if x.requires_grad]
    weights = [y.detach().sigmoid() + 0.5 for y in sequence(fn(*inputs)) if y.requires_grad]

    def first(*xs: Any, create_graph: bool = True) -> tuple[Any, ...]:
        outputs = [y for y in sequence(fn(*xs)) if y.requires_grad]
        found = grad(outputs, checked, weights, create_graph=create_graph, allow_unused=True)
        return tuple(g for g in found if g is not None)

    for i, (g, recorded) in enumerate(zip(first(*inputs, create_graph=False), first(*inputs), strict=True)):
        if not all(map(partial(math.isclose, rel_tol=rtol, abs_tol=atol), g.array.flat, recorded.array.flat)):
            raise AssertionError(f"gradgradcheck: gradient {i} is another one under create_graph: {g} and {recorded}")
    return gradcheck(first, inputs, eps, atol, rtol)
