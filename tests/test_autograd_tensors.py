"""What chapter 3 adds to `minigrad.autograd`: `backward` and `grad` of tensors, and checks by central differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
import minigrad.nn.functional as F
from minigrad import Tensor, no_grad, rules
from minigrad.autograd import backward, grad, gradcheck, gradgradcheck
from minigrad.primitive import Fused, Primitive
from tests.twins import gap, twins


def leaf(values: Any, dtype: Any = np.float64) -> Tensor:
    return minigrad.tensor(np.array(values, dtype), requires_grad=True)


# ------------------------------------------------------------------------------------------------------ several outputs


def test_backward_of_several_outputs() -> None:
    (x, theirs), (y, others) = twins([1.0, 2.0]), twins([3.0, 4.0])
    seeds = [[0.5, 2.0], None]
    backward([x * y, (x * x).sum()], [None if s is None else minigrad.tensor(np.array(s)) for s in seeds])
    torch.autograd.backward(
        [theirs * others, (theirs * theirs).sum()],
        [None if s is None else torch.tensor(s, dtype=torch.float64) for s in seeds],
    )
    assert x.grad.tolist() == theirs.grad.tolist() and y.grad.tolist() == others.grad.tolist()


def test_one_output_may_be_another_ones_input() -> None:
    x = leaf([1.0, 2.0])
    y = x * x
    z = (y * 3).sum()
    backward([z, y], [None, minigrad.ones(2, dtype=x.dtype)])
    assert x.grad.tolist() == [8.0, 16.0]
    x.grad = None
    y = x * x
    backward([y.sum(), y.sum(), x.sum()])
    assert x.grad.tolist() == [5.0, 9.0]


def test_the_same_output_twice_counts_twice() -> None:
    x = leaf(3.0)
    y = x * x
    assert grad([y, y], x)[0].item() == 12.0


def test_a_gradient_for_each_output() -> None:
    x = leaf(3.0)
    with pytest.raises(ValueError, match="backward: found 2 gradients for 1 outputs; give one each, or None"):
        backward(x * 2, [minigrad.tensor(1.0), None])


@pytest.mark.parametrize("wrong", [[], 3.0, [minigrad.ones(1), "a"]])
def test_outputs_are_tensors(wrong: Any) -> None:
    for function in (backward, lambda outputs: grad(outputs, leaf(1.0))):
        with pytest.raises(TypeError, match=r"backward: found .* expected at least one tensor, and tensors only"):
            function(wrong)


# ----------------------------------------------------------------------------------------------------------------- grad


def test_grad_returns_and_touches_nothing() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gx, gy = grad((x * y).sum(), (x, y))
    assert (gx.tolist(), gy.tolist()) == ([3.0, 4.0], [1.0, 2.0])
    assert x.grad is None and y.grad is None and not gx.requires_grad


def test_grad_by_an_inner_node_and_by_the_output_itself() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    out = (h * h).sum()
    by_x, by_h, by_out = grad(out, (x, h, out))
    assert by_h.tolist() == [2.0, 8.0] and by_x.tolist() == [4.0, 32.0] and by_out.item() == 1.0


def test_grad_of_an_input_that_plays_no_part() -> None:
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(
        RuntimeError, match=r"grad: the outputs do not depend on input 1, .*allow_unused=True to get None"
    ):
        grad(x * 2, (x, y))
    with pytest.raises(RuntimeError, match="input 0, or it does not require grad"):
        grad(x * 2, minigrad.tensor(1.0))
    assert grad(x * 2, (y, x), allow_unused=True)[0] is None


def test_grad_with_weights() -> None:
    (x, theirs), weights = twins([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [2.0, 5.0]])
    (ours,) = grad(x.exp(), x, minigrad.tensor(weights))
    (wanted,) = torch.autograd.grad(theirs.exp(), theirs, torch.tensor(weights))
    assert gap(ours, wanted) < 1e-15


def test_a_graph_is_freed_unless_it_is_retained() -> None:
    x = leaf(3.0)
    y = x.exp()
    grad(y, x, retain_graph=True)
    grad(y, x, create_graph=True)
    grad(y, x)
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        grad(y, x)


def test_create_graph_records_under_no_grad_too() -> None:
    x = leaf(3.0)
    y = x**3
    with no_grad():
        (first,) = grad(y, x, create_graph=True)
    assert grad(first, x)[0].item() == 18.0


def test_hessian_equals_pytorch() -> None:
    """All second derivatives of a small network's loss by its weights."""
    rng = np.random.default_rng(0)
    data, target = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    start = rng.normal(size=14)

    def loss(library: Any, w: Any) -> Any:
        functional = F if library is minigrad else torch.nn.functional
        x, t = library.from_numpy(data), library.from_numpy(target)
        h = functional.linear(x, w[:6].reshape(2, 3), w[6:8]).tanh()
        return functional.cross_entropy(functional.linear(h, w[8:12].reshape(2, 2), w[12:]), t)

    w = minigrad.tensor(start, requires_grad=True)
    (first,) = grad(loss(minigrad, w), w, create_graph=True)
    hessian = np.stack([grad(first[i], w, retain_graph=True)[0].numpy() for i in range(14)])
    wanted = torch.autograd.functional.hessian(lambda v: loss(torch, v), torch.from_numpy(start)).numpy()
    assert np.abs(hessian - wanted).max() < 1e-12
    assert np.abs(hessian - hessian.T).max() < 1e-12


def test_third_derivatives() -> None:
    x, theirs = leaf([0.3, 0.7]), torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    y, z = (x.sigmoid() * x.exp()).sum(), (theirs.sigmoid() * theirs.exp()).sum()
    for _ in range(3):
        (first,), (wanted,) = grad(y, x, create_graph=True), torch.autograd.grad(z, theirs, create_graph=True)
        assert gap(first, wanted) < 1e-12
        y, z = first.sum(), wanted.sum()


def test_a_gradient_penalty_trains() -> None:
    """The gradient's own size in the loss, as in PyTorch, through the fused layers."""
    rng = np.random.default_rng(1)
    (x, theirs), (w, weights) = twins(rng.normal(size=(4, 3))), twins(rng.normal(size=(2, 3)))
    for library, functional, data, weight in ((minigrad, F, x, w), (torch, torch.nn.functional, theirs, weights)):
        loss = functional.cross_entropy(functional.linear(data, weight), library.tensor([0, 1, 1, 0]))
        (g,) = library.autograd.grad(loss, data, create_graph=True)
        (loss + (g * g).sum()).backward()
    assert gap(x.grad, theirs.grad) < 1e-14 and gap(w.grad, weights.grad) < 1e-14


# ------------------------------------------------------------------------------------------------------------ gradcheck


def wrong(rule: Callable[..., Any]) -> Primitive:
    """exp, with another rule."""
    return Primitive("wrong", np.exp, rule, keep="both")


def test_gradcheck_passes_what_is_right() -> None:
    x, y = leaf([0.5, 1.0]), leaf([[1.0], [2.0]])
    assert gradcheck(lambda a, b: (a * b, a.exp().sum()), (x, y))
    assert gradgradcheck(lambda a, b: (a * b, a.exp().sum()), (x, y))
    assert gradcheck(lambda a: a * 3.0, x)
    assert gradgradcheck(lambda a: a * 3.0, x)
    assert x.tolist() == [0.5, 1.0] and x.grad is None


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (lambda g, out, x: g * out * 1.01, "1.66"),
        (lambda g, out, x: g * 0.0, "gradient 0, central difference 1.6487"),
        (lambda g, out, x: -g * out, "gradient -1.6487"),
        (lambda g, out, x: g * out.sum(), "gradient 4.3670"),
    ],
)
def test_gradcheck_catches_a_wrong_rule(rule: Callable[..., Any], found: str) -> None:
    with pytest.raises(AssertionError, match=f"gradcheck: output 0 by element 0 of input 0: .*{found}"):
        gradcheck(wrong(rule), leaf([0.5, 1.0]))


def test_gradcheck_catches_an_input_that_is_left_out() -> None:
    with pytest.raises(AssertionError, match="by element 0 of input 1: gradient 0, central difference 2"):
        gradcheck(lambda a, b: a * b.detach(), (leaf([2.0]), leaf([3.0])))


def test_gradcheck_catches_nan() -> None:
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"gradcheck: NaN in output 0 .*choose another point"),
    ):
        gradcheck(lambda x: x.log(), leaf([-1.0]))
    with pytest.raises(ValueError, match="NaN in output 0 by element 1"):
        gradcheck(wrong(lambda g, out, x: g * out * np.array([1.0, math.nan])), leaf([0.5, 1.0]))


def test_gradcheck_catches_infinity() -> None:
    steep = Primitive("steep", lambda x: np.where(x > 1.0, np.inf, x), lambda g, out, x: g)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="gradcheck: infinity in output 0"):
        gradcheck(steep, leaf([1.0]))


def test_gradcheck_refuses_what_it_cannot_measure() -> None:
    for inputs in (leaf([1.0], np.float32), minigrad.tensor(np.array([1.0])), (leaf([1.0]), leaf([1.0], np.float32))):
        with pytest.raises(ValueError, match="gradcheck: expected float64 inputs with requires_grad=True, found float"):
            gradcheck(lambda *xs: xs[0] * 2, inputs)


def test_gradcheck_keeps_to_its_tolerances() -> None:
    slightly = wrong(lambda g, out, x: g * out * (1 + 1e-4))
    assert gradcheck(slightly, leaf([0.5]))
    with pytest.raises(AssertionError):
        gradcheck(slightly, leaf([0.5]), rtol=1e-6, atol=1e-8)
    assert gradcheck(lambda x: x**3, leaf([2.0]), eps=1e-3, rtol=1e-5)


def test_gradcheck_puts_its_inputs_back() -> None:
    x = leaf([0.5, 1.0])

    def fail(y: Tensor) -> Tensor:
        if y.tolist() != [0.5, 1.0]:
            raise KeyboardInterrupt
        return y * 2

    with pytest.raises(KeyboardInterrupt):
        gradcheck(fail, x)
    assert x.tolist() == [0.5, 1.0]


def test_gradgradcheck_catches_a_rule_that_is_right_once_only() -> None:
    """Its derivative is lost: the rule leaves the graph."""
    lost = wrong(lambda g, out, x: g * (out.detach() if isinstance(out, Tensor) else out))
    x = leaf([0.5, 1.0])
    assert gradcheck(lost, x)
    with pytest.raises(AssertionError, match="gradient 0, central difference"):
        gradgradcheck(lost, x)


def test_gradgradcheck_catches_a_composition_that_says_something_else() -> None:
    square = Fused("square", lambda a: (a * a, None), lambda g, out, saved, a: (2 * g * a,), lambda a: a * a * a)
    x = leaf([0.5, 1.5])
    assert gradcheck(square, x)
    with pytest.raises(AssertionError, match="gradgradcheck: gradient 0 is another one under create_graph"):
        gradgradcheck(square, x)


def test_a_broken_rule_of_the_engine_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules.mul, "rules", (lambda g, out, a, b: g * b, lambda g, out, a, b: g * b))
    with pytest.raises(AssertionError):
        gradcheck(lambda a, b: a * b, (leaf([0.5]), leaf([1.5])))
