"""What all optimisers share: PyTorch's path over a hundred steps, groups, state saved and loaded, what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import nn, optim
from minigrad.optim import optimizer as optimizer_module
from tests.descents import (
    FULL,
    RUNS,
    apart,
    comparable,
    converted,
    give_gradients,
    leaves,
    make,
    number,
    starts,
    walk,
)

EVERY = sorted(FULL)


@pytest.mark.parametrize(("name", "options"), RUNS, ids=str)
def test_a_hundred_steps_equal_pytorch(name: str, options: dict[str, Any]) -> None:
    """Also for a single number, an empty parameter, and two that are not contiguous; one has no gradient at times."""
    paths = []
    for library in (minigrad, torch):
        optimizer = make(library, name, leaves(library, starts()), **options)
        first = walk(library, optimizer, range(50))
        optimizer.param_groups[0]["lr"] *= 0.5
        paths.append(first + walk(library, optimizer, range(50, 100)))
    assert apart(*paths) < 1e-12


@pytest.mark.parametrize("name", EVERY)
def test_float32_stays_float32(name: str) -> None:
    """Parameters and state: within rounding of PyTorch's float32, which a path in float64 would not be."""
    paths = []
    for library in (minigrad, torch):
        optimizer = make(library, name, leaves(library, starts(np.float32)), **FULL[name])
        paths.append(walk(library, optimizer, range(100)))
        kept = [number(x) for state in optimizer.state.values() for key, x in state.items() if key != "step"]
        assert kept and {x.dtype for x in kept} == {np.dtype(np.float32)}
    assert apart(*paths) < 2e-5


@pytest.mark.parametrize("name", EVERY)
def test_groups_have_options_of_their_own(name: str) -> None:
    paths = []
    for library in (minigrad, torch):
        a, b, c, d, e = leaves(library, starts())
        others = {"SGD": {"momentum": 0.5, "nesterov": False}, "RMSprop": {"alpha": 0.6, "momentum": 0.2}}
        other = others.get(name, {"betas": (0.3, 0.8), "eps": 1e-3})
        groups = [{"params": [a, b]}, {"params": c, "lr": 0.5}, {"params": [d], "lr": 0.03, **other}]
        optimizer = make(library, name, groups, **FULL[name])
        path = walk(library, optimizer, range(10))
        optimizer.add_param_group({"params": e, "weight_decay": 0.0})
        assert [len(group["params"]) for group in optimizer.param_groups] == [2, 1, 1, 1]
        assert [group["lr"] for group in optimizer.param_groups] == [FULL[name]["lr"], 0.5, 0.03, FULL[name]["lr"]]
        paths.append(path + walk(library, optimizer, range(10, 30)))
    assert apart(*paths) < 1e-13


@pytest.mark.parametrize("name", EVERY)
def test_without_a_gradient_nothing_happens(name: str) -> None:
    """Not even weight decay, nor a step counted; with a gradient of zeros PyTorch's decay and momentum go on."""
    paths = []
    for library in (minigrad, torch):
        p, q = leaves(library, [np.ones(2), np.ones(2)])
        optimizer = make(library, name, [p, q], **FULL[name])
        optimizer.step()
        assert p.tolist() == q.tolist() == [1.0, 1.0] and optimizer.state_dict()["state"] == {}
        p.grad = library.zeros_like(p)
        optimizer.step()
        assert q.tolist() == [1.0, 1.0] and list(optimizer.state_dict()["state"]) == [0]
        p.grad, q.grad = library.ones_like(p), library.zeros_like(q)
        path = []
        for _ in range(5):
            optimizer.step()
            path.append([number(p).copy(), number(q).copy()])
            q.grad = None
        paths.append(path)
    assert apart(*paths) < 1e-13


@pytest.mark.parametrize("name", EVERY)
def test_the_parameter_is_written_in_place_and_its_gradient_is_left_alone(name: str) -> None:
    layer = nn.Linear(2, 3)
    array, gradients = layer.weight.detach().numpy(), [minigrad.ones(3, 2), minigrad.full((3,), -2.0)]
    optimizer = make(minigrad, name, layer.parameters(), **FULL[name])
    for p, g in zip(layer.parameters(), gradients, strict=True):
        p.grad = g
    for _ in range(3):
        before = array.copy()
        optimizer.step()
        assert layer.weight.detach().numpy() is array or np.shares_memory(layer.weight.detach().numpy(), array)
        assert (array != before).all() and layer.weight.is_leaf and layer.weight.requires_grad
        assert gradients[0].tolist() == [[1.0] * 2] * 3 and gradients[1].tolist() == [-2.0] * 3
    # what is kept is no view of a gradient, nor of the parameter
    for state in optimizer.state.values():
        for value in state.values():
            assert not any(np.shares_memory(number(value), x) for x in (array, *map(number, gradients)))


@pytest.mark.parametrize("name", EVERY)
def test_a_step_is_noticed_by_a_graph_that_still_needs_the_old_numbers(name: str) -> None:
    p = minigrad.ones(3, requires_grad=True)
    optimizer = make(minigrad, name, [p], **FULL[name])
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="in place"):
        loss.backward()


@pytest.mark.parametrize("name", EVERY)
def test_the_numbers_that_a_model_holds_are_the_ones_that_are_moved(name: str) -> None:
    """Weights that are loaded, or written, after the optimiser was made; a model turned to float64 before a step."""
    paths = []
    for library in (minigrad, torch):
        layer = library.nn.Linear(2, 2, bias=False)
        optimizer = make(library, name, layer.parameters(), **FULL[name])
        layer.double()
        layer.load_state_dict({"weight": library.from_numpy(np.arange(4.0).reshape(2, 2))})
        path = walk(library, optimizer, range(0))
        for step in range(6):
            layer.weight.grad = library.from_numpy(np.full((2, 2), 1.0 + step))
            optimizer.step()
            path.append([number(layer.weight).copy()])
            if step == 2:
                layer.load_state_dict({"weight": library.from_numpy(np.ones((2, 2)))})
            if step == 4:
                with library.no_grad():
                    layer.weight.zero_()
        paths.append(path)
    assert apart(*paths) < 1e-13


@pytest.mark.parametrize("name", EVERY)
def test_zero_grad(name: str) -> None:
    for set_to_none in (True, False):
        parameters = leaves(minigrad, starts())
        optimizer = make(minigrad, name, [{"params": parameters[:2]}, {"params": parameters[2:]}], lr=0.1)
        give_gradients(minigrad, parameters, 3)
        optimizer.zero_grad(set_to_none=set_to_none)
        if set_to_none:
            assert [p.grad for p in parameters] == [None] * 5
        else:
            assert parameters[1].grad is None  # it had none
            assert all(not g.numpy().any() and g.shape == p.shape for p in parameters if (g := p.grad) is not None)
            assert sum(p.grad is not None for p in parameters) == 4
        (parameters[0] * 2).sum().backward()
        assert parameters[0].grad.tolist() == [2.0] * 3
    parameters[0].grad = minigrad.ones(3, dtype=minigrad.float64)
    optimizer.zero_grad()
    assert parameters[0].grad is None


@pytest.mark.parametrize("name", EVERY)
def test_frozen_parameters_stay(name: str) -> None:
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad_(False)
    before = layer.weight.tolist()
    optimizer = make(minigrad, name, layer.parameters(), **FULL[name])
    layer(minigrad.ones(1, 2)).sum().backward()
    bias = layer.bias.tolist()
    optimizer.step()
    assert layer.weight.tolist() == before and layer.bias.tolist() != bias


@pytest.mark.parametrize("name", EVERY)
def test_numpys_numbers_as_options_do_not_widen_float32(name: str) -> None:
    """Under NEP 50 `np.float64(0.1) * float32 array` is float64; options often come out of np.logspace."""
    p, q = (leaves(minigrad, starts(np.float32)) for _ in range(2))
    widened = {key: np.float64(value) if isinstance(value, float) else value for key, value in FULL[name].items()}
    first, second = make(minigrad, name, p, **FULL[name]), make(minigrad, name, q, **widened)
    assert apart(walk(minigrad, first, range(10)), walk(minigrad, second, range(10))) < 1e-6
    for state in second.state.values():
        assert {str(number(x).dtype) for x in state.values()} == {"float32"}


@pytest.mark.parametrize("name", EVERY)
def test_a_learning_rate_that_is_a_tensor(name: str) -> None:
    """A 0-d tensor, as in PyTorch: read at each step, so that whoever holds it can change it."""
    paths = []
    for library in (minigrad, torch):
        options = {**FULL[name], "lr": library.tensor(0.02, dtype=library.float64)}
        optimizer = make(library, name, leaves(library, starts()), **options)
        first = walk(library, optimizer, range(10))
        options["lr"].fill_(0.005)
        paths.append(first + walk(library, optimizer, range(10, 20)))
    assert apart(*paths) < 1e-12


@pytest.mark.parametrize("name", EVERY)
def test_a_closure_is_called_once_with_recording_on_and_its_loss_returned(name: str) -> None:
    results = []
    for library in (minigrad, torch):
        p = library.from_numpy(np.array([1.0, -2.0])).requires_grad_()
        optimizer, calls = make(library, name, [p], **FULL[name]), []

        def closure(library: Any = library, p: Any = p, optimizer: Any = optimizer, calls: Any = calls) -> Any:
            calls.append(library.is_grad_enabled())
            optimizer.zero_grad()
            loss = (p**4).sum()
            loss.backward()
            return loss

        with library.no_grad():
            losses = [optimizer.step(closure).item() for _ in range(5)]
        assert calls == [True] * 5 and optimizer.step() is None
        results.append(losses)
    assert results[0] == pytest.approx(results[1], rel=1e-13)


def test_an_exception_in_a_closure_moves_nothing() -> None:
    p = minigrad.ones(2, requires_grad=True)
    optimizer = optim.Adam([p], lr=0.1)
    p.grad = minigrad.ones(2)

    def closure() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), minigrad.no_grad():
        optimizer.step(closure)
    assert p.tolist() == [1.0, 1.0] and optimizer.state_dict()["state"] == {} and minigrad.is_grad_enabled()


@pytest.mark.parametrize("name", EVERY)
def test_defaults_are_those_of_pytorch(name: str) -> None:
    ours, theirs = (make(library, name, leaves(library, starts())).param_groups[0] for library in (minigrad, torch))
    assert {key: value for key, value in ours.items() if key != "params"} == {
        key: theirs[key] for key in ours if key != "params"
    }


# --------------------------------------------------------------------------------------------------------------- state


def grouped(library: Any, name: str) -> Any:
    """An optimiser with two groups, over the usual parameters."""
    a, b, *rest = leaves(library, starts())
    return make(library, name, [{"params": [a, b]}, {"params": rest, "lr": 0.01}], **FULL[name])


def resumed(library: Any, name: str, source: Any, state: Any = None) -> Any:
    """A new optimiser whose parameters stand where those of `source` stand; it loads `state`, if that is given."""
    optimizer = grouped(library, name)
    for p, q in zip(all_parameters(optimizer), all_parameters(source), strict=True):
        number(p)[...] = number(q)
    if state is not None:
        optimizer.load_state_dict(state)
    return optimizer


def all_parameters(optimizer: Any) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]


@pytest.mark.parametrize("name", EVERY)
def test_state_dict_has_pytorchs_layout(name: str) -> None:
    ours, theirs = grouped(minigrad, name), grouped(torch, name)
    for library, optimizer in ((minigrad, ours), (torch, theirs)):
        assert optimizer.state_dict()["state"] == {}
        walk(library, optimizer, range(4))
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert [group["params"] for group in state["param_groups"]] == [[0, 1], [2, 3, 4]]
    for group, wanted in zip(state["param_groups"], expected["param_groups"], strict=True):
        assert group == {key: wanted[key] for key in group}
    assert {i: set(entry) for i, entry in state["state"].items()} == {
        i: set(entry) for i, entry in expected["state"].items()
    }
    for i, entry in state["state"].items():
        for key, value in entry.items():
            assert np.allclose(number(value), expected["state"][i][key].numpy(), rtol=1e-13, atol=1e-13), key
            assert number(value).shape == tuple(expected["state"][i][key].shape)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("source", "target"), [("minigrad", "minigrad"), ("torch", "minigrad"), ("minigrad", "torch")])
def test_a_state_is_taken_up_where_it_was_left(name: str, source: str, target: str) -> None:
    """Saved by one library after 30 steps, loaded by another: steps 30 to 60 are those that would have followed."""
    libraries = {"minigrad": minigrad, "torch": torch}
    first = grouped(libraries[source], name)
    walk(libraries[source], first, range(30))
    first.param_groups[1]["lr"] = 0.004  # changed on the way: part of the state
    second = resumed(libraries[target], name, first)
    second.load_state_dict(converted(first.state_dict(), libraries[target]))
    assert second.param_groups[1]["lr"] == 0.004
    paths = [
        walk(libraries[which], optimizer, range(30, 60)) for which, optimizer in ((source, first), (target, second))
    ]
    assert apart(*paths) < 1e-12


ACTIONS = ["step", "step", "skip", "rate", "decay", "reload", "swap", "write", "freeze"]


@given(st.sampled_from(EVERY), st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 4)), max_size=12))
@settings(max_examples=40)
def test_whatever_happens_on_the_way(name: str, plan: list[tuple[str, int]]) -> None:
    """Steps with and without gradients, options changed, weights written, a state saved and loaded: PyTorch's path."""
    paths = []
    for library in (minigrad, torch):
        optimizer, path = grouped(library, name), []
        for step, (action, i) in enumerate([*plan, ("step", 0)]):
            group, p = optimizer.param_groups[i % 2], all_parameters(optimizer)[i]
            give_gradients(library, all_parameters(optimizer), step)
            if action == "skip":
                p.grad = None
            elif action == "rate":
                group["lr"] *= 0.5
            elif action == "decay":
                group["weight_decay"] = 0.3 - group["weight_decay"]
            elif action == "reload":
                optimizer = resumed(library, name, optimizer, copy.deepcopy(optimizer.state_dict()))
                give_gradients(library, all_parameters(optimizer), step)
            elif action == "swap":
                optimizer.state.pop(p, None)  # as if it were new
            elif action == "write":
                number(p)[...] = 0.25
            elif action == "freeze":  # and thaw: what was kept for it is still there
                p.requires_grad_(False)
                p.requires_grad_()
                p.grad = library.ones_like(p).detach()
            optimizer.step()
            path.append([number(q).copy() for q in all_parameters(optimizer)])
        paths.append(path)
    assert apart(*paths) < 1e-11


@pytest.mark.parametrize("name", EVERY)
def test_a_loaded_state_shares_nothing_with_what_it_was_loaded_from(name: str) -> None:
    first = grouped(minigrad, name)
    walk(minigrad, first, range(5))
    second = resumed(minigrad, name, first)
    state = first.state_dict()
    second.load_state_dict(state)
    before = comparable(second.state_dict())
    walk(minigrad, first, range(5, 8))
    first.param_groups[0]["lr"] = 77.0
    state["param_groups"][0]["params"].append(99)
    assert comparable(second.state_dict()) == before
    walk(minigrad, second, range(5, 8))
    second.param_groups[0]["lr"] = 77.0
    assert apart([[number(p) for p in all_parameters(second)]], [[number(p) for p in all_parameters(first)]]) == 0.0
    assert second.param_groups[0]["params"][0] is not first.param_groups[0]["params"][0]


@pytest.mark.parametrize("name", EVERY)
def test_a_state_of_float64_is_cast_to_float32_parameters(name: str) -> None:
    """As PyTorch does: what is kept for a parameter has its dtype."""
    first = make(minigrad, name, leaves(minigrad, starts()), **FULL[name])
    walk(minigrad, first, range(3))
    second = make(minigrad, name, leaves(minigrad, starts(np.float32)), **FULL[name])
    second.load_state_dict(first.state_dict())
    walk(minigrad, second, range(3, 5))
    for state in second.state.values():
        assert {str(number(x).dtype) for key, x in state.items() if key != "step"} == {"float32"}


@pytest.mark.parametrize("name", EVERY)
def test_a_deep_copy_goes_its_own_way(name: str) -> None:
    first = grouped(minigrad, name)
    walk(minigrad, first, range(3))
    second = copy.deepcopy(first)
    before = [number(p).copy() for p in all_parameters(first)]
    walk(minigrad, second, range(3, 6))
    assert apart([before], [[number(p) for p in all_parameters(first)]]) == 0.0
    assert apart(walk(minigrad, first, range(3, 6))[-1:], [[number(p) for p in all_parameters(second)]]) == 0.0


def without(state: dict[str, Any], *path: Any) -> None:
    """Remove what lies at `path`."""
    for key in path[:-1]:
        state = state[key]
    del state[path[-1]]


def changed(state: dict[str, Any], value: Any, *path: Any) -> None:
    """Put `value` at `path`."""
    for key in path[:-1]:
        state = state[key]
    state[path[-1]] = value


def buffer(name: str) -> str:
    return {"SGD": "momentum_buffer", "RMSprop": "square_avg"}.get(name, "exp_avg")


# How a state is spoilt, and what the message names. `Adam` stands for all, where nothing else is said.
SPOILT: list[tuple[str, Callable[[dict[str, Any], str], None], str]] = [
    ("no state", lambda s, name: without(s, "state"), "state"),
    ("no groups", lambda s, name: without(s, "param_groups"), "param_groups"),
    ("a group less", lambda s, name: without(s, "param_groups", 1), "group"),
    ("a parameter less", lambda s, name: without(s, "param_groups", 1, "params", 0), "param"),
    ("a parameter more", lambda s, name: s["param_groups"][1]["params"].append(5), "param"),
    ("no list of parameters", lambda s, name: without(s, "param_groups", 0, "params"), "params"),
    ("an option less", lambda s, name: without(s, "param_groups", 1, "lr"), "lr"),
    ("a misshaped buffer", lambda s, name: changed(s, minigrad.ones(4), "state", 0, buffer(name)), r"\(4,\)"),
    ("a buffer of another rank", lambda s, name: changed(s, minigrad.ones(1), "state", 1, buffer(name)), r"\(1,\)"),
    ("a buffer less", lambda s, name: without(s, "state", 3, buffer(name)), "buffer|avg"),
    ("a state for nobody", lambda s, name: changed(s, {}, "state", 9), "9"),
]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("spoil", "named"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(
    name: str, spoil: Callable[[dict[str, Any], str], None], named: str
) -> None:
    first, second = grouped(minigrad, name), grouped(minigrad, name)
    walk(minigrad, first, range(5))
    walk(minigrad, second, range(3))
    state = copy.deepcopy(first.state_dict())
    if named == "buffer|avg" and name == "SGD":
        return  # without a buffer momentum starts anew, as in PyTorch
    spoil(state, name)
    before, kept = comparable(second.state_dict()), [number(p).copy() for p in all_parameters(second)]
    with pytest.raises((ValueError, KeyError), match=named):
        second.load_state_dict(state)
    assert comparable(second.state_dict()) == before
    assert apart([kept], [[number(p) for p in all_parameters(second)]]) == 0.0
    reference = grouped(minigrad, name)
    assert apart(walk(minigrad, reference, range(6))[3:], walk(minigrad, second, range(3, 6))) == 0.0


@pytest.mark.parametrize("wrong", [None, 3, [1, 2], {}, {"state": 1, "param_groups": 2}], ids=str)
def test_what_is_no_state_is_refused(wrong: Any) -> None:
    optimizer = grouped(minigrad, "Adam")
    before = comparable(optimizer.state_dict())
    with pytest.raises((TypeError, ValueError, KeyError), match="state"):
        optimizer.load_state_dict(wrong)
    assert comparable(optimizer.state_dict()) == before


# --------------------------------------------------------------------------------------------------------- bad options

p = minigrad.ones(2, requires_grad=True)
BAD = [
    *((name, {option: value}) for name in EVERY for option in ("lr", "weight_decay") for value in (-0.1, float("nan"))),
    *((name, {option: "0.1"}) for name in EVERY for option in ("lr", "weight_decay")),
    *((name, {"momentum": -0.1}) for name in ("SGD", "RMSprop")),
    *((name, {"eps": value}) for name in ("RMSprop", "Adam", "AdamW") for value in (-1e-8, float("nan"))),
    *((name, {"betas": value}) for name in ("Adam", "AdamW") for value in ((1.0, 0.999), (-0.1, 0.9), (0.9, 1.0))),
    *((name, {"betas": value}) for name in ("Adam", "AdamW") for value in ((0.9, -0.1), (0.9, float("nan")))),
    ("RMSprop", {"alpha": -0.5}),
]


@pytest.mark.parametrize(("name", "options"), BAD, ids=str)
def test_an_option_out_of_range_is_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=f"{name}: .*{next(iter(options))}"):
        make(minigrad, name, [p], **options)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("option", ["foreach", "fused", "capturable", "differentiable"])
def test_what_pytorch_has_and_minigrad_has_not_is_named(name: str, option: str) -> None:
    with pytest.raises(TypeError, match=option):
        make(minigrad, name, [p], **{option: True})


@pytest.mark.parametrize("name", EVERY)
def test_options_of_a_group_are_checked_too(name: str) -> None:
    for options in ({"lr": -1.0}, {"weight_decay": -1.0}):
        with pytest.raises(ValueError, match=f"{name}: .*{next(iter(options))}"):
            make(minigrad, name, [{"params": [p], **options}], lr=0.1)


def test_public_names() -> None:
    assert {"SGD", "RMSprop", "Adam", "AdamW", "Optimizer", "lr_scheduler"} <= set(dir(optim))
    assert optim.Optimizer is optimizer_module.Optimizer
    assert all(isinstance(make(minigrad, name, [p], lr=0.1), optim.Optimizer) for name in EVERY)
