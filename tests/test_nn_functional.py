"""Losses, the linear map and gelu as functions, against PyTorch: every option and shape, and where exponentials
overflow; and what holds for every fused operation."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn import functional, recurrence
from minigrad.primitive import Fused
from tests.twins import assert_twins, gap, twins

TF = torch.nn.functional
rng = np.random.default_rng(11)
SHAPES = [(3,), (4, 3), (1, 3), (2, 3, 2), (2, 3, 2, 2)]


def places(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def tensors(value: Any) -> tuple[Any, Any]:
    """A constant for minigrad and for PyTorch."""
    return (minigrad.tensor(value), torch.tensor(value)) if isinstance(value, np.ndarray) else (value, value)


def compare(name: str, *inputs: np.ndarray, constants: tuple[Any, ...] = (), **options: Any) -> None:
    """The loss `name` of `inputs`, then `constants`, in both libraries."""
    ours, theirs = zip(*[(v[0], v[1]) for v in map(tensors, constants)], strict=True) if constants else ((), ())
    keywords = {key: tensors(value) for key, value in options.items()}
    assert_twins(
        lambda *xs: getattr(F, name)(*xs, *ours, **{k: v[0] for k, v in keywords.items()}),
        lambda *xs: getattr(TF, name)(*xs, *theirs, **{k: v[1] for k, v in keywords.items()}),
        *inputs,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_classes(shape: tuple[int, ...], reduction: str) -> None:
    logits, target = rng.normal(size=shape), np.asarray(rng.integers(0, 3, places(shape)))
    weight = rng.uniform(0.2, 2.0, 3)
    for smooth, scale, ignored in itertools.product((0.0, 0.2, 1.0), (None, weight), (-100, int(target.flat[0]))):
        options = {"label_smoothing": smooth, "weight": scale, "ignore_index": ignored, "reduction": reduction}
        if reduction == "mean" and (target == ignored).all():
            continue  # nothing is left, see below
        compare("cross_entropy", logits, constants=(target,), **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_probabilities(shape: tuple[int, ...], reduction: str) -> None:
    logits, target = rng.normal(size=shape), rng.uniform(size=shape)
    for smooth, scale in itertools.product((0.0, 0.2), (None, rng.uniform(0.2, 2.0, 3))):
        options = {"label_smoothing": smooth, "weight": scale, "reduction": reduction}
        compare("cross_entropy", logits, target, **options)  # both want their gradient
        compare("cross_entropy", logits, constants=(target,), **options)


@pytest.mark.parametrize(
    ("logits", "target"), [(np.zeros((0, 3)), np.zeros(0, int)), (np.ones((2, 3)), np.array([1, 1]))]
)
def test_cross_entropy_of_nothing(logits: np.ndarray, target: np.ndarray) -> None:
    (x, theirs), t = twins(logits), tensors(target)
    for reduction in ("mean", "sum", "none"):
        options = {"ignore_index": 1, "reduction": reduction}
        loss, expected = F.cross_entropy(x, t[0], **options), TF.cross_entropy(theirs, t[1], **options)
        assert gap(loss, expected) == 0.0
        loss.sum().backward()
        expected.sum().backward()
        assert gap(x.grad, theirs.grad) == 0.0


@pytest.mark.parametrize(
    "row", [[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0], [1e300, -1e300, 0.0], [88.0, 90.0, 0.0]]
)
def test_cross_entropy_is_stable(row: list[float]) -> None:
    """No overflow, no warning, and PyTorch's numbers, in float64 and float32."""
    for dtype in (np.float64, np.float32):
        if max(map(abs, row)) > float(np.finfo(dtype).max):
            continue
        for target in range(3):
            x, theirs = twins(np.array([row], dtype))
            loss, expected = (
                F.cross_entropy(x, minigrad.tensor([target])),
                TF.cross_entropy(theirs, torch.tensor([target])),
            )
            loss.backward()
            expected.backward()
            assert gap(loss, expected) < 1e-6 and gap(x.grad, theirs.grad) < 1e-6


def test_a_class_that_is_ruled_out() -> None:
    """A logit of -inf, as a mask puts it there."""
    for reduction in ("mean", "none"):
        x, theirs = twins([[0.5, -math.inf, 1.0], [0.0, 1.0, -math.inf]])
        loss = F.cross_entropy(x, minigrad.tensor([2, 0]), reduction=reduction)
        expected = TF.cross_entropy(theirs, torch.tensor([2, 0]), reduction=reduction)
        loss.sum().backward()
        expected.sum().backward()
        assert gap(loss, expected) < 1e-15 and gap(x.grad, theirs.grad) < 1e-15


def test_the_gradient_is_softmax_minus_target() -> None:
    logits, target = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    x = minigrad.tensor(logits, requires_grad=True)
    F.cross_entropy(x, minigrad.tensor(target)).backward()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(x.grad.numpy(), (p - np.eye(4)[target]) / 6, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_classes_of_other_integer_types(dtype: Any) -> None:
    x = minigrad.tensor(rng.normal(size=(3, 4)))
    target = np.array([3, 0, 1])
    assert (
        F.cross_entropy(x, minigrad.tensor(target.astype(dtype))).item()
        == F.cross_entropy(x, minigrad.tensor(target)).item()
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (0, 3)], ids=str)
@pytest.mark.filterwarnings("ignore:.*empty:UserWarning")
def test_mse_and_bce(shape: tuple[int, ...], reduction: str) -> None:
    x, t = rng.normal(size=shape), rng.uniform(size=shape)
    compare("mse_loss", x, t, reduction=reduction)
    compare("mse_loss", x, constants=(np.asarray(t),), reduction=reduction)
    weights = [None, rng.uniform(0.5, 2.0, shape[-1:])]
    for weight, positive in itertools.product(weights, weights):
        options = {"weight": weight, "pos_weight": positive, "reduction": reduction}
        compare("binary_cross_entropy_with_logits", x, constants=(np.asarray(t),), **options)
    compare("binary_cross_entropy_with_logits", x, np.asarray(t), reduction=reduction)


def test_bce_is_stable() -> None:
    x = np.array([1000.0, -1000.0, 0.0, 40.0, -40.0])
    for target in (np.zeros(5), np.ones(5), np.full(5, 0.3)):
        compare("binary_cross_entropy_with_logits", x, constants=(target,), reduction="none")


@pytest.mark.parametrize("shape", [(3,), (4, 3), (0, 3), (2, 2, 3), (2, 0, 3)], ids=str)
def test_linear(shape: tuple[int, ...]) -> None:
    x, w, b = rng.normal(size=shape), rng.normal(size=(2, 3)), rng.normal(size=2)
    compare("linear", x, w, b)
    compare("linear", x, w)
    compare("linear", np.asfortranarray(x), w.T.copy().T, b)
    constant = tensors(x)
    assert_twins(lambda w, b: F.linear(constant[0], w, b), lambda w, b: TF.linear(constant[1], w, b), w, b)


def test_activations_are_those_of_the_package() -> None:
    x = rng.normal(size=(3, 4)) + 0.05
    for name in ("relu", "tanh", "sigmoid"):
        compare(name, x)
    for name in ("softmax", "log_softmax"):
        compare(name, x, dim=1)


ones = minigrad.ones
ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: F.linear(ones(2, 4), ones(3, 5)),
        ValueError,
        r"linear: input \(2, 4\) ends in \(4,\), weight \(3, 5\) takes 5",
    ),
    (lambda: F.linear(minigrad.tensor(1.0), ones(3, 5)), ValueError, r"linear: input \(\) ends in \(\), weight"),
    (
        lambda: F.linear(ones(2, 3), ones(4, 3), ones(3)),
        ValueError,
        r"linear: bias \(3,\) does not fit weight \(4, 3\)",
    ),
    (
        lambda: nn.Linear(3, 2)(minigrad.tensor(np.ones((1, 3)))),
        TypeError,
        r"linear: input is float64, weight float32; convert the input with .to\(weight.dtype\), or the model with",
    ),
    (lambda: nn.Linear(3, 2)(minigrad.arange(3)), TypeError, "linear: input is int64, weight float32"),
    (
        lambda: nn.Linear(3, 2)([1.0, 2.0, 3.0]),
        TypeError,
        r"linear: found list, expected a tensor; wrap it in tensor\(...\)",
    ),
    (lambda: nn.Linear(3, 2)(np.ones(3)), TypeError, "linear: found ndarray, expected a tensor"),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 3])),
        ValueError,
        "cross_entropy: found class 3, expected 0 to 2",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, -1])),
        ValueError,
        "cross_entropy: found class -1, expected",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([[0], [1]])),
        ValueError,
        r"for logits \(2, 3\) expected class indices \(int64\) of shape \(2,\), or .* found int64 of shape \(2, 1\)",
    ),
    (lambda: F.cross_entropy(ones(2, 3), ones(2)), ValueError, r"found float32 of shape \(2,\)"),
    (lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([True, False])), ValueError, "found bool of shape"),
    (
        lambda: F.cross_entropy(ones(2, 3), [0, 1]),
        TypeError,
        r"cross_entropy: expected logits \(N, C\) and a tensor of tar",
    ),
    (
        lambda: F.cross_entropy(minigrad.tensor(1.0), minigrad.tensor(0)),
        TypeError,
        r"cross_entropy: expected logits \(N, C\)",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), ones(2, 3).double()),
        TypeError,
        "cross_entropy: logits are float32, probabilities float64; convert one of them",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), weight=ones(2)),
        ValueError,
        r"cross_entropy: weight \(2,\) has not one number for each class of \(2, 3\)",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), label_smoothing=1.5),
        ValueError,
        "cross_entropy: found label_smoothing=1.5, expected 0 to 1",
    ),
    (
        lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), reduction="avg"),
        ValueError,
        "cross_entropy: found reduction='avg', expected 'none', 'mean' or 'sum'",
    ),
    (
        lambda: F.mse_loss(ones(4, 1), ones(4)),
        ValueError,
        r"mse_loss: input \(4, 1\) and target \(4,\) differ; reshape one",
    ),
    (lambda: F.mse_loss(ones(4), ones(4), reduction="avg"), ValueError, "mse_loss: found reduction='avg', expected"),
    (
        lambda: F.binary_cross_entropy_with_logits(ones(4), ones(4), reduction="avg"),
        ValueError,
        "binary_cross_entropy_with_logits: found reduction='avg'",
    ),
    (lambda: F.mse_loss(ones(4), 1.0), TypeError, "mse_loss: found Tensor and float, expected two tensors; wrap data"),
    (
        lambda: F.binary_cross_entropy_with_logits(ones(4), ones(4, 1)),
        ValueError,
        r"binary_cross_entropy_with_logits: input \(4,\) and target \(4, 1\) differ",
    ),
    (lambda: F.cross_entropy(ones(2, 3), minigrad.tensor([0, 1]), size_average=True), TypeError, "'size_average'"),
    (lambda: F.silu, AttributeError, "silu"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), ERRORS, ids=[message[:40] for _, _, message in ERRORS])
def test_errors(wrong: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_the_module_is_that_of_nn() -> None:
    assert nn.functional is functional is F


# ------------------------------------------------------------------------------------------------------------- gelu


def gelu_by_definition(x: float, order: int) -> float:
    """x times the normal distribution function of x, or its first or second derivative; exact far out, by erfc."""
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    share = math.erfc(-x / math.sqrt(2)) / 2
    return (x * share, share + x * density, density * (2 - x * x))[order]


def gelu_and_derivatives(library: Any, module: Any, x: np.ndarray, **options: Any) -> list[np.ndarray]:
    """Value, first and second derivative at each of `x`; the first also by the rule that runs on arrays."""
    t = library.from_numpy(x).requires_grad_()
    y = module.gelu(t, **options)
    (on_arrays,) = library.autograd.grad(y.sum(), [t], retain_graph=True)
    (first,) = library.autograd.grad(y.sum(), [t], create_graph=True)
    (second,) = library.autograd.grad(first.sum(), [t])
    assert gap_of(on_arrays, first) < 1e-14
    return [v.detach().numpy() for v in (y, first, second)]


def gap_of(a: Any, b: Any) -> float:
    return float(np.nanmax(np.abs(a.detach().numpy() - b.detach().numpy())))


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=5))
@settings(max_examples=60)
def test_gelu_is_its_definition(xs: list[float]) -> None:
    """Everywhere from -40 to 40: to 1e-14, absolute below 1 and relative above."""
    for order, found in enumerate(gelu_and_derivatives(minigrad, F, np.array(xs))):
        for x, value in zip(xs, found, strict=True):
            expected = gelu_by_definition(x, order)
            assert abs(value - expected) <= 1e-14 * max(1, abs(expected)), (order, x)


FAR_OUT = np.array(
    [-40.0, -38.5, -20.0, -9.0, -8.999, -8.5, -6.0, -1e-3, 0.0, 1e-300, 1e-3, 6.0, 8.999, 9.0, 9.001, 40.0]
)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_equals_pytorch(approximate: str) -> None:
    for x in (
        FAR_OUT,
        np.linspace(-10, 10, 501),
        np.linspace(-3, 3, 24).reshape(2, 3, 4),
        np.array(0.3),
        np.zeros((0, 2)),
    ):
        ours = (
            gelu_and_derivatives(minigrad, F, x.copy(), approximate=approximate)
            if x.size
            else [F.gelu(minigrad.tensor(x)).numpy()]
        )
        theirs = gelu_and_derivatives(torch, TF, x.copy(), approximate=approximate) if x.size else [x]
        for a, b in zip(ours, theirs, strict=True):
            assert a.shape == b.shape and np.abs(a - b).max(initial=0) < 1e-13
    compare("gelu", rng.normal(size=(3, 4)), approximate=approximate)
    compare("gelu", np.asfortranarray(rng.normal(size=(3, 4)))[:, ::2], approximate=approximate)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_in_float32(approximate: str) -> None:
    for value, expected in zip(
        gelu_and_derivatives(minigrad, F, FAR_OUT.astype(np.float32), approximate=approximate),
        gelu_and_derivatives(torch, TF, FAR_OUT, approximate=approximate),
        strict=True,
    ):
        assert value.dtype == np.float32 and np.abs(value - expected).max() < 1e-6 * 40


def test_gelu_and_its_approximation_are_near_but_not_the_same() -> None:
    x = minigrad.tensor(np.linspace(-5, 5, 101))
    away = (F.gelu(x) - F.gelu(x, approximate="tanh")).abs().max().item()
    assert 1e-4 < away < 1e-3


def test_gelu_of_what_is_no_number_or_endless() -> None:
    """NaN stays NaN; at infinity gelu is the identity."""
    y = F.gelu(minigrad.tensor([math.nan, math.inf, 1.0]))
    assert math.isnan(y[0].item()) and y[1].item() == math.inf and y[2].item() == pytest.approx(0.8413447)


def test_gelu_as_a_layer() -> None:
    x = rng.normal(size=(3, 4))
    for approximate in ("none", "tanh"):
        ours, theirs = nn.GELU(approximate), torch.nn.GELU(approximate)
        assert gap(ours(minigrad.tensor(x)), theirs(torch.tensor(x))) < 1e-14 and repr(ours) == repr(theirs)
    assert nn.GELU()(minigrad.tensor(x)).tolist() == F.gelu(minigrad.tensor(x)).tolist()


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: F.gelu(minigrad.tensor([1, 2])), TypeError, "gelu: found int64"),
        (lambda: F.gelu([1.0, 2.0]), TypeError, "gelu: found list"),
        (lambda: F.gelu(ones(2), approximate="erf"), ValueError, "approximate='erf', expected 'none' or 'tanh'"),
        (lambda: nn.GELU("erf")(ones(2)), ValueError, "approximate='erf'"),
    ],
)
def test_gelu_refuses(wrong: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


# ----------------------------------------------------------------------- fused, where some of the inputs are constants


def fused_cases() -> dict[str, tuple[Callable[..., Any], list[np.ndarray]]]:
    """Each fused operation as a function of all the tensors that it takes, and where."""
    draw = np.random.default_rng(4).normal
    sequences: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {}
    for name, gates, states, options in (
        ("rnn", 1, 1, {"nonlinearity": "tanh"}),
        ("lstm", 4, 2, {}),
        ("gru", 3, 1, {}),
    ):
        weights = [draw(size=(3 * gates, 2)), draw(size=(3 * gates, 3)), draw(size=3 * gates), draw(size=3 * gates)]
        function = functools.partial(getattr(recurrence, f"{name}_sequence"), **options)
        sequences[name] = (function, [draw(size=(3, 2, 2)), *(draw(size=(2, 3)) for _ in range(states)), *weights])
    return {
        "cross_entropy": (
            lambda x, q: functional.fused_entropy(x, q, axis=1),
            [draw(size=(4, 3)), draw(size=(4, 3)) ** 2],
        ),
        "batch_norm": (
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            [draw(size=(5, 3)), draw(size=3), draw(size=3)],
        ),
        "layer_norm": (lambda x, w, b: F.layer_norm(x, (3,), w, b), [draw(size=(5, 3)), draw(size=3), draw(size=3)]),
        "gelu": (F.gelu, [draw(size=(2, 3))]),
        **sequences,
    }


FUSED = fused_cases()


def test_no_fused_operation_is_left_out() -> None:
    found = [v for m in (functional, recurrence) for v in vars(m).values() if isinstance(v, Fused) and v.composition]
    assert FUSED.keys() == {v.name for v in found}


@pytest.mark.parametrize("name", FUSED)
def test_derivatives_where_some_inputs_are_data(name: str) -> None:
    """Whichever inputs want gradients: the same as where all want them, on arrays and under `create_graph`."""
    function, arrays = FUSED[name]
    inputs = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    expected = minigrad.autograd.grad((function(*inputs) ** 2).sum(), inputs)
    for wanted in itertools.product((False, True), repeat=len(arrays)):
        if any(wanted):
            some = [minigrad.tensor(a, requires_grad=w) for a, w in zip(arrays, wanted, strict=True)]
            learned = [x for x in some if x.requires_grad]
            y = (function(*some) ** 2).sum()
            on_arrays = minigrad.autograd.grad(y, learned, retain_graph=True)
            on_tensors = minigrad.autograd.grad(y, learned, create_graph=True)
            for a, b, c in zip(
                on_arrays, on_tensors, [e for e, w in zip(expected, wanted, strict=True) if w], strict=True
            ):
                assert np.allclose(a.numpy(), c.numpy(), rtol=1e-11, atol=1e-11)
                assert np.allclose(b.detach().numpy(), c.numpy(), rtol=1e-11, atol=1e-11)
            if all(g.requires_grad for g in on_tensors):
                sum((g * g).sum() for g in on_tensors).backward()


@pytest.mark.parametrize("name", FUSED)
def test_what_is_saved_is_not_overwritten(name: str) -> None:
    """A second backward over a retained graph gives the same gradients again, bit by bit; no input is changed."""
    function, arrays = FUSED[name]
    inputs = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    y = (function(*inputs) ** 2).sum()
    first = [g.numpy().copy() for g in minigrad.autograd.grad(y, inputs, retain_graph=True)]
    again = minigrad.autograd.grad(y, inputs, retain_graph=True)
    assert all((a == b.numpy()).all() for a, b in zip(first, again, strict=True))
    assert all((x.detach().numpy() == a).all() for x, a in zip(inputs, arrays, strict=True))
    y.backward()
    for i, x in enumerate(inputs):  # no gradient shares memory with another, or with an input
        others = [t.detach().numpy() for t in inputs] + [t.grad.numpy() for t in inputs[:i]]
        assert not any(np.shares_memory(x.grad.numpy(), o) for o in others)


@pytest.mark.parametrize("name", FUSED)
def test_fused_keep_float32(name: str) -> None:
    function, arrays = FUSED[name]
    inputs = [minigrad.tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
    y = function(*inputs)
    first = minigrad.autograd.grad((y * y).sum(), inputs, create_graph=True)
    second = minigrad.autograd.grad(sum((g * g).sum() for g in first), inputs, allow_unused=True)
    assert y.dtype == np.float32 and {g.dtype for g in (*first, *second) if g is not None} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", FUSED)
def test_fused_notice_what_was_overwritten(name: str) -> None:
    function, arrays = FUSED[name]
    for i in range(len(arrays)):
        inputs = [minigrad.tensor(a, requires_grad=k != i) for k, a in enumerate(arrays)]
        if len(inputs) > 1:
            y = function(*inputs).sum()
            inputs[i].zero_()
            with pytest.raises(RuntimeError, match="in place"):
                y.backward()


@pytest.mark.parametrize("name", FUSED)
def test_threads_share_a_graph(name: str) -> None:
    """Eight backward passes at once over one retained graph: `grad` is eight times that of one."""
    function, arrays = FUSED[name]
    inputs = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    y = (function(*inputs) ** 2).sum()
    expected = [g.numpy() * 8 for g in minigrad.autograd.grad(y, inputs, retain_graph=True)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: y.backward(retain_graph=True), range(8)))
    assert all(np.allclose(x.grad.numpy(), e, rtol=1e-12, atol=1e-12) for x, e in zip(inputs, expected, strict=True))
