"""The tensor: what it is made from, its face, its gradient, writing to it in place, and the errors that it gives."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
import minigrad.nn.functional as F
from minigrad import Tensor, nn, no_grad
from minigrad.tensor import first
from tests.twins import assert_twins, twins


def leaf(values: Any, dtype: Any = np.float64) -> Tensor:
    return minigrad.tensor(np.array(values, dtype), requires_grad=True)


# ------------------------------------------------------------------------------------------------- what it is made from

DATA: list[Any] = [
    *(1, 1.5, True, [1, 2], [1.0, 2], [True, False], [True, 2], [True, 2.5], [[1], [2]], (1.0, 2.0), [], [[]], 2**40),
    *(np.float32(1), np.float64(1), np.int32(3), np.uint8(3), [np.float64(1)], [np.float32(1)], [np.int32(1)]),
    *(np.arange(3), np.arange(3.0), np.arange(3, dtype=np.float32), np.array(2.0), np.zeros((0, 3)), np.array([True])),
]


@pytest.mark.parametrize("data", DATA, ids=repr)
def test_dtype_and_shape_of_data_are_those_of_pytorch(data: Any) -> None:
    ours, theirs = minigrad.tensor(data), torch.tensor(data)
    assert (f"torch.{ours.dtype}", ours.shape) == (str(theirs.dtype), tuple(theirs.shape))
    assert ours.tolist() == theirs.tolist()


def test_lists_of_arrays_and_of_tensors_keep_their_dtype() -> None:
    assert minigrad.tensor([np.arange(2.0), np.arange(2.0)]).dtype == np.float64
    assert minigrad.tensor([minigrad.tensor(1.0), minigrad.tensor(2.0)]).dtype == np.float32
    assert minigrad.tensor([leaf(1.0).detach()]).dtype == np.float64
    assert first([[(7, 8)], 9]) == 7


def test_a_tensor_copies_what_it_is_made_from() -> None:
    array = np.array([1.0, 2.0])
    x = Tensor(array)
    y = Tensor(x)
    array[0] = 9.0
    x[1] = 8.0
    assert (x.tolist(), y.tolist()) == ([1.0, 8.0], [1.0, 2.0])


def test_dtype_can_be_given() -> None:
    assert minigrad.tensor([1, 2], dtype=minigrad.float64).dtype == np.float64
    assert minigrad.tensor([1.7], dtype=minigrad.int64).tolist() == [1]


# ------------------------------------------------------------------------------------------------------------- its face


def test_shape_and_size() -> None:
    x = minigrad.zeros(2, 3)
    assert (x.shape, x.size(), x.size(1), x.size(-2), x.ndim, x.dim(), x.numel(), len(x)) == (
        (2, 3),
        (2, 3),
        3,
        2,
        2,
        2,
        6,
        2,
    )
    assert isinstance(x, Tensor) and isinstance(nn.Parameter(x), Tensor)


def test_out_to_python_and_numpy() -> None:
    x = minigrad.tensor([[1.0, 2.0]])
    assert x.tolist() == [[1.0, 2.0]]
    assert minigrad.tensor(2.5).item() == 2.5 and isinstance(minigrad.tensor(2).item(), int)
    assert (float(minigrad.tensor([2.5])), int(minigrad.tensor(2)), bool(minigrad.tensor(0))) == (2.5, 2, False)
    assert [10, 20, 30][minigrad.tensor(1)] == 20
    assert f"{minigrad.tensor(0.125):.2f} {minigrad.tensor([1.0])}" == "0.12 tensor([1.])"
    x.numpy()[0, 0] = 5.0  # shares memory
    assert x[0, 0].item() == 5.0
    assert np.asarray(x).tolist() == [[5.0, 2.0]] and np.array(x, dtype=int).dtype == int
    assert [row.tolist() for row in minigrad.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (minigrad.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (minigrad.tensor(3), "tensor(3)"),
        (minigrad.tensor([True]), "tensor([ True])"),
        (minigrad.tensor([1.0], dtype=minigrad.float64), "tensor([1.], dtype=float64)"),
        (minigrad.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (minigrad.tensor([1.0], requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward>)"),
        (minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), "tensor([[1., 2.],\n        [3., 4.]])"),
        (nn.Parameter(minigrad.zeros(1)), "Parameter containing:\ntensor([0.], requires_grad=True)"),
        (minigrad.tensor([1.0], requires_grad=True).log_softmax(0), "tensor([0.], grad_fn=<LogSoftmaxBackward>)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_repr(x: Tensor, text: str) -> None:
    assert repr(x) == text


def test_conversions() -> None:
    x = leaf([1.5, -2.5])
    assert [x.float().dtype, x.double().dtype, x.long().dtype, x.bool().dtype] == [
        np.float32,
        np.float64,
        np.int64,
        np.bool_,
    ]
    assert x.to(minigrad.float64) is x
    (x.float() * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and x.grad.dtype == np.float64
    assert not x.long().requires_grad


METHODS = {
    *("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "abs", "sum", "mean", "var", "std", "max", "min"),
    *("argmax", "argmin", "flatten", "squeeze", "clone", "detach", "any", "all", "float", "double", "long", "bool"),
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_without_arguments(name: str) -> None:
    assert_twins(
        lambda x: getattr(x, name)(), lambda x: getattr(x, name)(), np.array([[0.5, 1.5], [2.5, 0.7]]), twice=False
    )


def test_an_unknown_method_is_refused_in_a_sentence() -> None:
    for name in ("cuda", "svd", "no_such_name"):
        with pytest.raises(AttributeError, match=f"Tensor has no '{name}': .* the book has built"):
            getattr(minigrad.zeros(1), name)
    assert not hasattr(minigrad.zeros(1), "cuda")


# --------------------------------------------------------------------------------------------------------- its gradient


def test_accumulates() -> None:
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad.item() == 7.0
    (x * 5.0).backward()
    assert x.grad.item() == 12.0
    x.grad = None
    (x * 5.0).backward()
    assert x.grad.item() == 5.0


def test_retain_graph_doubles_leaves_as_pytorch_does() -> None:
    x, theirs = twins([1.0, 2.0])
    out, expected = (x.exp() * x).sum(), (theirs.exp() * theirs).sum()
    for again in (True, True, False):
        out.backward(retain_graph=again)
        expected.backward(retain_graph=again)
        assert np.allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-15)
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        out.backward()


def test_only_leaves_keep_a_gradient() -> None:
    x = leaf([1.0, 2.0])
    y = x * 2
    y.sum().backward()
    assert y.grad is None and not y.is_leaf and x.is_leaf
    assert x.grad_fn is None and repr(y.grad_fn) == "<MulBackward>"
    assert not x.grad.requires_grad
    x.grad = None


def test_a_leaf_is_its_own_output() -> None:
    x = leaf(3.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0


def test_backward_with_a_gradient() -> None:
    x, theirs = twins([1.0, 2.0])
    (x * x).backward(minigrad.tensor([1.0, 10.0]))
    (theirs * theirs).backward(torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert x.grad.tolist() == theirs.grad.tolist() == [2.0, 40.0]
    assert x.grad.dtype == np.float64  # the gradient that was given is float32


def test_gradients_of_gradients_accumulate() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 12.0 and x.grad.requires_grad
    x.grad.backward()
    assert x.grad.item() == 24.0  # 12, and the second derivative's 12 on top, as in PyTorch


def test_detach_stops_the_flow_and_shares_memory() -> None:
    x = leaf([1.0, 2.0])
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]
    x.data[0] = 7.0
    x.detach()[1] = 8.0
    assert x.tolist() == [7.0, 8.0]
    x.data = minigrad.tensor([5.0, 6.0])
    assert x.tolist() == [5.0, 6.0] and x.requires_grad and x.dtype == np.float64


def test_grad_can_be_set_and_taken_away() -> None:
    x = leaf([1.0, 2.0])
    x.grad = minigrad.tensor([5.0, 5.0], dtype=x.dtype)
    x.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    x.requires_grad = False
    assert not (x * 2).requires_grad and x.grad is None
    assert x.requires_grad_().requires_grad


def test_requires_grad_on_a_computed_tensor_is_no_harm() -> None:
    y = leaf(1.0) * 2
    assert y.requires_grad_() is y and y.grad_fn is not None


def test_deepcopy() -> None:
    x = leaf([1.0, 2.0])
    x.sum().backward()
    pair = [x, x]
    twin, again = copy.deepcopy(pair)
    assert twin is again and twin is not x
    assert twin.requires_grad and twin.tolist() == [1.0, 2.0] and twin.grad.tolist() == [1.0, 1.0]
    with no_grad():
        twin += 1.0
        twin.grad.zero_()
    assert x.tolist() == [1.0, 2.0] and x.grad.tolist() == [1.0, 1.0]
    assert type(copy.deepcopy(nn.Parameter(minigrad.zeros(1)))) is nn.Parameter
    assert not copy.deepcopy(minigrad.tensor([1])).requires_grad
    with pytest.raises(RuntimeError, match="deepcopy: this tensor was computed"):
        copy.deepcopy(x * 2)


# ----------------------------------------------------------------------------------------------------- writing in place

UPDATES: dict[str, Callable[[Any], Any]] = {
    "+=": lambda p: p.__iadd__(2.0),
    "-=": lambda p: p.__isub__(2.0),
    "*=": lambda p: p.__imul__(2.0),
    "/=": lambda p: p.__itruediv__(2.0),
    "zero_": lambda p: p.zero_(),
    "fill_": lambda p: p.fill_(3.0),
    "copy_": lambda p: p.copy_(p * 5),
    "normal_": lambda p: p.normal_(),
    "uniform_": lambda p: p.uniform_(-1.0, 1.0),
    "setitem": lambda p: p.__setitem__(0, 9.0),
}


@pytest.mark.parametrize("name", UPDATES)
def test_leaves_are_written_under_no_grad_only(name: str) -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    before, row = x.tolist(), x.detach()[0]
    with pytest.raises(
        RuntimeError, match=rf"^{re.escape(name)}: a leaf .* changed in place; put .* `with no_grad\(\):`"
    ):
        UPDATES[name](x)
    assert x.tolist() == before
    with no_grad():
        UPDATES[name](x)
    assert x.tolist() != before and x.requires_grad and x.is_leaf and x.dtype == np.float64
    assert row.tolist() == x.tolist()[0]  # a view sees it
    (x * x).sum().backward()
    assert x.grad.tolist() == (2 * x).tolist()


@pytest.mark.parametrize("name", sorted(set(UPDATES) - {"normal_", "uniform_"}))
def test_computed_tensors_are_written_as_in_pytorch(name: str) -> None:
    def function(x: Any) -> Any:
        y = x * x
        UPDATES[name](y)
        return y.sin() * x

    assert_twins(function, function, np.array([[1.0, 2.0], [3.0, 4.0]]))


@pytest.mark.parametrize("name", ["normal_", "uniform_"])
def test_what_was_drawn_over_has_no_gradient(name: str) -> None:
    x = leaf([1.0, 2.0])
    y = x * x
    UPDATES[name](y)
    (y * 3).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_values_written_carry_gradients() -> None:
    def function(x: Any, v: Any) -> Any:
        buffer = (x * 0).detach()
        buffer[1] = v
        buffer[0, :1] = v[1:] * x[0, 0]
        y = x * 1
        y.copy_(buffer * v)
        y += v
        y *= x
        y[0] -= v
        return y

    assert_twins(function, function, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0]))


def test_a_loss_may_be_summed_up_in_place() -> None:
    def function(x: Any) -> Any:
        loss = x.sum()
        loss += (x * x).sum()
        loss /= 2
        total = 0
        for _ in range(3):
            total += loss
        return total

    assert_twins(function, function, np.array([1.0, 2.0]))


def test_what_a_rule_needs_survives_a_recorded_write() -> None:
    """`y += 1` gives y a new array; exp keeps the old one. PyTorch refuses here, at backward."""
    x = leaf([0.0, 1.0])
    y = x.exp()
    z = y * 1.0
    y += 1.0
    (y + z).sum().backward()
    assert np.allclose(x.grad.numpy(), 2 * np.exp([0.0, 1.0]))


def test_unrecorded_writes_reach_every_view() -> None:
    x = minigrad.arange(6).reshape(2, 3)
    row, column, turned = x[0], x[:, 1], x.T
    row += 10
    column[1] = -1
    assert x.tolist() == [[10, 11, 12], [3, -1, 5]] and turned.tolist() == [[10, 3], [11, -1], [12, 5]]


def test_copy_casts_and_broadcasts() -> None:
    x = minigrad.zeros(2, 2)
    assert x.copy_(minigrad.tensor([1, 2])).tolist() == [[1.0, 2.0], [1.0, 2.0]] and x.dtype == np.float32


# ------------------------------------------------------------------------------------------------------- error messages

x23, x3, whole = minigrad.ones(2, 3), minigrad.ones(3), minigrad.tensor([1, 2])
p2 = minigrad.ones(2, requires_grad=True)

ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Tensor("abc"), TypeError, r"tensor: found 'abc' \(str\), expected real numbers"),
    (lambda: Tensor([1.0, None]), TypeError, r"tensor: found \[1.0, None\] \(list\), expected real numbers"),
    (lambda: Tensor(1j), TypeError, r"tensor: found 1j \(complex\), expected real numbers"),
    (lambda: Tensor([[1, 2], [3]]), ValueError, "tensor: the nested lists are ragged: every row needs the same length"),
    (lambda: Tensor([1, 2], requires_grad=True), RuntimeError, "only floating-point .* found int64; write 3.0 instead"),
    (lambda: whole.requires_grad_(), RuntimeError, "requires_grad: only floating-point tensors have gradients"),
    (lambda: (p2 * 2).requires_grad_(False), RuntimeError, r"this tensor was computed from others; use .detach\(\)"),
    (lambda: p2.numpy(), RuntimeError, r"numpy: this tensor requires grad.*use .detach\(\).numpy\(\)"),
    (lambda: np.asarray(p2 * 2), RuntimeError, r"numpy: this tensor requires grad"),
    (
        lambda: x23.item(),
        ValueError,
        r"item: found 6 elements \(shape \(2, 3\)\), expected 1; index one, or use .tolist",
    ),
    (lambda: minigrad.zeros(0).item(), ValueError, r"item: found 0 elements"),
    (lambda: float(x23), ValueError, "item: found 6 elements"),
    (
        lambda: bool(x3 > 0),
        ValueError,
        r"bool: a tensor of shape \(3,\) is not one truth value; use .any\(\), .all\(\)",
    ),
    (lambda: x3 if x3 == x3 else 0, ValueError, "bool: a tensor"),
    (lambda: len(minigrad.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor: it has no axes; use .item\(\)"),
    (lambda: list(minigrad.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    (
        lambda: x23 + minigrad.ones(2),
        ValueError,
        r"add: shapes \(2, 3\) and \(2,\) do not broadcast: counted from the last",
    ),
    (lambda: x23 * minigrad.ones(4, 3), ValueError, r"mul: shapes \(2, 3\) and \(4, 3\) do not broadcast"),
    (
        lambda: minigrad.where(x3 > 0, x3, whole),
        ValueError,
        r"where: shapes \(3,\) and \(3,\) and \(2,\) do not broadcast",
    ),
    (lambda: x3 + "a", TypeError, r"add: found 'a' \(str\), expected a tensor or a number; wrap arrays and lists in"),
    (lambda: x3 * [1, 2, 3], TypeError, r"found \[1, 2, 3\] \(list\), expected a tensor or a number"),
    (lambda: None - x3, TypeError, r"sub: found None \(NoneType\), expected a tensor or a number"),
    (lambda: x23 @ x23, ValueError, r"matmul: \(2, 3\) @ \(2, 3\): inner sizes 3 and 2 differ"),
    (lambda: x3 @ minigrad.tensor(2.0), ValueError, r"matmul: \(3,\) @ \(\): a 0-d tensor has no rows; use \*"),
    (lambda: x3 @ 2, TypeError, "matmul: found Tensor @ int, expected two tensors; use .* for numbers"),
    (lambda: [1.0] @ x3, TypeError, "matmul: found list @ Tensor, expected two tensors"),
    (lambda: x23 @ x3.double(), TypeError, r"matmul: float32 @ float64: dtypes differ; convert one with .to\(dtype\)"),
    (
        lambda: minigrad.ones(2, 1, 3) @ minigrad.ones(4, 3, 1),
        ValueError,
        r"leading axes \(2,\) and \(4,\) do not broad",
    ),
    (lambda: x23.sum(2), IndexError, r"dim: found 2, but shape \(2, 3\) has axes -2 to 1"),
    (lambda: x23.softmax(-3), IndexError, "dim: found -3, but shape"),
    (lambda: x23.flatten(0, 5), IndexError, "dim: found 5, but shape"),
    (lambda: x23.max(7), IndexError, "dim: found 7, but shape"),
    (lambda: x23.unsqueeze(4), IndexError, "unsqueeze: found dim 4, expected -3 to 2"),
    (lambda: x23.reshape(4, 2), ValueError, r"reshape: cannot reshape array of size 6 into shape \(4,2\)"),
    (lambda: x23.permute(0, 0), ValueError, r"permute: \(0, 0\) is no order of the 2 axes of shape \(2, 3\)"),
    (lambda: x23.expand(4, 3), ValueError, r"expand: \(2, 3\) does not stretch to \(4, 3\); only axes of length 1"),
    (lambda: x23.expand(3), ValueError, r"expand: \(2, 3\) does not stretch to \(3,\)"),
    (lambda: x3.expand(-1, 3), ValueError, "expand: "),
    (lambda: x3.clamp(), ValueError, "clamp: give min, max or both"),
    (lambda: whole.mean(), RuntimeError, r"mean: found int64, expected floats; use .float\(\).mean\(\)"),
    (lambda: x3[7], IndexError, "index 7 is out of bounds for axis 0 with size 3"),
    (lambda: x3[1.0], IndexError, "only integers, slices"),
    (lambda: x3[x3], IndexError, r"index: found a tensor of float32, expected integers or booleans; use .long\(\)"),
    (lambda: x3[[0.0, 1.0]], IndexError, "index: found a tensor of float32"),
    (lambda: x3[0, 0], IndexError, "too many indices"),
    (
        lambda: x3.gather(0, x3),
        ValueError,
        r"gather: index has shape \(3,\) and dtype float32; expected integers with the 1",
    ),
    (lambda: x23.gather(0, whole), ValueError, r"gather: index has shape \(2,\) .* the 2 axes of \(2, 3\)"),
    (lambda: x3.gather(0, whole - 2), IndexError, "gather: found index -1; in gather they do not count from the end"),
    (
        lambda: x3.backward(),
        RuntimeError,
        "backward: this tensor does not require grad: no requires_grad=True went into",
    ),
    (
        lambda: (p2 * 2).backward(),
        RuntimeError,
        r"backward: the output has shape \(2,\); reduce it to one number first",
    ),
    (
        lambda: (p2 * 2).backward(x3),
        ValueError,
        r"backward: gradient must be a tensor of the output's shape \(2,\), found",
    ),
    (lambda: (p2 * 2).backward(1.0), ValueError, "backward: gradient must be a tensor"),
    (lambda: setattr(p2, "grad", x3), ValueError, r"grad: expected None or a tensor of shape \(2,\), found tensor"),
    (lambda: setattr(x3, "grad", x3), RuntimeError, "grad: only a leaf with requires_grad=True keeps a gradient"),
    (lambda: setattr(p2, "data", x3), ValueError, r"data: expected a tensor of shape \(2,\)"),
    (
        lambda: minigrad.ones(3).__iadd__(x23),
        ValueError,
        r"\+=: in place the shape stays \(3,\), the result has \(2, 3\)",
    ),
    (
        lambda: minigrad.tensor([1]).__iadd__(0.5),
        TypeError,
        r"\+=: in place the dtype stays int64, the result has float32",
    ),
    (
        lambda: minigrad.ones(1).expand(3).zero_(),
        RuntimeError,
        "zero_: this memory is read-only, or an expanded view; use .cl",
    ),
    (lambda: F.relu(x3).item(), ValueError, "item: found 3 elements"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS, ids=[message[:40] for _, _, message in ERRORS])
def test_errors_say_what_was_found_and_what_to_do(
    wrong: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_an_unknown_argument_is_named() -> None:
    for wrong in (lambda: x3.sum(axis=0), lambda: x3.clone(memory_format=1), lambda: minigrad.zeros(2, layout=1)):
        with pytest.raises(TypeError, match=r"'(axis|memory_format|layout)'"):
            wrong()
