"""The mechanism: what is recorded and kept, how cotangents are added, and that users of it do not meet."""

from __future__ import annotations

import gc
import itertools
import operator
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
import minigrad.nn.functional as F
from minigrad import Tensor, enable_grad, is_grad_enabled, no_grad, primitive, rules
from minigrad.autograd import accumulating, grad
from minigrad.primitive import Cotangents, Fused, Leaf, Patch, Primitive, is_basic, memory, unbroadcast, writes
from tests.test_autograd import interrupted_at, shallow_stack
from tests.twins import gap


def leaf(*values: float, dtype: Any = np.float64) -> Tensor:
    """A float64 vector, or a 0-d tensor for one value, that requires grad."""
    return minigrad.tensor(np.array(values if len(values) != 1 else values[0], dtype), requires_grad=True)


# --------------------------------------------------------------------------------------------------------------- dtypes

VALUES = {"bool": True, "int64": 2, "float32": 1.5, "float64": 2.5}
FORMS = ("number", "0-d", "1-d", "empty")


def operand(dtype: str, form: str, library: Any) -> Any:
    if form == "number":
        return VALUES[dtype]
    shape = {"0-d": (), "1-d": (2,), "empty": (0,)}[form]
    return library.from_numpy(np.full(shape, VALUES[dtype], dtype))


OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "+": lambda a, b, library: a + b,
    "-": lambda a, b, library: a - b,
    "*": lambda a, b, library: a * b,
    "/": lambda a, b, library: a / b,
    "**": lambda a, b, library: a**b,
    "<": lambda a, b, library: a < b,
    "==": lambda a, b, library: a == b,
    "&": lambda a, b, library: a & b,
    "|": lambda a, b, library: a | b,
    "where": lambda a, b, library: library.where(library.tensor([True, False][: 1 if empty(a, b) else 2]), a, b),
    "maximum": lambda a, b, library: library.maximum(a, b),
}


def empty(*operands: Any) -> bool:
    return any(0 in getattr(x, "shape", ()) for x in operands)


@pytest.mark.parametrize("name", OPERATIONS)
def test_dtypes_follow_pytorch(name: str) -> None:
    """Wherever PyTorch has an answer, its dtype and value are ours, also for every mix of numbers and tensors."""
    compared = 0
    for left, right in itertools.product(itertools.product(VALUES, FORMS), repeat=2):
        if name == "where" and "empty" in (left[1], right[1]):
            continue
        if left[1] == right[1] == "number" and name != "where":
            continue
        try:
            wanted = OPERATIONS[name](operand(*left, torch), operand(*right, torch), torch)
        except (RuntimeError, TypeError, NotImplementedError):
            continue  # PyTorch refuses: subtraction of booleans, & of floats, maximum of a number
        if name == "**" and wanted.dtype == torch.bool:
            continue  # True ** True, which only one order of arguments allows there
        found = OPERATIONS[name](operand(*left, minigrad), operand(*right, minigrad), minigrad)
        assert gap(found, wanted) < 1e-6, (left, right, found, wanted)
        compared += 1
    assert compared > 40


def test_the_default_dtype_is_what_integers_become() -> None:
    whole = minigrad.tensor([1, 2])
    assert (whole / 2).dtype == whole.exp().dtype == (whole + 0.5).dtype == minigrad.float32
    minigrad.set_default_dtype(minigrad.float64)
    try:
        assert (whole / 2).dtype == whole.exp().dtype == (whole + 0.5).dtype == minigrad.float64
        assert minigrad.tensor(1.0).dtype == minigrad.zeros(2).dtype == minigrad.float64
    finally:
        minigrad.set_default_dtype(minigrad.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_the_dtype_of_their_tensor(dtype: Any) -> None:
    x = leaf(1.0, 2.0, dtype=dtype)
    other = leaf(3.0, 4.0, dtype=np.float32 if dtype is np.float64 else np.float64)
    out = (x * other).sum() + x.mean() + x.std() + x.softmax(0)[0] + (x @ x) ** 0.5 + x.logsumexp(0)
    out.backward()
    assert x.grad.dtype == x.dtype and other.grad.dtype == other.dtype


def test_float32_stays_float32() -> None:
    """No primitive lets a Python number or a NumPy scalar widen it, forward or backward."""
    x, y = leaf(0.5, 2.0, dtype=np.float32), leaf(1.5, 0.7, dtype=np.float32)
    seen: list[Any] = []
    add = Cotangents.add
    expressions: list[Any] = [x + 1, 2.0 * x, x / 3, x**2, 2**x, x**y, x.sum(), x.mean(), x.var(), x.std(), x.max()]
    expressions += [x.exp(), x.log(), x.sqrt(), x.sin(), x.cos(), x.tanh(), x.sigmoid(), x.relu(), x.abs(), -x]
    expressions += [x.softmax(0), x.log_softmax(0), x.logsumexp(0), x.clamp(0.6, 1.0), x.maximum(y), x[0], x @ y]
    expressions += [
        minigrad.where(x > 1, x, 0.0),
        F.mse_loss(x, y),
        F.cross_entropy(x, minigrad.tensor(1)),
        x - x.mean(),
    ]
    for out in expressions:
        assert out.dtype == np.float32, out
    try:
        Cotangents.add = lambda self, node, part, fresh=False: (seen.append(part), add(self, node, part, fresh))  # type: ignore[assignment, misc]
        for out in expressions:
            out.sum().backward(retain_graph=True)
    finally:
        Cotangents.add = add  # type: ignore[method-assign]
    wide = [part for part in seen if isinstance(part, np.ndarray) and part.ndim and part.dtype != np.float32]
    assert not wide


# ------------------------------------------------------------------------------------------------------------ recording


def test_nothing_is_recorded_without_grad() -> None:
    x = leaf(1.0, 2.0)
    with no_grad():
        assert not is_grad_enabled()
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled()
    assert (x * 2).requires_grad
    assert not (minigrad.ones(2) * 2).requires_grad


def test_no_grad_is_a_decorator_with_and_without_brackets() -> None:
    x = leaf(3.0)

    @no_grad()
    def twice(y: Tensor) -> Tensor:
        """Its own docstring."""
        return y * 2

    @no_grad
    def thrice(y: Tensor, *, times: int = 3) -> Tensor:
        return y * times

    assert not twice(x).requires_grad and twice(x).item() == 6.0
    assert not thrice(x, times=4).requires_grad and thrice(x).item() == 9.0
    assert (twice.__name__, twice.__doc__) == ("twice", "Its own docstring.")
    assert is_grad_enabled()


def test_one_guard_may_be_entered_twice() -> None:
    guard = no_grad()
    with guard, guard:
        assert not is_grad_enabled()
    assert is_grad_enabled()


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_exceptions_end_no_grad(kind: type[BaseException]) -> None:
    with pytest.raises(kind), no_grad():
        raise kind
    assert is_grad_enabled()

    @no_grad()
    def fail() -> None:
        raise kind

    with pytest.raises(kind):
        fail()
    assert is_grad_enabled()


def test_an_error_inside_a_second_derivative_leaves_recording_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyboardInterrupt

    x = leaf(1.0)
    y = x.exp()
    monkeypatch.setattr(rules.exp, "rules", (broken,))
    with no_grad(), pytest.raises(KeyboardInterrupt):
        y.backward(create_graph=True)
    assert is_grad_enabled()
    assert x.grad is None


def test_a_failed_forward_records_nothing() -> None:
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0, 3.0)
    for wrong in (
        lambda: x + y,
        lambda: x.reshape(3),
        lambda: x @ y,
        lambda: x[5],
        lambda: x.expand(3),
        lambda: x + "a",
    ):
        with pytest.raises((ValueError, IndexError, TypeError)):
            wrong()
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0] and y.grad is None


def test_recording_is_per_thread() -> None:
    x, seen = leaf(1.0), []
    inside, done = threading.Event(), threading.Event()

    def quiet() -> None:
        with no_grad():
            inside.set()
            done.wait(10)
            seen.append((x * 2).requires_grad)

    thread = threading.Thread(target=quiet)
    thread.start()
    inside.wait(10)
    seen.append((x * 2).requires_grad)  # the other thread is inside no_grad
    done.set()
    thread.join()
    assert seen == [True, False]
    with no_grad():
        fresh = ThreadPoolExecutor(1).submit(is_grad_enabled).result()
    assert fresh  # a new thread records, whatever the one that started it does


# ---------------------------------------------------------------------------------------------------------- no aliasing


def test_a_sum_does_not_share_its_gradient() -> None:
    """`add` hands one array to both parents, `sum` a read-only view."""
    for make in (
        lambda a, b: (a + b).sum(),
        lambda a, b: (a - b).sum() + (b - a).sum() * 2,
        lambda a, b: a.sum() + b.sum(),
    ):
        x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
        make(x, y).backward()
        before = y.grad.tolist()
        x.grad.zero_()
        x.grad += 5.0
        assert y.grad.tolist() == before


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_that_was_passed_in_is_not_kept(create_graph: bool) -> None:
    for function in (
        lambda x: x,
        lambda x: x + 0.0,
        lambda x: x.reshape(2),
        lambda x: x.expand(2),
        lambda x: x.clone(),
    ):
        x = leaf(1.0, 2.0)
        seed = minigrad.tensor([3.0, 4.0], dtype=x.dtype)
        function(x).backward(seed, create_graph=create_graph)
        assert x.grad.tolist() == [3.0, 4.0]
        with no_grad():
            x.grad.zero_()
        assert seed.tolist() == [3.0, 4.0]
        seed.fill_(9.0)
        assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_under_create_graph_share_nothing(create_graph: bool) -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward(create_graph=create_graph)
    with no_grad():
        x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]
    first, second = grad((x + y).sum(), (x, y), create_graph=create_graph)
    with no_grad():
        first.zero_()
    assert second.tolist() == [1.0, 1.0]


def test_accumulating_writes_to_no_array_that_was_handed_out() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()
    held = x.grad
    view = held.numpy()
    x.sum().backward()
    assert view.tolist() == [1.0, 1.0] and x.grad.tolist() == [2.0, 2.0]


def test_data_that_was_passed_in_is_copied() -> None:
    array = np.array([1.0, 2.0])
    x = minigrad.tensor(array, requires_grad=True)
    out = (x * x).sum()
    array[:] = 100.0
    out.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_lists_and_arrays_that_index_may_change_afterwards() -> None:
    x = leaf(1.0, 2.0, 3.0)
    for index in ([0, 0], np.array([0, 0])):
        x.grad = None
        out = x[index].sum()
        index[:] = [2, 2]
        out.backward()
        assert x.grad.tolist() == [2.0, 0.0, 0.0]


# ------------------------------------------------------------------------------------------ arrays overwritten in place

KEPT: dict[str, Callable[[Tensor], Tensor]] = {
    "mul": lambda x: x * x,
    "div": lambda x: 1 / x,
    "pow": lambda x: x**3,
    "log": lambda x: x.log(),
    "sin": lambda x: x.sin(),
    "abs": lambda x: x.abs(),
    "maximum": lambda x: x.maximum(2 * x.detach()),
    "clamp": lambda x: x.clamp(0.0, 1.0),
    "matmul": lambda x: x.reshape(1, 2) @ x.reshape(2, 1),
    "max": lambda x: x.max(),
    "logsumexp": lambda x: x.logsumexp(0),
    "linear": lambda x: F.linear(x, x.reshape(1, 2)),
    "cross_entropy": lambda x: F.cross_entropy(x, minigrad.tensor(0)),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_argument_overwritten_is_noticed(name: str) -> None:
    x = leaf(1.0, 2.0)
    out = KEPT[name](x).sum()
    with no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match=rf"^backward through {name}: its argument \d, of shape .* changed in place"):
        out.backward()
    assert x.grad is None


@pytest.mark.parametrize(
    "name", ["exp", "sqrt", "tanh", "sigmoid", "relu", "softmax", "log_softmax", "max", "logsumexp"]
)
def test_a_result_overwritten_is_noticed(name: str) -> None:
    x = leaf(1.0, 2.0)
    out = getattr(x, name)(*([0] if "soft" in name or "sum" in name else []))
    total = out.sum()
    with no_grad():
        out *= 2
    with pytest.raises(RuntimeError, match=rf"^backward through {name}: its result, of shape .* changed in place"):
        total.backward()


@pytest.mark.parametrize(
    "way", ["view", "reshape", "transpose", "from_numpy", "setitem", "optimiser", "data", "detach"]
)
def test_writes_through_another_name_are_noticed(way: str) -> None:
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = minigrad.from_numpy(array).requires_grad_()
    out = (x * x).sum()
    with no_grad():
        if way == "setitem":
            x[0, 0] = 5.0
        elif way == "from_numpy":
            minigrad.from_numpy(array[1:]).zero_()
        elif way == "optimiser":
            x.grad = minigrad.ones(2, 2, dtype=x.dtype)
            minigrad.optim.SGD([x], lr=0.1).step()
        else:
            other = {"view": x[0], "reshape": x.reshape(4), "transpose": x.T, "data": x.data, "detach": x.detach()}[way]
            other += 1.0
    with pytest.raises(RuntimeError, match=r"^backward through mul: its argument 0"):
        out.backward()


def test_an_index_overwritten_is_noticed() -> None:
    x, index = leaf(1.0, 2.0, 3.0), minigrad.tensor([0, 0])
    for out in (x[index], x[index, None], x.gather(0, index)):
        index += 0
        with pytest.raises(RuntimeError, match=r"^backward through getitem: .*index"):
            out.sum().backward()


def test_what_no_rule_needs_may_be_overwritten() -> None:
    for function in (
        lambda x: x + 1,
        lambda x: x.sum(),
        lambda x: x.reshape(2, 1),
        lambda x: x[0],
        lambda x: -x,
        lambda x: x.exp(),
    ):
        x, theirs = leaf(1.0, 2.0), torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        out, expected = function(x).sum(), function(theirs).sum()
        with no_grad(), torch.no_grad():
            x += 1.0
            theirs += 1.0
        out.backward()
        expected.backward()
        assert x.grad.tolist() == theirs.grad.tolist()


def test_a_write_before_the_operation_is_no_harm() -> None:
    x = leaf(1.0, 2.0)
    with no_grad():
        x += 1.0
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_writes_elsewhere_are_no_harm() -> None:
    x, other = leaf(1.0, 2.0), minigrad.zeros(3)
    out = (x * x).sum()
    other += 1.0
    out.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_written_memory_is_forgotten_when_it_dies() -> None:
    gc.collect()
    before = len(writes.last)
    for _ in range(50):
        minigrad.zeros(3).fill_(1.0)
    assert len(writes.last) <= before


def test_the_owner_of_memory_is_found_through_views() -> None:
    array = np.zeros((3, 4))
    assert memory(array[1:].T.reshape(-1)[:0]) is not None
    assert memory(array.T[1:, ::2]) is array
    assert memory(array) is array


# --------------------------------------------------------------------------------------------------- freed and retained


@pytest.mark.parametrize("function", [lambda x: x + x, lambda x: x * x, lambda x: x.sum(), lambda x: x.exp()])
def test_a_freed_graph_says_so_and_changes_nothing(function: Callable[[Tensor], Tensor]) -> None:
    x = leaf(1.0, 2.0)
    out = function(x).sum()
    out.backward()
    before = x.grad.tolist()
    with pytest.raises(RuntimeError, match=r"freed by an earlier backward\(\); compute .* retain_graph=True"):
        out.backward()
    assert x.grad.tolist() == before


def test_a_part_that_two_graphs_share() -> None:
    x = leaf(1.0, 2.0)
    shared = x * x
    first, second = shared.sum(), (shared * x).sum()
    first.backward()
    with pytest.raises(RuntimeError, match=r"^backward through mul: this graph was freed"):
        second.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_saved_arrays_are_let_go_on_the_way() -> None:
    x = leaf(*np.linspace(0, 1, 1000))
    middle = x.exp()
    kept = weakref.ref(middle.array)
    out = (middle * 2.0).sum()
    del middle
    assert kept() is not None  # exp keeps its result
    out.backward()
    assert kept() is None


def test_an_operation_keeps_only_what_its_rules_need() -> None:
    x = leaf(*range(10))
    for function, inputs in ((lambda y: y + 1.0, False), (lambda y: y.exp(), False), (lambda y: y.log(), True)):
        before = (x + 1.0).detach() + 0.0
        before.requires_grad_()
        argument = weakref.ref(before.array)
        out = function(before)
        del before
        assert (argument() is not None) == inputs
        assert out.requires_grad


# ----------------------------------------------------------------------------------------------------------- cotangents


def test_parts_are_summed_back_and_cast() -> None:
    cotangents = Cotangents()
    node = Leaf(np.zeros((2, 1), np.float32))
    cotangents.add(node, np.ones((3, 2, 4)))
    cotangents.add(node, np.ones((2, 1)))
    assert cotangents[node].tolist() == [[13.0], [13.0]]
    assert cotangents[node].dtype == np.float32


def test_borrowed_parts_are_never_written_to() -> None:
    part = np.ones(3)
    part.flags.writeable = False
    cotangents, node = Cotangents(), Leaf(np.zeros(3))
    for count in range(1, 5):
        cotangents.add(node, part)
        assert cotangents[node].tolist() == [count] * 3
    assert part.tolist() == [1.0] * 3


def test_a_fresh_part_is_added_to_in_place() -> None:
    part = np.ones(3)
    cotangents, node = Cotangents(), Leaf(np.zeros(3))
    cotangents.add(node, part, fresh=True)
    cotangents.add(node, np.ones(3))
    assert cotangents[node] is part and part.tolist() == [2.0] * 3


def test_patches_share_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of T slices costs T, not T times the whole."""
    made = []
    zeros = np.zeros
    monkeypatch.setattr(primitive.np, "zeros", lambda *args, **kwargs: made.append(1) or zeros(*args, **kwargs))
    x = leaf(*range(100))
    total = sum(x[i] * float(i) for i in range(100))
    made.clear()
    total.backward()
    assert len(made) == 1
    assert x.grad.tolist() == [float(i) for i in range(100)]


def test_a_patch_after_a_borrowed_part_leaves_that_alone() -> None:
    part = np.ones(3)
    cotangents, node = Cotangents(), Leaf(np.zeros(3))
    cotangents.add(node, part)
    cotangents.add(node, Patch(np.float64(5.0), 1))
    assert cotangents[node].tolist() == [1.0, 6.0, 1.0]
    assert part.tolist() == [1.0] * 3


def test_a_patch_counts_repeated_places() -> None:
    buffer = np.zeros((3, 2))
    Patch(np.ones((3, 2)), (slice(None), [1, 1])).add_to(buffer)
    Patch(np.ones((3, 2)), [0, 0, 2]).add_to(buffer)
    Patch(np.ones(2), ([0, 0], [1, 1])).add_to(buffer)
    assert buffer.tolist() == [[2.0, 6.0], [0.0, 2.0], [1.0, 3.0]]


def test_basic_indices() -> None:
    assert all(map(is_basic, [0, slice(1), None, ..., (0, slice(2), None)]))
    assert not any(map(is_basic, [[0], np.array(0), True, (0, [1]), (False,)]))


def test_unbroadcast_is_the_adjoint_of_broadcasting() -> None:
    rng = np.random.default_rng(0)
    for small, large in [
        ((), (2, 3)),
        ((3,), (2, 3)),
        ((2, 1), (2, 3)),
        ((1, 1), (4, 2, 3)),
        ((0, 1), (0, 3)),
        ((2,), (2,)),
    ]:
        x, g = rng.normal(size=small), rng.normal(size=large)
        back = unbroadcast(g, small)
        assert back.shape == small
        assert np.isclose(np.vdot(np.broadcast_to(x, large), g), np.vdot(x, back))
    for wrong in [(4,), (3, 2), (1, 2, 3)]:
        with pytest.raises(ValueError, match=r"unbroadcast: shape .* does not broadcast to \(2, 3\)"):
            unbroadcast(np.ones((2, 3)), wrong)


# ----------------------------------------------------------------------------------------- arrays first, tensors second


def test_primitives_called_with_arrays_return_arrays() -> None:
    a = np.array([1.0, 2.0])
    assert type(rules.exp(a)) is type(rules.mul(a, 2.0)) is type(rules.matmul(a[None], a[:, None])) is np.ndarray
    assert type(rules.concatenate(a, a, axis=0)) is np.ndarray


@pytest.mark.parametrize("value", [2.0, [1.0, 2.0], True, "a", None])
def test_primitives_refuse_what_is_no_array(value: Any) -> None:
    with pytest.raises(TypeError, match=r"exp: found .* expected a tensor; wrap numbers and lists in minigrad.tensor"):
        minigrad.exp(value)
    with pytest.raises(TypeError, match="maximum: found"):
        minigrad.maximum(value, 3.0)


def test_the_first_order_runs_on_arrays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    loss = F.cross_entropy((x * w).tanh().exp().softmax(0), minigrad.tensor(0)) + (x @ w).log() + x.std() + x[0]
    wrapped = []
    wrap = Tensor.wrap
    monkeypatch.setattr(Tensor, "wrap", lambda self, array, node: wrapped.append(array) or wrap(self, array, node))
    loss.backward()
    assert len(wrapped) == 3  # the seed and the two gradients


def test_no_rule_is_run_for_data() -> None:
    ran = []

    def rule(g: Any, out: Any, a: Any, b: Any) -> Any:
        ran.append(1)
        return g

    plus = Primitive("plus", np.add, rule, rule)
    plus(leaf(1.0), minigrad.tensor(2.0)).backward()
    assert ran == [1]


def test_rules_and_arguments_are_counted() -> None:
    """A rule too few is an error, not a gradient that is silently left out."""
    plus = Primitive("plus", np.add, lambda g, out, a, b: g)
    out = plus(leaf(1.0), leaf(2.0))
    with pytest.raises(ValueError, match="zip"):
        out.backward()
    half = Primitive("half", lambda a, b, c: a + b + c, lambda g, out, a, b, c: g, None)
    with pytest.raises(ValueError, match="zip"):
        half(leaf(1.0), leaf(2.0), leaf(3.0))
    pair = Fused("pair", lambda a, b: (a + b, None), lambda g, out, saved, a, b: (lambda: g,))
    out = pair(leaf(1.0), leaf(2.0))
    with pytest.raises(ValueError, match="zip"):
        out.backward()


def test_an_argument_without_a_rule_has_no_derivative() -> None:
    half = Primitive("half", lambda a, b: a * b, lambda g, out, a, b: g * b, None)
    x, y = leaf(3.0), leaf(4.0)
    half(x, y).backward()
    assert x.grad.item() == 4.0 and y.grad is None


def test_a_fused_rule_may_leave_parts_to_be_computed() -> None:
    asked = []

    def rule(g: Any, out: Any, saved: Any, a: Any, b: Any) -> Any:
        return (lambda: asked.append("a") or g * b), (lambda: asked.append("b") or g * a)

    times = Fused("times", lambda a, b: (a * b, None), rule)
    x = leaf(3.0)
    times(x, minigrad.tensor(4.0)).backward()
    assert x.grad.item() == 4.0 and asked == ["a"]


def test_a_fused_node_replays_its_composition_for_second_derivatives() -> None:
    replayed = []

    def composition(a: Any) -> Any:
        replayed.append(1)
        return a * a * a

    cube = Fused("cube", lambda a: (a**3, a * a), lambda g, out, saved, a: (lambda: g * 3 * saved,), composition)
    x = leaf(2.0)
    cube(x).backward()
    assert x.grad.item() == 12.0 and not replayed
    (first,) = grad(cube(x), x, create_graph=True)
    (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x)
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)
    assert replayed


def test_a_fused_node_may_meet_the_same_input_twice() -> None:
    times = Fused("times", lambda a, b: (a * b, None), lambda g, out, saved, a, b: (g * b, g * a), lambda a, b: a * b)
    x = leaf(3.0)
    (first,) = grad(times(x, x) * x, x, create_graph=True)
    (second,) = grad(first, x)
    assert (first.item(), second.item()) == (27.0, 18.0)


# ---------------------------------------------------------------------------------------------------- memory and cycles


def test_a_graph_has_no_cycles() -> None:
    def step() -> None:
        x, w = leaf(1.0, 2.0), leaf(*range(4)).reshape(2, 2)
        h = (x @ w).relu() + x.sum() * x[0]
        loss = F.cross_entropy(h, minigrad.tensor(1)) + h.std() + minigrad.cat([h, x]).mean() + (x.exp() ** 2).max()
        loss.backward()

    step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_graph_that_was_never_used_goes_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x * x).sum()
        node = weakref.ref(y)
        array = weakref.ref((x.exp() * y).array)
        del y
        assert node() is None and array() is None
    finally:
        gc.enable()


def test_a_long_chain_needs_no_recursion() -> None:
    x = leaf(1.0, 2.0)
    y = x
    with shallow_stack():
        for _ in range(5_000):
            y = y + x * 0.001
        y.sum().backward()
        assert np.allclose(x.grad.numpy(), 6.0)
        del y


def test_a_thousand_doublings_cost_a_thousand_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = []
    pull = primitive.Operation.pull
    monkeypatch.setattr(primitive.Operation, "pull", lambda self, *args: pulls.append(1) or pull(self, *args))
    x = y = leaf(1.0)
    for _ in range(1000):
        y = y + y
    y.backward()
    assert len(pulls) == 1000 and x.grad.item() == 2.0**1000


# ----------------------------------------------------------------------------------------------- threads and interrupts


def test_concurrent_backward_passes_over_one_graph() -> None:
    """Each pass adds its whole gradient, none is lost, none is mixed with another's."""
    x = minigrad.tensor(np.random.default_rng(0).normal(size=(20, 20)), requires_grad=True)
    shared = (x @ x).tanh()
    outputs = [(shared * float(k)).sum() for k in range(1, 9)]
    sequential = sum(grad(out, x, retain_graph=True)[0].numpy() for out in outputs * 5)
    before, interval = threading.active_count(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda out: out.backward(retain_graph=True), outputs * 5))
    finally:
        sys.setswitchinterval(interval)
    assert np.allclose(x.grad.numpy(), sequential, rtol=1e-12)
    assert threading.active_count() == before


def test_concurrent_training_of_separate_models() -> None:
    def train(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        w = minigrad.tensor(rng.normal(size=(5, 3)), requires_grad=True)
        data, target = minigrad.tensor(rng.normal(size=(8, 5))), minigrad.tensor(rng.integers(0, 3, 8))
        losses = []
        for _ in range(20):
            loss = F.cross_entropy(data @ w, target)
            loss.backward()
            with no_grad():
                w -= 0.5 * w.grad
            w.grad = None
            losses.append(loss.item())
        return losses

    alone = [train(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(train, range(4))) == alone


@pytest.mark.parametrize(("retain", "create", "step"), [(False, False, 1), (True, False, 1), (True, True, 3)])
def test_an_interrupt_leaves_all_gradients_old_or_all_new(retain: bool, create: bool, step: int) -> None:
    """Wherever Python looks out for signals. Afterwards the graph works, or says that it was freed."""
    seen = set()
    for count in itertools.count(1, step):
        x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0)
        out = (x * y).sum() * z
        if not interrupted_at(count, lambda o=out: o.backward(retain_graph=retain, create_graph=create)):  # type: ignore[misc]
            break
        assert not accumulating.locked() and is_grad_enabled()
        grads = [None if v.grad is None else v.grad.tolist() for v in (x, y, z)]
        assert grads in ([None, None, None], [[15.0, 20.0], [5.0, 10.0], 11.0])
        seen.add(grads[0] is None)
        for v in (x, y, z):
            v.grad = None
        try:
            out.backward()
            assert x.grad.tolist() == [15.0, 20.0]
        except RuntimeError as error:
            assert "freed by an earlier backward" in str(error) and not retain
            assert x.grad is y.grad is z.grad is None
    assert True in seen and count > 20


def test_comparisons_have_no_derivative() -> None:
    x, y = leaf(1.0, 2.0), leaf(2.0, 2.0)
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        found = compare(x, y)
        assert not found.requires_grad and found.dtype == np.bool_
        assert found.tolist() == compare(x.detach().numpy(), y.detach().numpy()).tolist()
    assert (x == "text") is False and (x == None) is False  # noqa: E711
    with pytest.raises(TypeError, match="'<' not supported"):
        x < "text"  # noqa: B015
