"""Every primitive against PyTorch in float64 (value, first and second derivative), and against central differences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import Tensor, nn, rules
from minigrad.autograd import gradcheck, gradgradcheck
from minigrad.nn import functional
from minigrad.primitive import Primitive
from tests.twins import assert_twins, twins

rng = np.random.default_rng(7)
TF = torch.nn.functional


def away(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Random numbers, none of them within 0.1 of 0: no kink is near."""
    x = np.random.default_rng(sum(shape) + len(shape)).uniform(low, high, shape)
    return np.asarray(np.where(np.abs(x) < 0.1, 0.3, x))


def positive(*shape: int) -> np.ndarray:
    return away(*shape, low=0.3, high=2.5)


Pair = tuple[Callable[..., Any], Callable[..., Any]]
PICKED = [1, 3, 1]


def both(function: Callable[..., Any]) -> Pair:
    """The same expression for both libraries."""
    return function, function


def named(name: str, *args: Any, **kwargs: Any) -> Pair:
    """A method that both have."""
    return both(lambda x, *more: getattr(x, name)(*more, *args, **kwargs))


def functions(name: str, *args: Any, **kwargs: Any) -> Pair:
    """A function that both have."""
    return tuple(
        lambda *xs, library=library: getattr(library, name)(*xs, *args, **kwargs) for library in (minigrad, torch)
    )  # type: ignore[return-value]


# One case for each primitive, by its name: how both compute it, and where.
EVERY: dict[str, tuple[Pair, tuple[np.ndarray, ...]]] = {
    "neg": (both(lambda x: -x), (away(2, 3),)),
    "add": (both(lambda a, b: a + b), (away(2, 3), away(3))),
    "sub": (both(lambda a, b: a - b), (away(2, 1), away(3))),
    "mul": (both(lambda a, b: a * b), (away(2, 3), away(2, 1))),
    "div": (both(lambda a, b: a / b), (away(3), away(2, 3))),
    "pow": (both(lambda a, b: a**b), (positive(2, 3), away(3))),
    "exp": (named("exp"), (away(2, 3),)),
    "log": (named("log"), (positive(2, 3),)),
    "sqrt": (named("sqrt"), (positive(2, 3),)),
    "sin": (named("sin"), (away(2, 3),)),
    "cos": (named("cos"), (away(2, 3),)),
    "tanh": (named("tanh"), (away(2, 3),)),
    "sigmoid": (named("sigmoid"), (away(2, 3),)),
    "softplus": ((rules.softplus, TF.softplus), (away(2, 3),)),
    "sign": ((lambda x: x * rules.sign(x), lambda x: x * x.sign()), (away(2, 3),)),
    "relu": (named("relu"), (away(2, 3),)),
    "abs": (named("abs"), (away(2, 3),)),
    "maximum": (named("maximum"), (away(2, 3), away(3) + 0.05)),
    "minimum": (named("minimum"), (away(2, 3), away(3) + 0.05)),
    "clamp": (named("clamp"), (away(2, 3), np.array(-0.7), np.array([0.5, 0.9, 1.5]))),
    "where": (
        (lambda a, b: minigrad.where(a > b, a * a, b), lambda a, b: torch.where(a > b, a * a, b)),
        (away(2, 3), away(3) + 0.05),
    ),
    "sum": (named("sum", 1), (away(2, 3),)),
    "mean": (named("mean", 0), (away(2, 3),)),
    "max": (named("max"), (away(2, 3),)),
    "min": (named("min"), (away(2, 3),)),
    "reshape": (named("reshape", 3, 2), (away(2, 3),)),
    "expand": (named("expand", 4, 2, 3), (away(2, 1),)),
    "permute": (named("permute", 2, 0, 1), (away(2, 3, 2),)),
    "getitem": (both(lambda x: x[1, ::2]), (away(2, 3),)),
    "put": (both(lambda x: x[[0, 1, 0]] * x[0]), (away(2, 3),)),
    "setitem": (both(lambda x, v: with_item(x * 1, (slice(None), 1), v)), (away(2, 3), away(2))),
    "cat": (
        (lambda a, b: minigrad.cat([a, b, a], 1), lambda a, b: torch.cat([a, b, a], 1)),
        (away(2, 3), away(2, 1)),
    ),
    "matmul": (both(lambda a, b: a @ b), (away(2, 3), away(3, 2))),
    "logsumexp": (named("logsumexp", 1), (away(2, 3),)),
    "softmax": (named("softmax", 1), (away(2, 3),)),
    "log_softmax": (named("log_softmax", 0), (away(2, 3),)),
    "clone": (named("clone"), (away(2, 3),)),
    "std": (named("std", 1), (away(2, 3),)),
    "linear": ((F.linear, TF.linear), (away(4, 3), away(2, 3), away(2))),
    "cross_entropy": (
        (lambda x, t: F.cross_entropy(x, t.softmax(1)), lambda x, t: TF.cross_entropy(x, t.softmax(1))),
        (away(2, 3), away(2, 3) + 0.5),
    ),
    "gelu": ((F.gelu, TF.gelu), (away(2, 3),)),
    "normal_cdf": ((functional.normal_cdf, torch.special.ndtr), (away(2, 3),)),
    "batch_norm": (
        (
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: TF.batch_norm(x, None, None, w, b, training=True),
        ),
        (away(5, 3), away(3), away(3)),
    ),
    "layer_norm": (
        (lambda x, w, b: F.layer_norm(x, (3,), w, b), lambda x, w, b: TF.layer_norm(x, (3,), w, b)),
        (away(4, 3), away(3), away(3)),
    ),
    "embedding": (
        (
            lambda w: F.embedding(minigrad.tensor(PICKED), w) * w[0],
            lambda w: TF.embedding(torch.tensor(PICKED), w) * w[0],
        ),
        (away(4, 3),),
    ),
    "sum_rows": (
        (
            lambda x: functional.sum_rows(x, index=np.array(PICKED), count=4) ** 2,
            lambda x: torch.zeros(4, 3, dtype=x.dtype).index_add(0, torch.tensor(PICKED), x) ** 2,
        ),
        (away(3, 3),),
    ),
}


def with_item(x: Any, index: Any, value: Any) -> Any:
    x[index] = value
    return x


def test_no_primitive_is_left_out() -> None:
    members = [*vars(rules).values(), *vars(functional).values()]
    assert EVERY.keys() == {member.name for member in members if isinstance(member, Primitive)} - {"to"}


@pytest.mark.parametrize("name", EVERY)
def test_every_primitive_equals_pytorch(name: str) -> None:
    pair, arrays = EVERY[name]
    assert_twins(*pair, *arrays)


@pytest.mark.parametrize("name", EVERY)
def test_every_primitive_equals_central_differences(name: str) -> None:
    (ours, _), arrays = EVERY[name]
    inputs = [minigrad.tensor(array, requires_grad=True) for array in arrays]
    assert gradcheck(ours, inputs)
    assert gradgradcheck(ours, inputs)


# --------------------------------------------------------------------------------------------- layouts, shapes, scalars

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "backward": lambda x: np.ascontiguousarray(x[::-1])[::-1] if x.ndim else x,
    "expanded": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim else x,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", EVERY)
def test_inputs_need_not_be_contiguous(name: str, layout: str) -> None:
    pair, arrays = EVERY[name]
    assert_twins(*pair, *map(LAYOUTS[layout], arrays))


ELEMENTWISE = "neg exp log sqrt sin cos tanh sigmoid softplus sign relu abs clone".split()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0, 3), (1, 1, 1), (2, 1, 3, 1)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_over_shapes(name: str, shape: tuple[int, ...]) -> None:
    assert_twins(*EVERY[name][0], positive(*shape))


BROADCASTS = [
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((1, 1), (3,)),
    ((4, 1, 3), (2, 1)),
    ((0,), ()),
    ((0, 3), (3,)),
    ((2, 0, 1), (1, 4)),
    ((1,), (0,)),
    ((2, 3, 1, 2), (3, 5, 1)),
]


@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "where"])
def test_broadcasting(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert_twins(*EVERY[name][0], positive(*shapes[0]), positive(*shapes[1]) + 0.01)


SCALAR_EXPRESSIONS: list[Callable[[Any], Any]] = [
    lambda x: x + 2,
    lambda x: 2.5 + x,
    lambda x: x - 1,
    lambda x: 1.5 - x,
    lambda x: 3 * x,
    lambda x: x * -0.5,
    lambda x: x / 4,
    lambda x: 2 / x,
    lambda x: x**2,
    lambda x: x**3.0,
    lambda x: x**-1,
    lambda x: x**0.5,
    lambda x: x**0,
    lambda x: x**1,
    lambda x: 2**x,
    lambda x: 0.5**x,
    lambda x: x * True,
    lambda x: x + np.float64(2.0),
    lambda x: np.float64(2.0) * x,
    lambda x: np.float32(2.0) - x,
    lambda x: x.clamp(0.5, 1.2),
    lambda x: x.clamp(min=0.5),
    lambda x: x.clamp(max=1),
]


@pytest.mark.parametrize("shape", [(), (3,), (0,)], ids=str)
@pytest.mark.parametrize("number", range(len(SCALAR_EXPRESSIONS)))
def test_numbers_beside_tensors(number: int, shape: tuple[int, ...]) -> None:
    assert_twins(*both(SCALAR_EXPRESSIONS[number]), positive(*shape))


# ----------------------------------------------------------------------------------------------------------- reductions

REDUCED = [(), (3,), (1,), (2, 3), (2, 1, 3), (0,), (0, 3), (3, 0)]


def axes_of(shape: tuple[int, ...]) -> list[Any]:
    """No axis given, each axis from both ends, all of them, some of them."""
    n = len(shape)
    some: list[Any] = [None, 0, -1]
    some += [tuple(range(n)), *range(1, n), *range(-n, -1), *([(0, -1)] if n > 1 else [])]
    return list(dict.fromkeys(some))


@pytest.mark.parametrize("shape", REDUCED, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
def test_reductions(name: str, shape: tuple[int, ...]) -> None:
    for dim, keepdim in itertools.product(axes_of(shape), (False, True)):
        if dim is None and name == "logsumexp":
            continue
        assert_twins(*named(name, dim, keepdim), away(*shape))


@pytest.mark.parametrize("correction", [0, 1, 2, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_variance(name: str, correction: float) -> None:
    for shape in [(4,), (3, 4), (3, 1, 5)]:
        for dim, keepdim in itertools.product(axes_of(shape), (False, True)):
            sizes = [shape[d] for d in ([dim] if isinstance(dim, int) else dim or range(len(shape)))]
            if math.prod(sizes) > correction:
                twice = name == "var" or math.prod(sizes) > 1  # at a variance of 0 the slope of its root has none
                assert_twins(*named(name, dim, correction=correction, keepdim=keepdim), away(*shape), twice=twice)
    assert_twins(*named(name, False), away(3, 4))
    assert_twins(*named(name, 1, unbiased=False), away(3, 4))


@pytest.mark.filterwarnings("ignore:(var|std).*degrees of freedom:UserWarning")
@pytest.mark.parametrize("name", ["var", "std"])
def test_variance_of_too_few_is_nan(name: str) -> None:
    for shape in [(1,), (), (0,)]:
        x, theirs = twins(away(*shape), requires_grad=False)
        with np.errstate(all="ignore"):
            assert math.isnan(getattr(x, name)().item()) and math.isnan(getattr(theirs, name)().item())


@pytest.mark.parametrize("shape", [s for s in REDUCED if 0 not in s], ids=str)
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes(name: str, shape: tuple[int, ...]) -> None:
    assert_twins(*named(name), away(*shape))
    for dim, keepdim in itertools.product(range(-max(len(shape), 1), max(len(shape), 1)), (False, True)):
        assert_twins(*named(name, dim, keepdim), away(*shape))
        assert_twins(*named(f"arg{name}", dim, keepdim), away(*shape))


@pytest.mark.parametrize("name", ["all", "any"])
def test_truth(name: str) -> None:
    for shape in REDUCED:
        for dim, keepdim in itertools.product(axes_of(shape), (False, True)):
            assert_twins(*named(name, dim, keepdim) if dim is not None else named(name), away(*shape) > 0)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (3, 0), (2, 1, 4)], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, shape: tuple[int, ...]) -> None:
    for dim in range(-max(len(shape), 1), max(len(shape), 1)):
        assert_twins(*named(name, dim), away(*shape))
        assert_twins(*functions(name, dim), 50 * away(*shape))


def test_stable_where_exponentials_overflow() -> None:
    for x in ([1000.0, 999.0], [-1000.0, -1001.0], [800.0, -800.0]):
        for name in ("softmax", "log_softmax", "logsumexp"):
            assert_twins(*named(name, 0), np.array(x))
        assert_twins(*EVERY["sigmoid"][0], np.array(x))
        assert_twins(*EVERY["softplus"][0], np.array(x))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_a_class_that_is_ruled_out(name: str) -> None:
    """-inf among the logits, as a mask puts it there: no warning, and PyTorch's gradient."""
    row, theirs = twins([0.5, -math.inf, 1.0])
    out, expected = getattr(row, name)(0), getattr(theirs, name)(0)
    if name == "log_softmax":
        out, expected = out[[0, 2]], expected[[0, 2]]
    out.sum().backward()
    expected.sum().backward()
    assert np.array_equal(out.detach().numpy(), expected.detach().numpy())
    assert np.allclose(row.grad.numpy(), theirs.grad.numpy(), atol=1e-15)


def test_logsumexp_of_nothing_possible() -> None:
    x = minigrad.tensor([-math.inf, -math.inf], requires_grad=True)
    out = x.logsumexp(0)
    out.backward()
    assert out.item() == -math.inf  # and no warning
    assert x.grad.tolist() == [0.0, 0.0]  # PyTorch: NaN


# ---------------------------------------------------------------------------------------------------------------- kinks


def slopes(function: Callable[[Any], Any], x: list[float]) -> list[float]:
    ours, theirs = twins(x)
    function(ours).sum().backward()
    function(theirs).sum().backward()
    assert ours.grad.tolist() == theirs.grad.tolist()
    return ours.grad.tolist()  # type: ignore[no-any-return]


def test_the_slopes_at_kinks() -> None:
    assert slopes(lambda x: x.relu(), [0.0, -0.0]) == [0.0, 0.0]
    assert slopes(lambda x: x.abs(), [0.0, -0.0]) == [0.0, 0.0]
    assert slopes(lambda x: x.clamp(-1.0, 1.0), [-1.0, 1.0]) == [1.0, 1.0]
    assert slopes(lambda x: x.clamp(min=0.0), [0.0]) == [1.0]
    assert slopes(lambda x: x.max(), [2.0, 1.0, 2.0]) == [0.5, 0.0, 0.5]
    assert slopes(lambda x: x.min(), [1.0, 1.0, 1.0, 2.0]) == [1 / 3, 1 / 3, 1 / 3, 0.0]
    assert slopes(lambda x: x.max(0)[0], [1.0, 2.0, 2.0]) == [0.0, 1.0, 0.0]
    assert slopes(lambda x: x.min(0).values, [1.0, 1.0]) == [1.0, 0.0]
    assert slopes(lambda x: x.maximum(x.detach()), [3.0]) == [0.5]
    assert slopes(lambda x: x.minimum(x), [3.0]) == [1.0]
    assert slopes(lambda x: x**2, [0.0]) == [0.0]
    assert slopes(lambda x: x**0, [0.0]) == [0.0]
    assert slopes(lambda x: x.std(0), [2.0, 2.0]) == [0.0, 0.0]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_both_sides_of_a_tie_get_half(name: str) -> None:
    assert_twins(*named(name), np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 0.0]))
    assert_twins(*named(name), np.array([2.0]), np.array([[2.0], [1.0], [2.0]]))


def test_clamp_at_its_bounds() -> None:
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    assert_twins(*named("clamp"), x, np.array(-0.5), np.array(0.5))
    assert_twins(*named("clamp"), x, x.copy(), x + 0.1)
    assert_twins(*named("clamp"), x, x - 0.1, x.copy())
    assert_twins(*named("clamp"), x, np.array(0.5), np.array(0.5))


def test_clamp_with_crossed_bounds() -> None:
    x = np.array([-2.0, 0.0, 2.0])
    assert_twins(*named("clamp"), x, np.array(1.0), np.array(-1.0))
    assert_twins(*named("clamp"), x, np.array([-3.0, 0.5, 1.0]), np.array([-1.0, 0.6, 1.0]))


def test_powers_of_zero() -> None:
    for x, y in itertools.product([0.0, 1.0, 2.0, 0.5], [1.0, 2.0, 3.0]):
        assert_twins(*EVERY["pow"][0], np.array(x), np.array(y), twice=False)
    x, y = (minigrad.tensor(v, dtype=minigrad.float64, requires_grad=True) for v in (2.0, 0.0))
    first = minigrad.autograd.grad(x**y, (x, y), create_graph=True)
    mixed = [minigrad.autograd.grad(g, v, retain_graph=True)[0].item() for g, v in zip(first, (y, x), strict=True)]
    assert mixed == [0.5, 0.5]  # d(y x^(y-1))/dy is 1/x at y = 0; PyTorch says 0 for one of the two


# ---------------------------------------------------------------------------------------------------------- shape moves

MOVES: dict[str, tuple[Pair, list[tuple[int, ...]]]] = {
    "reshape to one axis": (named("reshape", -1), [(), (2, 3), (0, 2)]),
    "reshape by tuple": (named("reshape", (3, 2)), [(2, 3), (6,)]),
    "view": (named("view", 2, -1), [(2, 3), (6,), (4, 1)]),
    "flatten": (named("flatten"), [(), (3,), (2, 3), (0, 2)]),
    "flatten some": (named("flatten", 1, 2), [(2, 3, 4), (2, 3, 0, 2)]),
    "flatten from the end": (named("flatten", -2), [(2, 3, 4), (2, 3)]),
    "transpose": (named("transpose", 0, -1), [(), (3,), (2, 3), (2, 0, 3)]),
    "permute": (named("permute", (-1, 0, 1)), [(2, 3, 4), (0, 1, 2)]),
    "T": (both(lambda x: x.T), [(2, 3), (0, 3)]),
    "squeeze": (named("squeeze"), [(), (1,), (2, 1, 3, 1), (1, 0)]),
    "squeeze one": (named("squeeze", -1), [(), (2, 1), (2, 3), (0, 1)]),
    "squeeze some": (named("squeeze", (0, 2)), [(1, 2, 1), (2, 2, 1), (1, 0, 3)]),
    "unsqueeze": (named("unsqueeze", 1), [(3,), (2, 3), (0,)]),
    "unsqueeze at the end": (named("unsqueeze", -1), [(), (3,), (2, 3)]),
    "expand": (named("expand", 2, -1, 3), [(2, 1, 3), (1, 3), (4, 1)]),
    "expand to nothing": (named("expand", (0, 3)), [(1, 3), (3,), (0, 1), ()]),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str) -> None:
    pair, shapes = MOVES[name]
    for shape in shapes:
        assert_twins(*pair, away(*shape))


INDICES: list[Any] = [
    0,
    -1,
    slice(1, 3),
    slice(None, None, 2),
    slice(3, 1),
    ...,
    None,
    (0, 1),
    (slice(None), 0),
    (..., 0),
    (None, 1, ..., None),
    (0, slice(None), 1),
    [0, 2, 0],
    [],
    ([0, 2], [1, 1]),
    ([0, 2], slice(None), [1, 1]),
    (slice(None), [2, 0, 0]),
    (0, [1, 1, 0], 1),
    ([[0], [1]], [0, 2]),
    np.array([1, 1, -1]),
    (np.array([0, 1]), 1),
    np.array([True, False, True]),
    [True, False, False],
    (slice(None), [False, True, True]),
    (slice(None), slice(None), [False, False]),
]


@pytest.mark.parametrize("number", range(len(INDICES)), ids=lambda i: str(INDICES[i]).replace("\n", ""))
def test_indexing(number: int) -> None:
    index = INDICES[number]
    assert_twins(*both(lambda x: x[index]), away(3, 3, 2))
    assert_twins(*both(lambda x: with_item(x * 2, index, 0.5)), away(3, 3, 2))
    shape = away(3, 3, 2)[index].shape
    if each_once(index):
        assert_twins(*both(lambda x, v: with_item(x * x, index, v)), away(3, 3, 2), away(*shape))
        assert_twins(*both(lambda x, v: with_item(x * x, index, v)), away(3, 3, 2), away())


def each_once(index: Any) -> bool:
    """Whether no element is picked twice: which value is then written last is nobody's promise."""
    picked = np.arange(18).reshape(3, 3, 2)[index]
    return len(np.unique(picked)) == picked.size


def test_nested_lists_are_one_array_of_indices() -> None:
    """PyTorch, too, reads them so from 2.9 on."""
    x = minigrad.tensor([1.0, 2.0, 3.0])
    assert x[[[0, 1], [2, 2]]].tolist() == [[1.0, 2.0], [3.0, 3.0]]


def test_indexing_by_tensors() -> None:
    for index in ([0, 2, 2], [True, False, True]):
        ours, theirs = minigrad.tensor(index), torch.tensor(index)
        assert_twins(lambda x, i=ours: x[i], lambda x, i=theirs: x[i], away(3, 2))
        assert_twins(lambda x, i=ours: x[:, i], lambda x, i=theirs: x[:, i], away(2, 3))
    assert_twins(*both(lambda x: x[x > 0]), away(3, 2))
    assert_twins(*both(lambda x: x[(x > 0) & (x < 1)] ** 2), away(3, 2))


def test_duplicates_add_up() -> None:
    x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [3.0, 0.0, 1.0]
    x.grad = None
    x.gather(0, minigrad.tensor([1, 1])).sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0]


def test_setitem_strips_leading_axes_of_length_one() -> None:
    assert_twins(*both(lambda x, v: with_item(x * x, 0, v)), away(3, 2), away(1, 2))
    assert_twins(*both(lambda x, v: with_item(x * x, (slice(None), 1), v)), away(3, 2), away(1, 1, 3))


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 2)], ids=str)
def test_gather(shape: tuple[int, ...]) -> None:
    for dim in range(-len(shape), len(shape)):
        index = np.random.default_rng(0).integers(0, shape[dim], shape)
        for picked in (index, index[:1], np.repeat(index, 2, dim)):
            ours, theirs = minigrad.tensor(picked), torch.tensor(picked)
            assert_twins(
                lambda x, d=dim, i=ours: x.gather(d, i), lambda x, d=dim, i=theirs: x.gather(d, i), away(*shape)
            )


SIZES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3, 4)),
    ((2, 2, 3), (3,)),
    ((3,), (2, 3, 4)),
    ((2, 3), (4, 3, 2)),
    ((2, 1, 2, 3), (4, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0,), (0,)),
    ((0, 2, 3), (3, 2)),
    ((2, 1, 0), (1, 0, 3)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize("shapes", SIZES, ids=str)
def test_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    a, b = away(*shapes[0]), away(*shapes[1])
    assert_twins(*both(lambda a, b: a @ b), a, b)
    constant = minigrad.tensor(a), torch.tensor(a)
    assert_twins(lambda b: constant[0] @ b, lambda b: constant[1] @ b, b)
    constant = minigrad.tensor(b), torch.tensor(b)
    assert_twins(lambda a: a @ constant[0], lambda a: a @ constant[1], a)


def test_arrays_beside_tensors() -> None:
    """NumPy leaves arithmetic to the tensor."""
    a = away(3, 3)
    x = minigrad.tensor(away(3, 3) + 0.5, requires_grad=True)
    for combine in (lambda u, v: u + v, lambda u, v: u * v, lambda u, v: u - v, lambda u, v: u / v, lambda u, v: u @ v):
        for ours, plain in (
            (combine(a, x), combine(a, x.detach().numpy())),
            (combine(x, a), combine(x.detach().numpy(), a)),
        ):
            assert isinstance(ours, Tensor) and ours.requires_grad
            assert np.allclose(ours.detach().numpy(), plain)


def test_joining() -> None:
    for dim in (0, 1, -1):
        assert_twins(
            *[lambda a, b, f=f, d=dim: f([a, b], d) for f in (minigrad.stack, torch.stack)], away(2, 3), away(2, 3)
        )
        assert_twins(
            *[lambda a, b, f=f, d=dim: f([a, b, a], d) for f in (minigrad.cat, torch.cat)], away(2, 2), away(2, 2)
        )
    assert_twins(*[lambda a, b, f=f: f([a, b]) for f in (minigrad.cat, torch.cat)], away(0, 2), away(3, 2))
    assert_twins(*[lambda a, b, f=f: f((a, b), -1) for f in (minigrad.cat, torch.cat)], away(0), away(3, 2))
    assert_twins(*[lambda a, f=f: f([a]) for f in (minigrad.stack, torch.stack)], away())


# --------------------------------------------------------------------------------------------------- random expressions

UNARY: list[Callable[[Any], Any]] = [
    lambda a: -a,
    lambda a: a.tanh(),
    lambda a: a.sigmoid(),
    lambda a: a.relu(),
    lambda a: (a * a + 0.5).log(),
    lambda a: (a * a + 0.5).sqrt(),
    lambda a: a.sin() * a.cos(),
    lambda a: a.clamp(-1.0, 1.0).exp(),
    lambda a: a.sum(0, keepdim=True),
    lambda a: a - a.mean(-1, keepdim=True),
    lambda a: a.softmax(-1),
    lambda a: a.log_softmax(0),
    lambda a: a.logsumexp(-1, keepdim=True),
    lambda a: a.T,
    lambda a: a[::2],
    lambda a: a[[0, 0]],
    lambda a: a[..., :1],
    lambda a: a.reshape(-1, 1),
    lambda a: a.unsqueeze(0).expand(2, -1, -1).sum(0),
    lambda a: a.max(-1, keepdim=True)[0],
    lambda a: a / (1 + a.abs()),
    lambda a: 2.0 ** (a.tanh()),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b.sum(),
    lambda a, b: a * b.mean(),
    lambda a, b: a / (b * b + 1.0).sum(),
    lambda a, b: (a.reshape(-1, 1) * b.reshape(1, -1))[:3, :3].tanh(),
    lambda a, b: (a.T @ a).tanh() + b.max(),
    lambda a, b: a.maximum(b.mean()),
    lambda a, b: a - b[:1, :1],
]

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(UNARY), st.integers(0, 9)),
        st.tuples(st.sampled_from(BINARY), st.integers(0, 9), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=8,
)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), steps)
def test_random_expressions_equal_pytorch(seed: int, n: int, m: int, plan: list[Any]) -> None:
    draw = np.random.default_rng(seed).uniform

    def grow(*leaves: Any) -> Any:
        values = list(leaves)
        for step, *places in plan:
            values.append(step(*[values[-1 - i % len(values)] for i in places]))
        return values[-1].tanh() + sum(v.sum() * 0.1 for v in values)

    assert_twins(grow, grow, draw(-2, 2, (n, m)), draw(-2, 2, (m, n)))


# ----------------------------------------------------------------------------------------- fused beside its composition


def same_derivatives(fused: Callable[..., Any], composed: Callable[..., Any], *arrays: np.ndarray) -> None:
    results = []
    for function in (fused, composed):
        inputs = [minigrad.tensor(array, requires_grad=True) for array in arrays]
        out = function(*inputs)
        weights = minigrad.tensor(np.random.default_rng(1).normal(size=out.shape))
        first = minigrad.autograd.grad((out * weights).sum(), inputs, create_graph=True)
        again = minigrad.autograd.grad(sum((g * g).sum() for g in first), inputs, allow_unused=True)
        results.append([out, *first, *[g for g in again if g is not None]])
    for a, b in zip(*results, strict=True):
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 2, 3), (0, 3)], ids=str)
def test_fused_linear_is_its_composition(shape: tuple[int, ...]) -> None:
    same_derivatives(F.linear, functional.composed_linear, away(*shape), away(2, 3), away(2))


@pytest.mark.parametrize("axis", [None, 1])
def test_fused_entropy_is_its_composition(axis: int | None) -> None:
    fused = lambda x, q: functional.fused_entropy(x, q, axis=axis)  # noqa: E731
    same_derivatives(fused, lambda x, q: functional.composed_entropy(x, q, axis), away(4, 3), positive(4, 3))
    constant = positive(4, 3)
    same_derivatives(lambda x: fused(x, constant), lambda x: functional.composed_entropy(x, constant, axis), away(4, 3))


def test_a_layer_of_the_book_uses_the_fused_one() -> None:
    assert repr(nn.Linear(3, 2)(minigrad.ones(1, 3)).grad_fn) == "<LinearBackward>"
