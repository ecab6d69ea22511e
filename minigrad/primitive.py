"""How an operation on arrays is recorded, and how its derivative rules are run.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from minigrad.autograd import propagate

Array = np.ndarray[Any, Any]
Rule = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")


class Traced:
    """An array and the graph node that it came from: all that the recording knows of a tensor.

    `node` is None where no gradient is wanted. `wrap` makes a tensor of the same kind.
    """

    __slots__ = ("array", "node")
    array: Array
    node: Leaf | Operation | Alias | None

    def wrap(self, array: Array, node: Leaf | Operation | Alias | None) -> Any:
        raise NotImplementedError


class Leaf:
    """The node of a tensor that you made and want the gradient of; the gradient is kept here."""

    __slots__ = ("dtype", "grad", "shape")
    parents = ()

    def __init__(self, array: Array) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.grad: Any = None

    def pull(self, cotangent: Any, cotangents: Any, create_graph: bool) -> None:
        """Do nothing: a leaf has nobody to pass a cotangent on to."""

    def release(self) -> None:
        """Do nothing: a leaf keeps nothing for `pull`."""


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum the cotangent `g` back to `shape`: the adjoint of ``np.broadcast_to(x, g.shape)``.

    `g` is an array or a tensor. Raises ValueError if `shape` does not broadcast to ``g.shape``.
    """
    lead = g.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[lead:], strict=True)):
        raise ValueError(f"unbroadcast: shape {shape} does not broadcast to {g.shape}; a derivative rule returned it")
    stretched = (lead + i for i, n in enumerate(shape) if n == 1)
    return g.sum((*range(lead), *stretched)).reshape(shape)


class Patch:
    """The cotangent of ``x[index]``: `g` at `index`, zero elsewhere, not yet written out."""

    __slots__ = ("g", "index")

    def __init__(self, g: Array, index: Any) -> None:
        self.g, self.index = g, index

    def add_to(self, buffer: Array) -> None:
        """Add `g` to ``buffer[index]``, once for each time that an element was picked."""
        if is_basic(self.index):
            buffer[self.index] += self.g
        else:
            np.add.at(buffer, self.index, self.g)


def is_basic(index: Any) -> bool:
    """Whether NumPy answers ``x[index]`` with a view: integers, slices, None and Ellipsis only."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is ... or (isinstance(part, int | slice) and not isinstance(part, bool)) for part in parts
    )


class Cotangents(dict[Any, Any]):
    """For each node, the sum of what its consumers have brought so far: arrays, or tensors under `create_graph`.

    The first part to arrive is borrowed, the second makes a new array, and from then on the array is ours and later
    parts are added in place. `owned` says which are ours.
    """

    def __init__(self) -> None:
        super().__init__()
        self.owned: set[Any] = set()

    def add(self, node: Any, part: Any, fresh: bool = False) -> None:
        """Add `part`, summed back to the node's shape and cast to its dtype. `fresh`: nobody else holds this array."""
        if type(part) is Patch:
            part.add_to(self.buffer(node))
            return
        if part.shape != node.shape:
            part, fresh = unbroadcast(part, node.shape), True
        if part.dtype != node.dtype:
            part, fresh = cast(part, dtype=node.dtype), True
        held = self.get(node)
        if node in self.owned:
            held += part
            return
        if held is not None:
            part, fresh = held + part, True
        if isinstance(part, Traced):
            self[node] = part
            return
        self[node] = np.asarray(part)  # 0-d results of NumPy are numbers, which could not be added to in place
        if fresh:
            self.owned.add(node)

    def buffer(self, node: Any) -> Array:
        """An array of our own at `node`, to be written to in place."""
        if node not in self.owned:
            self[node] = self[node].copy() if node in self else np.zeros(node.shape, node.dtype)
            self.owned.add(node)
        return self[node]

    def settle(self, found: dict[Any, Any]) -> list[Any]:
        """The values of `found`, each an array or a tensor whose memory nobody else holds."""
        return [g if node in self.owned else duplicate(g) for node, g in found.items()]


def duplicate(g: Any) -> Any:
    """A copy of the cotangent `g`; if it is a tensor, one with the same history."""
    if isinstance(g, np.ndarray):
        return g.copy()
    with enable_grad():
        return g.clone()


class Writes:
    """Remembers which memory was written in place, and when, so that a stale array is noticed before a rule reads it.

    `clock` counts writes. While it stands still nothing can be stale, which is all that a training step has to check.
    """

    def __init__(self) -> None:
        self.clock = 0
        self.ticking = threading.Lock()
        self.last: dict[int, list[Any]] = {}  # by id of the owner: when, and a reference that cleans up

    def note(self, array: Array) -> None:
        """Record that `array`, and so every view of its memory, was written now."""
        owner = memory(array)
        key = id(owner)
        with self.ticking:
            self.clock += 1
            if key not in self.last:
                self.last[key] = [0, weakref.ref(owner, lambda _: self.last.pop(key, None))]
            self.last[key][0] = self.clock

    def since(self, array: Array, clock: int) -> bool:
        """Whether the memory of `array` was written after `clock`."""
        return self.last.get(id(memory(array)), (0,))[0] > clock


writes = Writes()


class Recording(threading.local):
    """Whether operations are recorded, for each thread on its own."""

    enabled = True


recording = Recording()


class Operation:
    """One recorded call of a primitive.

    `nodes[i]` is the node of argument i or None; `parents` are those that are not None. `args` holds what the rules
    need of the arguments, `out` what they need of the result. `shape` and `dtype` are the result's.
    """

    __slots__ = ("args", "clock", "dtype", "nodes", "options", "out", "parents", "primitive", "shape")

    def __init__(
        self,
        primitive: Any,
        nodes: Sequence[Any],
        args: Sequence[Any] | None,
        options: dict[str, Any],
        array: Array,
        out: Any,
    ) -> None:
        self.primitive, self.nodes, self.args, self.options, self.out = primitive, nodes, args, options, out
        self.parents = tuple([node for node in nodes if node is not None])
        self.shape, self.dtype = array.shape, array.dtype
        self.clock = writes.clock

    def __repr__(self) -> str:
        return f"<{self.primitive.name.title().replace('_', '')}Backward>"

    def pull(self, cotangent: Any, cotangents: Cotangents, create_graph: bool) -> None:
        """Run the rules and add what each input is due to its entry in `cotangents`.

        Rules run on arrays; under `create_graph` on tensors, and are recorded themselves. Raises RuntimeError if the
        graph was freed, or if an array that a rule needs was overwritten.
        """
        if self.args is None:
            raise RuntimeError(
                f"backward through {self.primitive.name}: this graph was freed by an earlier backward(); "
                "compute the output again, pass retain_graph=True the first time, or detach() what an earlier step left"
            )
        if self.clock != writes.clock:
            self.refuse_stale()
        if create_graph:
            with enable_grad():
                self.primitive.pull_traced(self, cotangent, cotangents)
        else:
            self.primitive.pull(self, cotangent, cotangents, self.args, self.out)

    def release(self) -> None:
        """Forget the arrays; a second `pull` raises."""
        self.args = self.out = None

    def refuse_stale(self) -> None:
        """Raise RuntimeError if an array that is kept here was written in place after it was recorded."""
        kept = [(f"its argument {i}", array) for i, array in enumerate(self.args or ())]
        kept += [("its result", self.out), *self.options.items()]
        kept += [(f"its {name}", part) for name, parts in kept if isinstance(parts, tuple) for part in parts]
        for which, array in kept:
            if isinstance(array, np.ndarray) and writes.since(array, self.clock):
                raise RuntimeError(
                    f"backward through {self.primitive.name}: {which}, of shape {array.shape}, was changed in place "
                    "after it was used; call backward() before the change, or compute a new tensor (y = y + 1)"
                )

    def traced_args(self, wrap: Callable[..., Any]) -> list[Any]:
        """The arguments as tensors over their own nodes, so that what the rules do with them is recorded."""
        pairs = zip(self.args or (), self.nodes, strict=True)
        return [wrap(arg, node) if node is not None and arg is not node else arg for arg, node in pairs]


class Primitive:
    """An operation as data: its forward, one derivative rule for each argument, and what the rules need.

    ``rules[i](g, out, *args, **options)`` is the cotangent of argument i, given `g`, the cotangent of the result. It is
    None where there is no derivative. `keep` is "inputs", "output", "both" or "neither"; an input that is not kept
    reaches the rules as its node, which knows its shape and dtype. `promotes` brings the arguments to one dtype first:
    "same" as PyTorch does for + and *, "float" as for exp. Called with arrays alone it returns an array.
    """

    def __init__(
        self, name: str, forward: Callable[..., Any], *rules: Rule | None, keep: str = "inputs", promotes: str = ""
    ) -> None:
        self.name, self.forward, self.rules, self.promotes = name, forward, rules, promotes
        self.keeps_inputs, self.keeps_output = keep in ("inputs", "both"), keep in ("output", "both")

    def __call__(self, *args: Any, **options: Any) -> Any:
        like, arrays, nodes = unwrap(args)
        if like is None:
            return self.forward(*only_arrays(self.name, args), **options)
        if self.promotes:
            arrays = promote(self.name, arrays, self.promotes)
        try:
            out = self.forward(*arrays, **options)
        except ValueError as error:
            raise ValueError(refusal(self.name, arrays, error)) from None
        if type(out) is not np.ndarray:
            out = np.asarray(out)
        if not (any(nodes) and self.rules and recording.enabled):
            return like.wrap(out, None)
        if None in self.rules:
            nodes = [node if rule else None for node, rule in zip(nodes, self.rules, strict=True)]
        kept = arrays if self.keeps_inputs else nodes
        return like.wrap(out, Operation(self, nodes, kept, options, out, out if self.keeps_output else None))

    def pull(self, node: Operation, g: Any, cotangents: Cotangents, args: Sequence[Any], out: Any) -> None:
        """Run the rule of each argument that wants a gradient."""
        for parent, rule in zip(node.nodes, self.rules, strict=True):
            if parent is not None:
                part = rule(g, out, *args, **node.options)  # type: ignore[misc]
                cotangents.add(parent, part, is_fresh(part, g, out, args))

    def pull_traced(self, node: Operation, g: Any, cotangents: Cotangents) -> None:
        """The same on tensors, so that it is recorded."""
        out = None if node.out is None else g.wrap(node.out, node)
        self.pull(node, g, cotangents, node.traced_args(g.wrap), out)


def is_fresh(part: Any, g: Any, out: Any, args: Sequence[Any]) -> bool:
    """Whether a rule made `part` itself: it is no view, and none of the arrays that the rule was given."""
    if type(part) is not np.ndarray or part.base is not None:
        return False
    return part is not g and part is not out and id(part) not in map(id, args)


def unwrap(args: Sequence[Any]) -> tuple[Traced | None, list[Any], list[Any]]:
    """The first tensor among `args` (or None), their arrays, and their nodes."""
    like = None
    arrays, nodes = [], []
    for arg in args:
        if isinstance(arg, Traced):
            like = arg if like is None else like
            arrays.append(arg.array)
            nodes.append(arg.node)
        else:
            arrays.append(arg)
            nodes.append(None)
    return like, arrays, nodes


NO_ARRAYS = frozenset({bool, int, float, complex, str, list, tuple, type(None)})


def only_arrays(name: str, args: Sequence[Any]) -> Sequence[Any]:
    """`args` as they are. Raises TypeError where there is no array among them."""
    if NO_ARRAYS.issuperset(map(type, args)):
        raise TypeError(
            f"{name}: found {args[0]!r:.40} ({type(args[0]).__name__}), expected a tensor; "
            "wrap numbers and lists in minigrad.tensor(...)"
        )
    return args


def refusal(name: str, arrays: Sequence[Any], error: ValueError) -> str:
    """What to tell whoever called the operation `name` with `arrays`, which NumPy refuses with `error`."""
    if "could not be broadcast together" not in str(error):
        return f"{name}: {error}"
    shapes = " and ".join([str(x.shape) for x in arrays if isinstance(x, np.ndarray)])
    return (
        f"{name}: shapes {shapes} do not broadcast: counted from the last axis, sizes must be equal or one of them 1; "
        "reshape, unsqueeze or transpose one tensor"
    )


class Default:
    """The dtype of tensors made from Python floats."""

    dtype = np.dtype("float32")


def promote(name: str, arrays: list[Any], how: str) -> list[Any]:
    """Bring `arrays` to one dtype, by PyTorch's rules, which differ from NumPy's.

    Boolean < integer < float; among equals arrays with axes decide before 0-d ones, and those before Python numbers.
    Where integers become floats, they become the default dtype. Python numbers stay as they are.
    """
    dtype = None
    for x in arrays:
        if type(x) is np.ndarray:
            if dtype is None and x.dtype.kind == "f":
                dtype = x.dtype
            elif x.dtype is not dtype:
                break
        elif type(x) not in (float, int):
            break
    else:
        return arrays  # the common case: one float dtype
    arrays = [x.item() if isinstance(x, np.generic) else x for x in arrays]
    try:
        dtype = common_dtype(arrays)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if how == "float" and dtype.kind != "f":
        dtype = Default.dtype
    return [x.astype(dtype, copy=False) if isinstance(x, np.ndarray) else x for x in arrays]


def common_dtype(arrays: Sequence[Any]) -> np.dtype[Any]:
    """The dtype that PyTorch computes ``arrays[0] + arrays[1] + ...`` in."""
    ranked: dict[tuple[int, int], list[np.dtype[Any]]] = {}
    for x in arrays:
        dtype = x.dtype if isinstance(x, np.ndarray) else python_dtype(x)
        weight = 2 if np.ndim(x) else 1 if isinstance(x, np.ndarray) else 0
        ranked.setdefault(("biuf".index(dtype.kind) + (dtype.kind == "i"), weight), []).append(dtype)
    return np.result_type(*ranked[max(ranked)])


def python_dtype(value: object) -> np.dtype[Any]:
    """The dtype of a tensor made from a Python number. Raises TypeError for anything else."""
    if isinstance(value, bool):
        return np.dtype(bool)
    if isinstance(value, int):
        return np.dtype(np.int64)
    if isinstance(value, float):
        return Default.dtype
    raise TypeError(
        f"found {value!r} ({type(value).__name__}), expected a tensor or a number; "
        "wrap arrays and lists in minigrad.tensor(...)"
    )


cast: Primitive = Primitive(
    "to", lambda x, dtype: x.astype(dtype), lambda g, out, x, dtype: cast(g, dtype=x.dtype), keep="neither"
)


def memory(array: Array) -> Array:
    """The array that owns the memory that `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class no_grad:
    """Record nothing: to evaluate, and to update parameters. A context manager, and a decorator: ``@no_grad()``."""

    mode = False

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """A new one, or, where PyTorch allows ``@no_grad`` without brackets, the decorated function."""
        return object.__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(recording.enabled)
        recording.enabled = self.mode

    def __exit__(self, *exception: object) -> None:
        recording.enabled = self.before.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            with type(self)():
                return function(*args, **kwargs)

        return guarded


class enable_grad(no_grad):
    """Record again, inside a `no_grad` block."""

    mode = True


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return recording.enabled


class Fused(Primitive):
    """A composition of operations done in one: its forward returns ``(out, saved)``.

    ``rule(g, out, saved, *args, **options)`` returns a tuple with the cotangent of each argument, or a function that
    computes it, so that nothing is computed for data. It must not overwrite `saved`. `composition` is the same
    mathematics in plain operations: under `create_graph` it is replayed and differentiated instead; where it is None,
    the rule itself can run on tensors.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        rule: Callable[..., Any],
        composition: Callable[..., Any] | None = None,
        promotes: str = "",
    ) -> None:
        super().__init__(name, forward, promotes=promotes)
        self.rule, self.composition = rule, composition

    def __call__(self, *args: Any, **options: Any) -> Any:
        like, arrays, nodes = unwrap(args)
        if like is None:
            return self.forward(*only_arrays(self.name, args), **options)[0]
        if self.promotes:
            arrays = promote(self.name, arrays, self.promotes)
        try:
            out, saved = self.forward(*arrays, **options)
        except ValueError as error:
            raise ValueError(refusal(self.name, arrays, error)) from None
        out = np.asarray(out)
        if not (recording.enabled and any(nodes)):
            return like.wrap(out, None)
        return like.wrap(out, Operation(self, nodes, arrays, options, out, (out, saved)))

    def pull(self, node: Operation, g: Any, cotangents: Cotangents, args: Sequence[Any], out: Any) -> None:
        """Run the rule once, and compute what it leaves to be computed for those who want it."""
        parts = self.rule(g, *out, *args, **node.options)
        for parent, part in zip(node.nodes, parts, strict=True):
            if parent is not None:
                part = part() if callable(part) else part
                cotangents.add(parent, part, is_fresh(part, g, out, args))

    def pull_traced(self, node: Operation, g: Any, cotangents: Cotangents) -> None:
        """Replay the composition on stand-ins for the inputs, and differentiate that."""
        if self.composition is None:
            self.pull(node, g, cotangents, node.traced_args(g.wrap), node.out)
            return
        aliases = [None if n is None else Alias(n) for n in node.nodes]
        pairs = zip(node.args or (), aliases, strict=True)
        inputs = [g.wrap(arg, alias) if isinstance(arg, np.ndarray) else arg for arg, alias in pairs]
        start = Cotangents()
        start[self.composition(*inputs, **node.options).node] = g
        for alias, part in propagate(start, retain_graph=True, create_graph=True).items():
            alias.parents = (alias.original,)
            cotangents.add(alias.original, part)


class Alias:
    """Stands for a node while a composition is replayed: a leaf at first, then a step on the way to the node."""

    __slots__ = ("dtype", "original", "parents", "shape")

    def __init__(self, original: Any) -> None:
        self.original, self.shape, self.dtype = original, original.shape, original.dtype
        self.parents: tuple[Any, ...] = ()

    def pull(self, cotangent: Any, cotangents: Any, create_graph: bool) -> None:
        """Hand the cotangent on as it is."""
        cotangents.add(self.original, cotangent)

    def release(self) -> None:
        """Do nothing: an alias keeps nothing for `pull`."""


def comparison(name: str, test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A method that compares element by element and gives a tensor of booleans; it has no derivative."""
    primitive = Primitive(name, test, promotes="same")

    def method(self: Any, other: Any) -> Any:
        comparable = isinstance(other, Traced | np.ndarray | np.generic | bool | int | float)
        return primitive(self, other) if comparable else NotImplemented

    return method
