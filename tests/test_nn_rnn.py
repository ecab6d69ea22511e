"""Recurrent cells and layers against PyTorch with copied weights: every way to call them, and all their derivatives."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import nn
from minigrad.autograd import gradcheck
from minigrad.nn import rnn
from tests.twins import compare_derivatives, gap, gradients, leaves, twins, weighted

KINDS = ["RNN", "LSTM", "GRU"]
Options = dict[str, Any]


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng([seed, *shape]).normal(size=shape))


def copied(name: str, *args: Any, dtype: Any = np.float64, **options: Any) -> tuple[Any, Any]:
    """A module in both libraries with the same weights, which are larger than those that PyTorch starts with."""
    theirs = getattr(torch.nn, name)(*args, **options).to(torch.float64 if dtype == np.float64 else torch.float32)
    with torch.no_grad():
        for i, p in enumerate(theirs.parameters()):
            p.copy_(torch.from_numpy(draws(*p.shape, seed=i) * 0.6))
    ours = getattr(nn, name)(*args, **options, dtype=dtype)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def states(
    name: str, layers: int, directions: int, batch: tuple[int, ...], size: int, proj: int = 0
) -> list[np.ndarray]:
    """First states: h, and for an LSTM c."""
    shape = (layers * directions, *batch)
    return [draws(*shape, proj or size, seed=8), draws(*shape, size, seed=9)][: 2 if name.startswith("LSTM") else 1]


def assert_same(
    ours: Any,
    theirs: Any,
    x: np.ndarray,
    first: list[np.ndarray] | None,
    pick: slice = slice(None),
    twice: bool = False,
) -> None:
    """Call both at `x` and the first states, where given; compare outputs, and all gradients of those in `pick`.

    The gradients are those of input, first states and all weights, computed on arrays and under `create_graph`.
    """
    pairs = [twins(a) for a in (x, *(first or []))]
    hx: list[Any] = [None, None]
    if first is not None:
        hx = [tuple(s[i] for s in pairs[1:]) if len(first) == 2 else pairs[1][i] for i in (0, 1)]
    found = list(leaves(ours(pairs[0][0], hx[0])))
    expected = list(leaves(theirs(pairs[0][1], hx[1])))
    assert [gap(a, b) < 1e-11 for a, b in zip(found, expected, strict=True)] == [True] * len(expected)
    inputs = [[pair[i] for pair in pairs] + list(module.parameters()) for i, module in enumerate((ours, theirs))]
    problem = compare_derivatives(found[pick], expected[pick], *inputs, twice)
    assert problem == "", problem


def options_of(**values: tuple[Any, ...]) -> list[Options]:
    """Every combination of the values."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


EVERY_WAY = options_of(
    num_layers=(1, 2), bias=(True, False), batch_first=(False, True), bidirectional=(False, True)
)  # fmt: skip


@pytest.mark.parametrize("options", EVERY_WAY, ids=lambda o: "-".join(key for key, v in o.items() if v is not False))
@pytest.mark.parametrize("name", KINDS)
def test_layers_equal_pytorch(name: str, options: Options) -> None:
    """All options, with and without first states, batched and not."""
    layers, directions = options["num_layers"], 1 + options["bidirectional"]
    ours, theirs = copied(name, 2, 3, **options)
    x = draws(4, 2, 2)  # (T, N, I) as well as (N, T, I)
    batch = 4 if options["batch_first"] else 2
    assert_same(ours, theirs, x, None)
    assert_same(ours, theirs, x, states(name, layers, directions, (batch,), 3))
    assert_same(ours, theirs, x[:, 0], None)
    assert_same(ours, theirs, x[:, 0], states(name, layers, directions, (), 3))
    assert repr(ours) == repr(theirs)
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", ["relu", "projected"])
def test_relu_and_projections(kind: str, num_layers: int, bidirectional: bool) -> None:
    name, own = ("RNN", {"nonlinearity": "relu"}) if kind == "relu" else ("LSTM", {"proj_size": 2})
    proj, directions = own.get("proj_size", 0), 1 + bidirectional
    for bias, batch_first in itertools.product((True, False), repeat=2):
        options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias, "batch_first": batch_first}
        ours, theirs = copied(name, 2, 3, **own, **options)
        assert_same(ours, theirs, draws(4, 2, 2), None)
        first = states(name, num_layers, directions, (4 if batch_first else 2,), 3, proj)
        assert_same(ours, theirs, draws(4, 2, 2), first, twice=not batch_first)
        assert_same(ours, theirs, draws(4, 2), states(name, num_layers, directions, (), 3, proj))
        assert repr(ours) == repr(theirs)
        assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]


@pytest.mark.parametrize("name", KINDS)
def test_second_derivatives(name: str) -> None:
    """By input, first states and all weights, of two layers in both directions."""
    options = {"num_layers": 2, "bidirectional": True}
    ours, theirs = copied(name, 2, 3, **options)
    assert_same(ours, theirs, draws(3, 2, 2), states(name, 2, 2, (2,), 3), twice=True)


@pytest.mark.parametrize("unused", ["only the outputs", "only the last states", "only the last of them"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_outputs_that_nobody_uses(name: str, options: Options, unused: str) -> None:
    """A loss on the outputs alone, on the last states alone, or on h_n (of an LSTM: c_n) alone."""
    ours, theirs = copied(name, 2, 3, **options)
    pick = {
        "only the outputs": slice(0, 1),
        "only the last states": slice(1, None),
        "only the last of them": slice(-1, None),
    }
    first = states(name, options.get("num_layers", 1), 1 + bool(options), (2,), 3)
    assert_same(ours, theirs, draws(4, 2, 2), first, pick[unused], twice=name != "LSTM" or not options)


@pytest.mark.parametrize("name", KINDS)
def test_a_loss_on_one_step_alone(name: str) -> None:
    ours, theirs = copied(name, 2, 3)
    for step in (0, 2, -1):
        found = []
        for i, module in enumerate((ours, theirs)):
            x = twins(draws(4, 2, 2))[i]
            out, _ = module(x)
            (out[step] ** 2).sum().backward()
            found.append([x.grad.numpy(), *[p.grad.numpy().copy() for p in module.parameters()]])
            module.zero_grad()
        assert all(np.allclose(a, b, atol=1e-13) for a, b in zip(*found, strict=True))
        if step == 0:
            assert not found[0][0][1:].any()  # nothing flows from the first step to later inputs


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 1, 2), (5, 1, 2), (1, 2)], ids=str)
def test_one_step_and_one_example(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs = copied(name, 2, 3, num_layers=2, bidirectional=True)
    assert_same(ours, theirs, draws(*shape), None, twice=True)
    assert_same(ours, theirs, draws(*shape), states(name, 2, 2, shape[1:-1], 3))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("proj_size", [0, 2])
def test_a_batch_of_nothing(name: str, proj_size: int) -> None:
    options = {"proj_size": proj_size} if name == "LSTM" and proj_size else {}
    ours, theirs = copied(name, 2, 3, num_layers=2, **options)
    x, other = twins(np.zeros((4, 0, 2)))
    found, expected = list(leaves(ours(x))), list(leaves(theirs(other)))
    assert [gap(a, b) for a, b in zip(found, expected, strict=True)] == [0.0] * len(expected)
    sum(y.sum() for y in found).backward()
    assert x.grad.shape == (4, 0, 2) and not any(p.grad.numpy().any() for p in ours.parameters())


@given(
    st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4),
    st.integers(1, 2), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=25)
def test_over_shapes(
    name: str, steps: int, batch: int, size: int, hidden: int, layers: int, both: bool, first: bool, given_state: bool
) -> None:
    ours, theirs = copied(name, size, hidden, num_layers=layers, bidirectional=both, batch_first=first)
    x = draws(batch, steps, size) if first else draws(steps, batch, size)
    assert_same(ours, theirs, x, states(name, layers, 1 + both, (batch,), hidden) if given_state else None)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("layout", ["transposed", "every second", "reversed", "expanded"])
def test_inputs_need_not_be_contiguous(name: str, layout: str) -> None:
    x = {
        "transposed": draws(2, 4, 2).transpose(1, 0, 2),
        "every second": draws(8, 4, 4)[::2, ::2, ::2],
        "reversed": draws(4, 2, 2)[::-1],
        "expanded": np.broadcast_to(draws(1, 2, 2), (4, 2, 2)),
    }[layout]
    ours, theirs = copied(name, 2, 3)
    first = [s[:, ::-1] for s in states(name, 1, 1, (x.shape[1],), 3)]
    assert_same(ours, theirs, x, first)


# ------------------------------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(2,), (4, 2), (1, 2), (0, 2)], ids=str)
@pytest.mark.parametrize(("name", "own"), [(f"{k}Cell", {}) for k in KINDS] + [("RNNCell", {"nonlinearity": "relu"})])
def test_cells_equal_pytorch(name: str, own: Options, shape: tuple[int, ...], bias: bool) -> None:
    ours, theirs = copied(name, 2, 3, bias=bias, **own)
    for first in (None, [s[0] for s in states(name, 1, 1, shape[:-1], 3)]):
        assert_same(ours, theirs, draws(*shape), first, twice=bool(math.prod(shape)))
    assert repr(ours) == repr(theirs)
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]


@pytest.mark.parametrize("name", ["LSTMCell"])
def test_one_output_of_a_cell(name: str) -> None:
    ours, theirs = copied(name, 2, 3)
    for pick in (slice(0, 1), slice(1, 2)):
        assert_same(ours, theirs, draws(4, 2), [draws(4, 3), draws(4, 3, seed=1)], pick, twice=True)


@pytest.mark.parametrize("name", KINDS)
def test_a_cell_step_by_step_is_the_layer(name: str) -> None:
    """With the layer's weights: the same outputs, last state, and gradients."""
    layer = copied(name, 2, 3)[0]
    cell = getattr(nn, f"{name}Cell")(2, 3, dtype=minigrad.float64)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    xs = [minigrad.tensor(draws(5, 2, 2), requires_grad=True) for _ in range(2)]
    out, last = layer(xs[0])
    state, found = None, []
    for t in range(5):
        state = cell(xs[1][t], state)
        found.append(state[0] if name == "LSTM" else state)
    stepped = minigrad.stack(found)
    assert np.allclose(out.detach().numpy(), stepped.detach().numpy(), atol=1e-14)
    for a, b in zip(leaves(last), leaves(state), strict=True):
        assert np.allclose(a.detach().numpy()[0], b.detach().numpy(), atol=1e-14)
    (out**2).sum().backward()
    (stepped**2).sum().backward()
    for p, q in zip([xs[0], *layer.parameters()], [xs[1], *cell.parameters()], strict=True):
        assert np.allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-13)


# ------------------------------------------------------------------------- independent of PyTorch: sums, halves, limits


@pytest.mark.parametrize("name", KINDS)
def test_central_differences(name: str) -> None:
    layer = copied(name, 2, 3)[0]
    first = [minigrad.tensor(s, requires_grad=True) for s in states(name, 1, 1, (2,), 3)]
    x = minigrad.tensor(draws(3, 2, 2), requires_grad=True)

    def run(x: Any, *first: Any) -> Any:
        return tuple(leaves(layer(x, first if name == "LSTM" else first[0])))

    assert gradcheck(run, (x, *first))
    for p in layer.parameters():
        assert gradcheck(lambda p: run(x.detach(), *[s.detach() for s in first])[0], p)


def test_rnn_by_the_sums_over_time() -> None:
    """dL/dW_hh is the sum over steps of (what arrives before the tanh) times (the state before): in plain NumPy."""
    layer = nn.RNN(2, 3, dtype=minigrad.float64)
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in layer.parameters())
    x = draws(6, 1, 2)
    h = [np.zeros(3)]
    for row in x[:, 0]:
        h.append(np.tanh(w_ih @ row + b_ih + w_hh @ h[-1] + b_hh))
    out, _ = layer(minigrad.tensor(x))
    assert np.allclose(out.detach().numpy()[:, 0], h[1:], atol=1e-14)
    (out**2).sum().backward()
    into_hh, into_ih, into_b, late = np.zeros((3, 3)), np.zeros((3, 2)), np.zeros(3), np.zeros(3)
    for t in reversed(range(6)):
        d = (2 * h[t + 1] + late) * (1 - h[t + 1] ** 2)
        into_hh += np.outer(d, h[t])
        into_ih += np.outer(d, x[t, 0])
        into_b += d
        late = w_hh.T @ d
    for p, expected in zip(layer.parameters(), (into_ih, into_hh, into_b, into_b), strict=True):
        assert np.allclose(p.grad.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("name", KINDS)
def test_halves_of_a_sequence(name: str) -> None:
    """The state after the first half, handed to the second, gives the whole; detached, the gradient stops there."""
    layer = copied(name, 2, 3, num_layers=2)[0]
    x = minigrad.tensor(draws(6, 2, 2), requires_grad=True)
    whole, last = layer(x)
    first, state = layer(x[:3])
    second, end = layer(x[3:], state)
    assert np.allclose(minigrad.cat([first, second]).detach().numpy(), whole.detach().numpy(), atol=1e-14)
    assert all(
        np.allclose(a.detach().numpy(), b.detach().numpy()) for a, b in zip(leaves(last), leaves(end), strict=True)
    )
    second.sum().backward()
    assert (x.grad.numpy()[:3] != 0).all()
    x.grad = None
    cut = tuple(s.detach() for s in state) if name == "LSTM" else state.detach()
    layer(x[3:], cut)[0].sum().backward()
    assert not x.grad.numpy()[:3].any() and x.grad.numpy()[3:].any()


def test_gates_at_their_limits() -> None:
    """An LSTM with open forget gate and shut input gate keeps its cell; a GRU with open update gate its state."""
    lstm = nn.LSTM(1, 2, dtype=minigrad.float64)
    lstm.load_state_dict({k: np.zeros(v.shape) for k, v in lstm.state_dict().items()})
    with minigrad.no_grad():
        lstm.bias_ih_l0[0:2] = -1e3  # i, f, g, o
        lstm.bias_ih_l0[2:4] = 1e3
        lstm.bias_ih_l0[6:8] = 1e3
    c0 = minigrad.tensor(draws(1, 1, 2), requires_grad=True)
    out, (h, c) = lstm(minigrad.tensor(draws(50, 1, 1)), (minigrad.zeros(1, 1, 2, dtype=minigrad.float64), c0))
    assert c.tolist() == c0.tolist() and np.allclose(out.detach().numpy()[-1], np.tanh(c0.detach().numpy()[0]))
    c.sum().backward()
    assert c0.grad.tolist() == [[[1.0, 1.0]]]  # over fifty steps
    gru = nn.GRU(1, 2, dtype=minigrad.float64)
    with minigrad.no_grad():
        gru.bias_ih_l0[2:4] = 1e3  # r, z, n
    h0 = minigrad.tensor(draws(1, 1, 2), requires_grad=True)
    _, h = gru(minigrad.tensor(draws(50, 1, 1)), h0)
    assert np.allclose(h.detach().numpy(), h0.detach().numpy(), atol=1e-14)
    h.sum().backward()
    assert h0.grad.tolist() == [[[1.0, 1.0]]]


@pytest.mark.parametrize("name", KINDS)
def test_large_pre_activations(name: str) -> None:
    """Saturated gates: no overflow, no warning, PyTorch's numbers."""
    ours, theirs = copied(name, 2, 3)
    assert_same(ours, theirs, draws(4, 2, 2) * 1e4, None)


# --------------------------------------------------------------------------------------------------- dtype, start, rest


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 2}], ids=str)
@pytest.mark.parametrize("name", [*KINDS, *(f"{kind}Cell" for kind in KINDS)])
def test_float32_stays_float32(name: str, options: Options) -> None:
    if (options and "Cell" in name) or ("proj_size" in options and name != "LSTM"):
        options = {}
    ours, theirs = copied(name, 2, 3, dtype=np.float32, **options)
    x, other = twins(draws(2, 2, 2)[0 if "Cell" in name else slice(None)].astype(np.float32))
    found, expected = list(leaves(ours(x))), list(leaves(theirs(other)))
    assert max(gap(a, b) for a, b in zip(found, expected, strict=True)) < 1e-5
    total = weighted(minigrad, [y * y for y in found])[0].float()
    expected_total = weighted(torch, [y * y for y in expected])[0].float()
    inputs = [x, *ours.parameters()]
    for create_graph in (False, True):
        first = gradients(minigrad, total, inputs, create_graph=create_graph)
        wanted = gradients(torch, expected_total, [other, *theirs.parameters()])
        assert max(map(gap, first, wanted)) < 1e-4
    second = minigrad.autograd.grad(sum((g * g).sum() for g in first), inputs)
    assert {g.dtype for g in second} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", [*KINDS, *(f"{kind}Cell" for kind in KINDS)])
def test_how_it_starts(name: str) -> None:
    """Uniform within 1/sqrt(hidden_size), all of them, as in PyTorch; float32."""
    minigrad.manual_seed(0)
    ours, theirs = getattr(nn, name)(30, 100), getattr(torch.nn, name)(30, 100)
    for (key, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert key == other and p.shape == tuple(q.shape) and p.dtype == np.float32 and p.requires_grad and p.is_leaf
        assert 0.09 < p.abs().max().item() <= 0.1 and 0.09 < q.abs().max().item() <= 0.1
        assert abs(p.std().item() - 0.1 / math.sqrt(3)) < 0.006


def test_dropout_between_layers() -> None:
    """Not after the last layer, not in evaluation; each step's features on their own, scaled up by 1 / (1 - p)."""
    minigrad.manual_seed(0)
    for name in KINDS:
        layer = getattr(nn, name)(2, 30, num_layers=2, dropout=0.5, dtype=minigrad.float64)
        plain = getattr(nn, name)(2, 30, num_layers=2, dtype=minigrad.float64)
        plain.load_state_dict(layer.state_dict())
        x = minigrad.tensor(draws(5, 3, 2))
        expected = plain(x)[0].tolist()
        assert layer.eval()(x)[0].tolist() == expected
        noisy = layer.train()(x)[0]
        assert not np.allclose(noisy.detach().numpy(), expected) and (noisy.detach().numpy() != 0).all()
        assert layer(x)[0].tolist() != noisy.tolist()
        assert repr(layer) == repr(getattr(torch.nn, name)(2, 30, num_layers=2, dropout=0.5))
        layer.dropout = 0.0
        assert layer(x)[0].tolist() == expected
        everything = getattr(nn, name)(2, 3, num_layers=2, dropout=1.0, dtype=minigrad.float64)
        out = everything(x)[0].detach().numpy()
        assert np.allclose(out[:, 0], out[:, 1])  # the second layer sees nothing of the input
        noisy.sum().backward()
        assert all(p.grad is not None for p in layer.parameters())


def test_dropout_zeroes_the_share_that_it_is_told() -> None:
    """Seen by the second layer of an RNN that only passes on what it gets."""
    minigrad.manual_seed(1)
    layer = nn.RNN(1, 200, num_layers=2, nonlinearity="relu", bias=False, dropout=0.3, dtype=minigrad.float64)
    with minigrad.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.zero_()
        layer.weight_hh_l1.zero_()
        layer.weight_ih_l1.copy_(minigrad.tensor(np.eye(200)))
    out = layer(minigrad.ones(50, 2, 1, dtype=minigrad.float64))[0].detach().numpy()
    assert set(np.unique(out.round(12))) == {0.0, round(1 / 0.7, 12)}
    assert abs((out == 0).mean() - 0.3) < 0.01
    assert (out[0] != out[1]).any() and (out[:, 0] != out[:, 1]).any()


def test_a_state_dict_goes_both_ways() -> None:
    for name in KINDS:
        ours, theirs = copied(name, 2, 3, num_layers=2, bidirectional=True)
        with minigrad.no_grad():
            for p in ours.parameters():
                p *= 0.5
        theirs.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in ours.state_dict().items()})
        x, other = twins(draws(4, 2, 2))
        assert gap(ours(x)[0], theirs(other)[0]) < 1e-13


def test_a_deep_copy_has_weights_of_its_own() -> None:
    layer = nn.GRU(2, 3)
    twin = copy.deepcopy(layer)
    with minigrad.no_grad():
        twin.weight_hh_l0.zero_()
    assert layer.weight_hh_l0.detach().numpy().any()
    x = minigrad.ones(3, 1, 2)
    assert layer(x)[0].tolist() != twin(x)[0].tolist()


def test_a_weight_that_is_replaced_is_used() -> None:
    """Weights are looked up when the layer is called, so tying and replacing them works."""
    layer = nn.RNN(3, 3, dtype=minigrad.float64)
    layer.weight_hh_l0 = layer.weight_ih_l0
    x = minigrad.tensor(draws(3, 1, 3))
    layer(x)[0].sum().backward()
    tied = layer.weight_ih_l0.grad.numpy()
    other = torch.nn.RNN(3, 3).double()
    w = torch.tensor(layer.weight_ih_l0.detach().numpy(), requires_grad=True)
    state = {key: torch.tensor(value.numpy()) for key, value in layer.state_dict().items() if "bias" in key}
    out, _ = torch.func.functional_call(other, {**state, "weight_ih_l0": w, "weight_hh_l0": w}, torch.tensor(x.numpy()))
    out.sum().backward()
    assert np.allclose(tied, w.grad.numpy(), atol=1e-13)


def test_no_grad_records_nothing() -> None:
    for name in KINDS:
        layer = getattr(nn, name)(2, 3)
        with minigrad.no_grad():
            assert not any(y.requires_grad for y in leaves(layer(minigrad.ones(4, 1, 2))))
        layer.requires_grad_(False)
        assert not any(y.requires_grad for y in leaves(layer(minigrad.ones(4, 1, 2))))
        h0 = minigrad.zeros(1, 1, 3, requires_grad=True)
        out, _ = layer(minigrad.ones(4, 1, 2), (h0, h0) if name == "LSTM" else h0)
        out.sum().backward()
        assert h0.grad.shape == (1, 1, 3) and all(p.grad is None for p in layer.parameters())


@pytest.mark.parametrize("name", KINDS)
def test_backward_twice_and_writes_in_place(name: str) -> None:
    layer = copied(name, 2, 3)[0]
    x = minigrad.tensor(draws(4, 2, 2), requires_grad=True)
    y = (layer(x)[0] ** 2).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward()
    assert np.allclose(x.grad.numpy(), 2 * once, rtol=1e-14)
    with pytest.raises(RuntimeError, match="freed"):
        y.backward()
    y = (layer(x)[0] ** 2).sum()
    with minigrad.no_grad():
        layer.weight_hh_l0.zero_()
    with pytest.raises(RuntimeError, match="in place"):
        y.backward()
    out, _ = layer(x)
    out[0] = 7.0  # an output that is written to: the loss on it is as in PyTorch
    other = copied(name, 2, 3)[1]
    with torch.no_grad():
        other.weight_hh_l0.zero_()
    z = torch.tensor(draws(4, 2, 2), requires_grad=True)
    expected, _ = other(z)
    expected = expected.clone()
    expected[0] = 7.0
    (expected**2).sum().backward()
    x.grad = None
    (out**2).sum().backward()
    assert gap(x.grad, z.grad) < 1e-12


# ------------------------------------------------------------------------------------------------------------- refused


def values(*shape: int) -> Any:
    return minigrad.ones(*shape)


def layer(name: str, **options: Any) -> Any:
    return getattr(nn, name)(3, 4, **options)


def pair(name: str, *shape: int) -> Any:
    return (values(*shape), values(*shape)) if name.startswith("LSTM") else values(*shape)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda n: layer(n)(values(2, 2, 5)), ValueError, r"{n}: .*\(2, 2, 5\).*3"),
        (lambda n: layer(n)(values(3)), ValueError, r"{n}: .*\(3,\)"),
        (lambda n: layer(n)(values(2, 2, 2, 3)), ValueError, r"{n}: .*\(2, 2, 2, 3\)"),
        (lambda n: layer(n)(values(0, 2, 3)), ValueError, r"{n}: .*length 0"),
        (lambda n: layer(n)(values(2, 2, 3), pair(n, 1, 3, 4)), ValueError, r"{n}: .*\(1, 3, 4\).*\(1, 2, 4\)"),
        (lambda n: layer(n)(values(2, 2, 3), pair(n, 2, 4)), ValueError, r"{n}: .*\(2, 4\).*\(1, 2, 4\)"),
        (lambda n: layer(n)(values(2, 3), pair(n, 1, 1, 4)), ValueError, r"{n}: .*\(1, 1, 4\).*\(1, 4\)"),
        (
            lambda n: layer(n, num_layers=2, bidirectional=True)(values(2, 2, 3), pair(n, 2, 2, 4)),
            ValueError,
            r"{n}: .*\(2, 2, 4\).*\(4, 2, 4\)",
        ),
        (
            lambda n: layer(n, batch_first=True)(values(5, 2, 3), pair(n, 1, 2, 4)),
            ValueError,
            r"{n}: .*\(1, 2, 4\).*\(1, 5, 4\)",
        ),
        (lambda n: layer(n)(values(2, 2, 3).double()), TypeError, "{n}: .*float64.*float32"),
        (lambda n: layer(n)(values(2, 2, 3).long()), TypeError, "{n}: .*int64.*float32"),
        (lambda n: layer(n)([[1.0, 2.0, 3.0]]), TypeError, "{n}: .*list"),
        (lambda n: layer(n)(values(2, 2, 3), "zero"), TypeError, "{n}: .*str"),
        (lambda n: layer(n, num_layers=0), ValueError, "{n}: .*num_layers=0"),
        (lambda n: getattr(nn, n)(0, 4), ValueError, "{n}: .*input_size=0"),
        (lambda n: getattr(nn, n)(3, 0), ValueError, "{n}: .*hidden_size=0"),
        (lambda n: getattr(nn, n)(3, -4), ValueError, "{n}: .*hidden_size=-4"),
        (lambda n: layer(n, dropout=1.5), ValueError, "{n}: .*dropout=1.5"),
        (lambda n: layer(n, dropout=-0.1), ValueError, "{n}: .*dropout=-0.1"),
        (lambda n: layer(n, layers=2), TypeError, "layers"),
        (lambda n: layer(n, device="cpu"), TypeError, "device"),
    ],
)
def test_layers_refuse(name: str, wrong: Callable[[str], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message.replace("{n}", name)):
        wrong(name)


CELLS = [f"{kind}Cell" for kind in KINDS]


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda n: layer(n)(values(2, 5)), ValueError, r"{n}: .*\(2, 5\).*3"),
        (lambda n: layer(n)(values(1, 2, 3)), ValueError, r"{n}: .*\(1, 2, 3\)"),
        (lambda n: layer(n)(values(2, 3), pair(n, 3, 4)), ValueError, r"{n}: .*\(3, 4\).*\(2, 4\)"),
        (lambda n: layer(n)(values(2, 3), pair(n, 2, 5)), ValueError, r"{n}: .*\(2, 5\).*\(2, 4\)"),
        (lambda n: layer(n)(values(3), pair(n, 1, 4)), ValueError, r"{n}: .*\(1, 4\).*\(4,\)"),
        (lambda n: layer(n)(values(2, 3).double()), TypeError, "{n}: .*float64.*float32"),
        (lambda n: layer(n)([1.0, 2.0, 3.0]), TypeError, "{n}: .*list"),
        (lambda n: layer(n, num_layers=2), TypeError, "num_layers"),
        (lambda n: getattr(nn, n)(3, 0), ValueError, "{n}: .*hidden_size=0"),
    ],
)
def test_cells_refuse(name: str, wrong: Callable[[str], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message.replace("{n}", name)):
        wrong(name)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: layer("LSTM")(values(2, 2, 3), values(1, 2, 4)), TypeError, r"LSTM: .*Tensor.*pair \(h, c\)"),
        (lambda: layer("LSTM")(values(2, 2, 3), (values(1, 2, 4),)), TypeError, r"LSTM: .*pair \(h, c\)"),
        (lambda: layer("LSTMCell")(values(2, 3), values(2, 4)), TypeError, r"LSTMCell: .*pair \(h, c\)"),
        (
            lambda: layer("LSTM")(values(2, 2, 3), (values(1, 2, 4), values(1, 2, 5))),
            ValueError,
            r"LSTM: .*\(1, 2, 5\).*\(1, 2, 4\)",
        ),
        (lambda: layer("GRU")(values(2, 2, 3), pair("LSTM", 1, 2, 4)), TypeError, "GRU: .*tuple"),
        (lambda: layer("GRU")(values(2, 2, 3), values(1, 2, 4).double()), TypeError, "GRU: .*float64.*float32"),
        (lambda: layer("LSTM", proj_size=4), ValueError, "LSTM: .*proj_size=4"),
        (lambda: layer("LSTM", proj_size=-1), ValueError, "LSTM: .*proj_size=-1"),
        (lambda: layer("GRU", proj_size=2), (TypeError, ValueError), "proj_size"),
        (lambda: layer("RNN", nonlinearity="sigmoid"), ValueError, "RNN: .*'sigmoid', expected 'tanh' or 'relu'"),
        (lambda: layer("RNNCell", nonlinearity="gelu"), ValueError, "RNNCell: .*'gelu', expected 'tanh' or 'relu'"),
        (lambda: layer("LSTM", nonlinearity="relu"), TypeError, "nonlinearity"),
    ],
)
def test_refused(wrong: Callable[[], Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_a_plain_layer_of_recurrence_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError, match="RecurrentLayer has no run"):
        rnn.RecurrentLayer(2, 3, 1, True, False, 0.0, False, None).run(None, [], [])


def test_public_names() -> None:
    assert all(getattr(nn, name) is getattr(rnn, name) for name in [*KINDS, *CELLS])
