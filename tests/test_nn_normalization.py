"""Batch and layer normalisation against PyTorch: values, all derivatives, running statistics, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.autograd import gradcheck, gradgradcheck
from minigrad.nn import functional
from minigrad.nn.normalization import BatchNorm1d, LayerNorm
from tests.twins import assert_twins, gap, translated, twins

TF = torch.nn.functional


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers with another mean and spread in each column."""
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return np.asarray(x * rng.uniform(0.5, 2.0, shape[1:]) + rng.normal(size=shape[1:]))


def copied(name: str, *args: Any, dtype: Any = np.float64, **kwargs: Any) -> tuple[Any, Any]:
    """A layer in both libraries with the same numbers, none of which are those that it starts with."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).to(torch.float64 if dtype == np.float64 else torch.float32)
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for t in [*theirs.parameters(), *theirs.buffers()]:
            if t.is_floating_point():
                t.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, tuple(t.shape))))
    ours = getattr(nn, name)(*args, **kwargs, dtype=dtype)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def assert_state(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert {key: gap(state[key], expected[key]) < tolerance for key in state} == dict.fromkeys(state, True)


BATCHES = [(6, 3), (2, 3), (5, 1), (4, 3, 5), (1, 3, 2), (2, 3, 1), (7, 1, 1)]
WAYS: list[dict[str, Any]] = [
    {},
    {"eps": 0.3},
    {"momentum": 0.7},
    {"momentum": 0.0},
    {"momentum": 1.0},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False, "eps": 1e-12},
]


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_batches_equal_pytorch(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """Three batches in training, one in evaluation, and training again: outputs, gradients, everything that is kept."""
    ours, theirs = copied("BatchNorm1d", shape[1], **options)
    for seed, training in enumerate((True, True, True, False, True)):
        ours.train(training)
        theirs.train(training)
        x, other = twins(numbers(*shape, seed=seed))
        y, expected = ours(x), theirs(other)
        assert gap(y, expected) < 1e-9 and y.requires_grad
        weights = np.random.default_rng(seed).normal(size=shape)
        (y * y * minigrad.tensor(weights)).sum().backward()
        (expected * expected * torch.tensor(weights)).sum().backward()
        for t, q in [(x, other), *zip(ours.parameters(), theirs.parameters(), strict=True)]:
            assert gap(t.grad, q.grad) < 1e-8
        assert_state(ours, theirs)
    assert repr(ours) == repr(theirs)


def test_running_statistics_by_their_definition() -> None:
    """A part `momentum` of the way to the batch's mean and unbiased variance; with None, the average of all batches."""
    batches = [numbers(4, 2, seed=seed) for seed in range(5)]
    for momentum in (0.25, None):
        layer = nn.BatchNorm1d(2, momentum=momentum, dtype=minigrad.float64)
        mean, var = np.zeros(2), np.ones(2)
        for n, x in enumerate(batches):
            layer(minigrad.tensor(x))
            part = 1 / (n + 1) if momentum is None else momentum
            mean, var = (1 - part) * mean + part * x.mean(0), (1 - part) * var + part * x.var(0, ddof=1)
            assert layer.num_batches_tracked.item() == n + 1
        if momentum is None:
            mean = np.mean([x.mean(0) for x in batches], 0)
        assert np.allclose(layer.running_mean.numpy(), mean, atol=1e-14)
        assert np.allclose(layer.running_var.numpy(), var, atol=1e-14)
        layer.eval()
        expected = (batches[0] - mean) / np.sqrt(var + 1e-5)
        assert np.allclose(layer(minigrad.tensor(batches[0])).detach().numpy(), expected, atol=1e-13)
        assert layer.num_batches_tracked.item() == 5


def test_how_it_starts() -> None:
    for library in (minigrad, torch):
        layer = library.nn.BatchNorm1d(3)
        state = {key: value.tolist() for key, value in layer.state_dict().items()}
        ones, zeros = [1.0] * 3, [0.0] * 3
        kept = {"running_mean": zeros, "running_var": ones, "num_batches_tracked": 0}
        assert state == {"weight": ones, "bias": zeros, **kept}
        assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
        assert [name for name, _ in layer.named_buffers()] == list(kept)
        layer = library.nn.LayerNorm((2, 3))
        assert {key: value.tolist() for key, value in layer.state_dict().items()} == {
            "weight": [ones, ones],
            "bias": [zeros, zeros],
        }


def test_normalised_columns_have_mean_0_and_variance_1() -> None:
    y = nn.BatchNorm1d(4, dtype=minigrad.float64)(minigrad.tensor(numbers(50, 4) * 30)).detach().numpy()
    assert np.allclose(y.mean(0), 0, atol=1e-12) and np.allclose(y.var(0), 1, atol=1e-4)
    y = nn.LayerNorm(50, dtype=minigrad.float64)(minigrad.tensor(numbers(4, 50) * 30)).detach().numpy()
    assert np.allclose(y.mean(1), 0, atol=1e-12) and np.allclose(y.var(1), 1, atol=1e-4)


def test_evaluation_looks_at_no_other_example_and_changes_nothing() -> None:
    layer = nn.BatchNorm1d(3)
    layer(minigrad.tensor(numbers(8, 3)).float())
    layer.eval()
    before = {key: value.tolist() for key, value in layer.state_dict().items()}
    x = minigrad.tensor(numbers(5, 3, seed=1)).float()
    together = layer(x).tolist()
    alone = [layer(x[i : i + 1]).tolist()[0] for i in range(5)]
    assert np.allclose(together, alone, atol=1e-7)
    assert {key: value.tolist() for key, value in layer.state_dict().items()} == before


def test_no_grad_still_counts_batches() -> None:
    """As in PyTorch: what decides is `training`, not whether operations are recorded."""
    results = []
    for library in (minigrad, torch):
        layer = library.nn.BatchNorm1d(3).double()
        with library.no_grad():
            y = layer(library.tensor(numbers(8, 3)))
        assert not y.requires_grad
        results.append([layer.running_mean.tolist(), layer.running_var.tolist(), layer.num_batches_tracked.item()])
    assert np.allclose(results[0][0] + results[0][1], results[1][0] + results[1][1], atol=1e-14)
    assert results[0][2] == results[1][2] == 1


def test_the_running_statistics_have_no_history_and_stay_the_same_tensors() -> None:
    layer = nn.BatchNorm1d(3)
    mean, var, count = layer.running_mean, layer.running_var, layer.num_batches_tracked
    state = layer.state_dict()
    x = minigrad.tensor(numbers(8, 3), requires_grad=True).float()
    layer(x)
    assert layer.running_mean is mean and layer.running_var is var and layer.num_batches_tracked is count
    assert not any(b.requires_grad for b in layer.buffers())
    assert state["running_mean"].tolist() == mean.tolist() != [0.0] * 3  # a state_dict shares memory, as in PyTorch


def test_a_state_and_a_deep_copy_take_the_statistics_along() -> None:
    layer = nn.BatchNorm1d(3)
    layer(minigrad.tensor(numbers(8, 3)).float())
    for other in (nn.BatchNorm1d(3), copy.deepcopy(layer)):
        other.load_state_dict(layer.state_dict())
        x = minigrad.tensor(numbers(5, 3, seed=1)).float()
        assert other.eval()(x).tolist() == copy.deepcopy(layer).eval()(x).tolist()
        before = layer.running_mean.tolist()
        other.train()(x)
        assert layer.running_mean.tolist() == before and other.running_mean.tolist() != before
        assert other.num_batches_tracked.item() == 2 and layer.num_batches_tracked.item() == 1


def test_float32_stays_float32() -> None:
    """Also where a shape's size enters a division: `float32 / np.float64` would not."""
    for make, shape in [
        (lambda: copied("BatchNorm1d", 3, dtype=np.float32), (6, 3)),
        (lambda: copied("BatchNorm1d", 3, dtype=np.float32), (6, 3, 4)),
        (lambda: copied("LayerNorm", 3, dtype=np.float32), (6, 3)),
        (lambda: copied("LayerNorm", (3, 4), dtype=np.float32), (6, 3, 4)),
    ]:
        ours, theirs = make()
        for training in (True, False):
            ours.train(training)
            theirs.train(training)
            x, other = twins(numbers(*shape).astype(np.float32))
            y, expected = ours(x), theirs(other)
            assert gap(y, expected) < 1e-5
            (y * y).sum().backward()
            (expected * expected).sum().backward()
            for t, q in [(x, other), *zip(ours.parameters(), theirs.parameters(), strict=True)]:
                assert gap(t.grad, q.grad) < 2e-4
            assert_state(ours, theirs, 1e-6)
        (g,) = minigrad.autograd.grad((ours.train()(x) ** 2).sum(), [x], create_graph=True)
        (h,) = minigrad.autograd.grad((g * g).sum(), [x])
        assert g.dtype == h.dtype == np.float32


# --------------------------------------------------------------------------------------------- functions, derivatives


def batch_norm_pair(training: bool, statistics: bool, **options: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`batch_norm` in both, over input, weight and bias; running statistics, where there are any, are constants."""

    def function(library: Any, module: Any) -> Callable[..., Any]:
        def run(x: Any, *affine: Any) -> Any:
            c = x.shape[1]
            given = [library.from_numpy(np.linspace(0.5, 1.5, c)), library.from_numpy(np.linspace(2.0, 1.0, c))]
            return module.batch_norm(x, *(given if statistics else (None, None)), *affine, training=training, **options)

        return run

    return function(minigrad, F), function(torch, TF)


@pytest.mark.parametrize(("training", "statistics"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 3, 2, 2), (3, 1)], ids=str)
def test_batch_norm_and_its_derivatives(shape: tuple[int, ...], training: bool, statistics: bool) -> None:
    pair, c = batch_norm_pair(training, statistics), shape[1]
    weight, bias = np.linspace(0.5, 2.0, c), np.linspace(-1.0, 1.0, c)
    x = numbers(*shape)
    assert_twins(*pair, x)
    assert_twins(*pair, x, weight)
    assert_twins(*pair, x, weight, bias)
    assert_twins(*batch_norm_pair(training, statistics, eps=2.0), x, weight, bias)
    assert_twins(*pair, np.asfortranarray(x), weight, bias)
    bias_alone = [lambda x, b, f=f: f(x, None, b) for f in pair]
    assert_twins(*bias_alone, x, bias, twice=False)  # PyTorch 2.13 fails at the second derivative
    constant = twins(x, requires_grad=False)  # only the affine part is learned
    assert_twins(lambda w, b: pair[0](constant[0], w, b), lambda w, b: pair[1](constant[1], w, b), weight, bias)


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 3), st.floats(1e-3, 3.0), st.booleans())
@settings(max_examples=30)
def test_batch_norm_over_shapes(n: int, c: int, length: int, eps: float, training: bool) -> None:
    shape = (n, c, length) if length else (n, c)
    pair = batch_norm_pair(training, not training, eps=eps)
    assert_twins(*pair, numbers(*shape), np.linspace(0.5, 2.0, c), np.linspace(-1.0, 1.0, c))


LAYERS = [((4, 3), (3,)), ((3,), (3,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 3, 4), (2, 3, 4)), ((2, 1), (1,))]


@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize(("shape", "over"), LAYERS, ids=str)
def test_layer_norm_and_its_derivatives(shape: tuple[int, ...], over: tuple[int, ...], eps: float) -> None:
    x, weight, bias = numbers(*shape), numbers(*over, seed=1), numbers(*over, seed=2)
    ours, theirs = copied("LayerNorm", over)
    data, other = twins(x, requires_grad=False)
    assert gap(ours(data), theirs(other)) < 1e-9
    if over == (1,) and eps < 0.1:
        return  # one value is its own mean: the derivatives are 0 / sqrt(eps), steep without an eps
    pair = tuple(lambda x, *affine, m=m: m.layer_norm(x, over, *affine, eps=eps) for m in (F, TF))
    assert_twins(*pair, x)
    assert_twins(*pair, x, weight)
    assert_twins(*pair, x, weight, bias)
    assert_twins(*pair, np.asfortranarray(x), weight, bias)
    assert_twins(*[lambda x, b, f=f: f(x, None, b) for f in pair], x, bias, twice=False)  # PyTorch 2.13 fails there
    assert_twins(lambda *affine: pair[0](data, *affine), lambda *affine: pair[1](other, *affine), weight, bias)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 3), st.floats(1e-2, 3.0))
@settings(max_examples=30)
def test_layer_norm_over_shapes(shape: list[int], axes: int, eps: float) -> None:
    over = shape[-axes:]
    pair = tuple(lambda x, w, b, m=m: m.layer_norm(x, over, w, b, eps) for m in (F, TF))
    assert_twins(*pair, numbers(*shape), numbers(*over, seed=1), numbers(*over, seed=2))


@pytest.mark.parametrize("function", ["train", "eval", "layer"])
def test_central_differences(function: str) -> None:
    """Independent of PyTorch: first and second derivative of input, weight and bias."""
    functions: dict[str, Callable[..., Any]] = {
        "train": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        "eval": lambda x, w, b: F.batch_norm(x, x.detach()[0], x.detach()[1] ** 2 + 1, w, b),
        "layer": lambda x, w, b: F.layer_norm(x, (3,), w, b),
    }
    x, w, b = numbers(4, 3), np.array([0.5, 1.0, -2.0]), np.array([0.1, 0.2, 0.3])
    if function == "eval":
        mean, var = (minigrad.tensor(v) for v in (numbers(3), np.array([0.5, 1.0, 2.0])))
        functions["eval"] = lambda x, w, b: F.batch_norm(x, mean, var, w, b)
    inputs = [minigrad.tensor(v, requires_grad=True) for v in (x, w, b)]
    assert gradcheck(functions[function], inputs)
    assert gradgradcheck(functions[function], inputs)


def test_fused_are_their_compositions() -> None:
    """The same function in plain operations, on the same tensors: values and gradients."""
    for fused, composed, shape in [
        (
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: functional.composed_batch_norm(x, w, b, None, None, 1e-5, True),
            (5, 3, 2),
        ),
        (
            lambda x, w, b: F.layer_norm(x, (3,), w, b),
            lambda x, w, b: functional.composed_layer_norm(x, w, b, 1, 1e-5),
            (5, 2, 3),
        ),
    ]:
        results = []
        for f in (fused, composed):
            inputs = [minigrad.tensor(v, requires_grad=True) for v in (numbers(*shape), numbers(3), numbers(3, seed=1))]
            y = f(*inputs)
            results.append([y, *minigrad.autograd.grad((y * y * y).sum(), inputs)])
        assert all(
            np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-11)
            for a, b in zip(*results, strict=True)
        )
        assert "Norm" in repr(fused(*inputs).grad_fn)


def test_batch_norm_does_not_feel_a_shift_or_a_scale_of_its_input() -> None:
    """So the gradient by the input sums to 0 in each column, and is orthogonal to it (where eps is small)."""
    x = minigrad.tensor(numbers(9, 3), requires_grad=True)
    y = F.batch_norm(x, None, None, training=True, eps=1e-12)
    assert np.allclose(
        y.detach().numpy(), F.batch_norm(x * 7 + 3, None, None, training=True, eps=1e-12).detach().numpy()
    )
    (y**3 + y.sin()).sum().backward()
    g = x.grad.numpy()
    assert np.allclose(g.sum(0), 0, atol=1e-12) and np.allclose((g * y.detach().numpy()).sum(0), 0, atol=1e-9)


def test_a_column_that_does_not_vary() -> None:
    """eps is what keeps the division finite."""
    for values in (np.full((4, 2), 3.0), np.zeros((4, 2))):
        for ours, theirs in (
            (
                lambda x: F.batch_norm(x, None, None, training=True),
                lambda x: TF.batch_norm(x, None, None, training=True),
            ),
            (lambda x: F.layer_norm(x, (2,)), lambda x: TF.layer_norm(x, (2,))),
        ):
            x, other = twins(values)
            y, expected = ours(x), theirs(other)
            (y * minigrad.arange(8.0).double().reshape(4, 2)).sum().backward()
            (expected * torch.arange(8.0).reshape(4, 2)).sum().backward()
            assert gap(y, expected) < 1e-12 and gap(x.grad, other.grad) < 1e-9


@pytest.mark.parametrize("eps", [1e-30, 1e-5, 1.0, 1e6, 1e100])
def test_eps_small_and_large(eps: float) -> None:
    for training in (True, False):
        assert_twins(*batch_norm_pair(training, not training, eps=eps), numbers(6, 3), twice=eps > 1e-20)
    assert_twins(*[lambda x, m=m: m.layer_norm(x, (3,), eps=eps) for m in (F, TF)], numbers(6, 3), twice=eps > 1e-20)


def test_large_numbers_with_a_small_spread() -> None:
    """The variance is a mean of squared distances: a difference of squares would lose all of it."""
    x = numbers(8, 3) + 1e6
    assert_twins(*batch_norm_pair(True, False), x, twice=False)
    flat = twins(x.astype(np.float32) - np.float32(1e6) + np.float32(3e3))
    assert gap(F.layer_norm(flat[0], (3,)), TF.layer_norm(flat[1], (3,))) < 1e-3


def test_batches_of_nothing() -> None:
    for shape in [(0, 3), (0, 3, 2), (2, 3, 0)]:
        for training in (True, False):
            ours, theirs = copied("BatchNorm1d", 3)
            ours.train(training)
            theirs.train(training)
            x, other = twins(np.zeros(shape))
            y, expected = ours(x), theirs(other)
            assert gap(y, expected) == 0.0 and y.shape == shape
            y.sum().backward()
            expected.sum().backward()
            assert gap(x.grad, other.grad) == 0.0
            assert [gap(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)] == [0, 0]
            assert_state(ours, theirs)
    for shape, over in [((0, 3), (3,)), ((2, 0), (0,)), ((2, 0, 3), (3,))]:
        assert_twins(*[lambda x, m=m, over=over: m.layer_norm(x, over) for m in (F, TF)], np.zeros(shape), twice=False)


def test_running_statistics_written_in_place_are_noticed_where_they_are_needed() -> None:
    """In evaluation the rule needs the running variance: a graph from before a training batch is stale, not wrong."""
    layer = nn.BatchNorm1d(3, dtype=minigrad.float64)
    layer(minigrad.tensor(numbers(5, 3)))
    layer.eval()
    x = minigrad.tensor(numbers(5, 3, seed=1), requires_grad=True)
    y = layer(x).sum()
    expected = (layer.weight.detach().numpy() / np.sqrt(layer.running_var.numpy() + layer.eps)).copy()
    layer.train()(minigrad.tensor(numbers(5, 3, seed=2)))
    try:
        y.backward()
    except RuntimeError as error:
        assert "in place" in str(error)
    else:
        assert np.allclose(x.grad.numpy(), np.broadcast_to(expected, (5, 3)), atol=1e-14)


def test_backward_twice_and_retained() -> None:
    x = minigrad.tensor(numbers(5, 3), requires_grad=True)
    y = (nn.BatchNorm1d(3, dtype=minigrad.float64)(x) ** 2 * minigrad.tensor(numbers(5, 3, seed=3))).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward()
    assert np.allclose(x.grad.numpy(), 2 * once, rtol=1e-14)


def test_reset() -> None:
    ours, theirs = copied("BatchNorm1d", 3)
    ours.reset_running_stats()
    theirs.reset_running_stats()
    assert_state(ours, theirs)
    assert ours.running_mean.tolist() == [0.0] * 3


def test_a_bias_of_its_own_switch() -> None:
    """LayerNorm(bias=False) keeps the weight; so does BatchNorm1d(bias=False), as in PyTorch 2.13."""
    for name, args in (("LayerNorm", (3,)), ("BatchNorm1d", (3,))):
        ours, theirs = copied(name, *args, bias=False)
        assert ours.bias is None and list(ours.state_dict()) == list(theirs.state_dict()) and repr(ours) == repr(theirs)
        x, other = twins(numbers(4, 3))
        assert gap(ours(x), theirs(other)) < 1e-12


def test_normalized_shape_as_number_list_or_tuple() -> None:
    x = minigrad.tensor(numbers(4, 3))
    for shape in (3, [3], (3,), np.int64(3)):
        layer = nn.LayerNorm(shape, dtype=minigrad.float64)
        assert layer.normalized_shape == (3,) and layer(x).shape == (4, 3)
    assert repr(nn.LayerNorm([2, 3], elementwise_affine=False)) == repr(
        torch.nn.LayerNorm([2, 3], elementwise_affine=False)
    )


@pytest.mark.parametrize("training", [True, False])
def test_inside_a_network_that_learns(training: bool) -> None:
    """A hundred steps on a small network with both layers: losses equal PyTorch's."""

    def losses(library: Any, start: Any) -> list[float]:
        module = library.nn
        net = module.Sequential(
            module.Linear(3, 5), module.BatchNorm1d(5), module.Tanh(), module.LayerNorm(5), module.Linear(5, 1)
        ).double()
        net.load_state_dict(start)
        net.train(training)
        optimizer = library.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        x, t = library.tensor(numbers(16, 3)), library.tensor(numbers(16, 1))
        found = []
        for step in range(100):
            loss = ((net(x[step % 4 :: 4]) - t[step % 4 :: 4]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.LayerNorm(5), torch.nn.Linear(5, 1)
    ).double()
    state = copy.deepcopy(model.state_dict())
    theirs = losses(torch, state)
    ours = losses(minigrad, translated(dict(state), {}))
    assert np.abs(np.array(ours) - theirs).max() < 1e-9 and theirs[-1] < 0.5 * theirs[0]


def values(*shape: int) -> Any:
    return minigrad.tensor(np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: nn.BatchNorm1d(3)(values(1, 3)), ValueError, r"\(1, 3\).*one value per channel"),
        (lambda: nn.BatchNorm1d(3)(values(1, 3, 1)), ValueError, r"\(1, 3, 1\).*one value per channel"),
        (lambda: nn.BatchNorm1d(3)(values(3)), ValueError, r"BatchNorm1d: found shape \(3,\), expected \(N, C\)"),
        (lambda: nn.BatchNorm1d(3)(values(2, 3, 4, 4)), ValueError, r"BatchNorm1d: found shape \(2, 3, 4, 4\)"),
        (lambda: nn.BatchNorm1d(3)(values(2, 4)), ValueError, r"\(2, 4\).*\(4,\).*\(3,\)"),
        (lambda: nn.BatchNorm1d(3)(values(2, 3).double()), TypeError, "float64.*float32"),
        (lambda: nn.BatchNorm1d(3)(values(2, 3).long()), TypeError, "int64"),
        (lambda: nn.BatchNorm1d(3)([[1.0, 2.0, 3.0]]), TypeError, "list"),
        (lambda: nn.BatchNorm1d(3, eps=0.0)(values(2, 3)), ValueError, "eps=0.0"),
        (lambda: nn.BatchNorm1d(3, eps=-1.0).eval()(values(2, 3)), ValueError, "eps=-1.0"),
        (lambda: F.batch_norm(values(2, 3), None, None), ValueError, "running_mean.*training=True"),
        (lambda: F.batch_norm(values(2, 3), values(3), values(2)), ValueError, r"running_var.*\(3,\).*\(2,\)"),
        (lambda: F.batch_norm(values(2, 3), values(3), values(3), values(2)), ValueError, r"weight.*\(3,\).*\(2,\)"),
        (lambda: nn.BatchNorm1d(3, device="cpu"), TypeError, "device"),
        (lambda: nn.LayerNorm(3)(values(2, 4)), ValueError, r"layer_norm: input \(2, 4\).*\(3,\)"),
        (lambda: nn.LayerNorm((2, 3))(values(3)), ValueError, r"layer_norm: input \(3,\).*\(2, 3\)"),
        (lambda: nn.LayerNorm(3)(minigrad.tensor(1.0)), ValueError, r"layer_norm: input \(\).*\(3,\)"),
        (lambda: nn.LayerNorm(3)(values(2, 3).double()), TypeError, "float64.*float32"),
        (lambda: nn.LayerNorm(3)(values(2, 3).long()), TypeError, "int64"),
        (lambda: nn.LayerNorm(3)([1.0, 2.0, 3.0]), TypeError, "list"),
        (lambda: F.layer_norm(values(2, 3), (3,), values(2)), ValueError, r"weight.*\(3,\).*\(2,\)"),
        (lambda: F.layer_norm(values(2, 3), (3,), None, values(1)), ValueError, r"bias.*\(3,\).*\(1,\)"),
    ],
)
def test_refused(wrong: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_a_refused_batch_leaves_the_statistics_as_they_are() -> None:
    layer = nn.BatchNorm1d(3)
    before = {key: value.tolist() for key, value in layer.state_dict().items()}
    for x in (values(1, 3), values(2, 4), values(2, 3).double(), values(2, 3, 4, 4)):
        with pytest.raises((ValueError, TypeError)):
            layer(x)
        assert {key: value.tolist() for key, value in layer.state_dict().items()} == before


def test_public_names() -> None:
    assert nn.BatchNorm1d is BatchNorm1d and nn.LayerNorm is LayerNorm
