"""SGD against PyTorch over many steps, groups of parameters, and what is refused; what all optimisers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn, optim
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.sgd import SGD

OPTIONS: list[dict[str, Any]] = [
    {"lr": 0.1},
    {},
    {"lr": 0.1, "weight_decay": 0.05},
    {"lr": 0.05, "momentum": 0.9},
    {"lr": 0.05, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    {"lr": 0.0},
    {"lr": 0.05, "maximize": True, "weight_decay": 2.0},
    {"lr": 0.05, "maximize": True, "momentum": 0.5, "dampening": 0.2},
]


def trajectory(library: Any, steps: int, **options: Any) -> np.ndarray:
    """Where 100 steps on a bent valley lead, one row a step."""
    start = np.array([1.5, -0.7, 0.4])
    p = library.from_numpy(start.copy()).requires_grad_()
    q = library.from_numpy(start.copy() + 1.0).requires_grad_()
    optimizer = library.optim.SGD([p, q], **options)
    path = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = ((p * p - q) ** 2).sum() + (q.sin() * 0.3).sum()
        if step % 7 == 3:  # some steps without a gradient for q
            loss = (p**4).sum()
        (-loss if options.get("maximize") else loss).backward()
        optimizer.step()
        path.append(np.concatenate([p.detach().numpy(), q.detach().numpy()]))
        if step == 50:
            optimizer.param_groups[0]["lr"] *= 0.5
    return np.array(path)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_hundred_steps_equal_pytorch(options: dict[str, Any]) -> None:
    ours, theirs = trajectory(minigrad, 100, **options), trajectory(torch, 100, **options)
    assert np.abs(ours - theirs).max() < 1e-10


def test_groups_have_options_of_their_own() -> None:
    def run(library: Any) -> list[float]:
        p, q = (library.ones(1, requires_grad=True) for _ in range(2))
        optimizer = library.optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5, "momentum": 0.5}], lr=0.1)
        for _ in range(3):
            (p + q).sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        assert p.grad.item() == 0.0
        return [p.item(), q.item()]

    assert run(minigrad) == pytest.approx(run(torch), abs=1e-6)


def test_in_place_so_that_all_who_hold_the_parameter_see_it() -> None:
    layer = nn.Linear(2, 1)
    array, state = layer.weight.detach().numpy(), layer.state_dict()
    layer(minigrad.ones(1, 2)).sum().backward()
    before = array.copy()
    SGD(layer.parameters(), lr=0.5).step()
    assert np.allclose(array, before - 0.5) and state["weight"].tolist() == array.tolist()
    assert layer.weight.is_leaf and layer.weight.dtype == np.float32


def test_a_learning_rate_that_is_a_tensor() -> None:
    def run(library: Any) -> list[float]:
        lr = library.tensor(0.25)
        p = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([p], lr=lr, momentum=0.5)
        for rate in (0.25, 0.125, 0.5):
            lr.fill_(rate)  # it is looked at anew in every step
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        return [*p.tolist(), optimizer.param_groups[0]["lr"].item()]

    assert run(minigrad) == run(torch)


def test_a_closure_is_called_once_with_recording_on_and_its_loss_returned() -> None:
    p = minigrad.ones(2, requires_grad=True)
    optimizer = SGD([p], lr=0.25)
    calls = []

    def closure() -> minigrad.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        calls.append(loss)
        return loss

    with minigrad.no_grad():
        assert optimizer.step(closure) is calls[0]
        assert not minigrad.is_grad_enabled()
    assert len(calls) == 1 and p.tolist() == [0.5, 0.5]
    assert optimizer.step() is None


def test_the_state_holds_the_buffer_as_a_tensor_of_its_own() -> None:
    p = minigrad.ones(2, requires_grad=True)
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    p.grad = gradient = minigrad.tensor([1.0, 2.0])
    optimizer.step()
    buffer = optimizer.state[p]["momentum_buffer"]
    assert isinstance(buffer, minigrad.Tensor) and buffer.tolist() == [1.0, 2.0]
    optimizer.step()
    assert gradient.tolist() == [1.0, 2.0]
    assert optimizer.state[p]["momentum_buffer"] is buffer  # renewed in place
    assert np.allclose(buffer.tolist(), [1.9, 3.8])


def test_frozen_parameters_stay() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad_(False)
    before = layer.weight.tolist()
    optimizer = SGD(layer.parameters(), lr=0.5, weight_decay=0.1)
    layer(minigrad.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.weight.tolist() == before


def test_a_step_changes_no_gradient_and_no_momentum_of_another() -> None:
    p = minigrad.ones(2, requires_grad=True)
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    p.sum().backward()
    optimizer.step()
    assert p.grad.tolist() == [1.0, 1.0]
    p.grad.zero_()
    optimizer.step()
    assert np.allclose(p.tolist(), [1.0 - 0.1 - 0.09] * 2)


def test_the_default_learning_rate_is_that_of_pytorch() -> None:
    p = minigrad.ones(1, requires_grad=True)
    ours = SGD([p]).param_groups[0]
    theirs = torch.optim.SGD([torch.ones(1, requires_grad=True)]).param_groups[0]
    assert {key: ours[key] for key in ours if key != "params"} == {key: theirs[key] for key in ours if key != "params"}


p = minigrad.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda: SGD([]), ValueError, "SGD: found no parameters; was the iterator used up"),
        (lambda: SGD(p), TypeError, r"SGD: found a tensor, expected a list of them: write \[p\]"),
        (lambda: SGD([p * 2]), TypeError, "SGD: found tensor.*expected leaf tensors that require grad"),
        (lambda: SGD([minigrad.ones(2)]), TypeError, "expected leaf tensors that require grad"),
        (lambda: SGD([minigrad.ones(2), "w"]), TypeError, "expected leaf tensors that require grad"),
        (lambda: SGD([p, p]), ValueError, "SGD: a parameter appears twice"),
        (lambda: SGD([{"params": [p]}, {"params": [p]}]), ValueError, "SGD: a parameter appears twice"),
        (
            lambda: SGD([{"params": [p], "rate": 1}]),
            ValueError,
            r"SGD: unknown options \['rate'\]; it has \['dampening'",
        ),
        (lambda: SGD([p], lr=-1.0), ValueError, "SGD: found lr=-1.0, expected a number that is not negative"),
        (lambda: SGD([p], lr=float("nan")), ValueError, "SGD: found lr=nan"),
        (lambda: SGD([p], lr="0.1"), ValueError, "SGD: found lr='0.1', expected a number"),
        (lambda: SGD([p], lr=minigrad.tensor(-0.5)), ValueError, "SGD: found lr=-0.5"),
        (lambda: SGD([p], lr=minigrad.tensor([0.1, 0.2])), ValueError, "SGD: found lr=tensor"),
        (lambda: SGD([{"params": [p], "lr": -1.0}]), ValueError, "SGD: found lr=-1.0"),
        (lambda: SGD([p], momentum=-0.1), ValueError, "SGD: found momentum=-0.1"),
        (lambda: SGD([p], weight_decay=-0.1), ValueError, "SGD: found weight_decay=-0.1"),
        (lambda: SGD([p], nesterov=True), ValueError, "SGD: nesterov needs a momentum above 0 and no dampening"),
        (lambda: SGD([p], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "SGD: nesterov needs"),
        (lambda: SGD([p], fused=True), TypeError, "'fused'"),
        (lambda: SGD([p], 0.1, 0, 0, 0, False, True), TypeError, "positional"),
        (lambda: optim.LBFGS, AttributeError, "minigrad.optim has no 'LBFGS'"),
    ],
)
def test_refused(wrong: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()


def test_an_optimizer_without_an_update_says_so() -> None:
    optimizer = Optimizer([p], {})
    p.sum().backward()
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        optimizer.step()
    assert optim.SGD is SGD
