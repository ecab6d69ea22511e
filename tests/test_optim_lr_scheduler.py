"""Learning-rate schedules against PyTorch over fifty epochs, against closed forms, and taken up again."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st

import minigrad
from minigrad import optim
from minigrad.optim import lr_scheduler
from tests.descents import comparable

# How each is made, from the module `lr_scheduler` of either library and an optimiser with two groups.
SCHEDULES: dict[str, Callable[..., Any]] = {
    "step": lambda m, o, **k: m.StepLR(o, step_size=7, gamma=0.5, **k),
    "step by default": lambda m, o, **k: m.StepLR(o, 10, **k),
    "step every epoch": lambda m, o, **k: m.StepLR(o, 1, 0.9, **k),
    "step up": lambda m, o, **k: m.StepLR(o, 11, gamma=2.0, **k),
    "cosine": lambda m, o, **k: m.CosineAnnealingLR(o, T_max=50, **k),
    "cosine, a floor": lambda m, o, **k: m.CosineAnnealingLR(o, 30, eta_min=0.01, **k),
    "cosine, again and again": lambda m, o, **k: m.CosineAnnealingLR(o, T_max=4, eta_min=1e-3, **k),
    "cosine, one epoch": lambda m, o, **k: m.CosineAnnealingLR(o, T_max=1, **k),
    "lambda": lambda m, o, **k: m.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch, **k),
    "lambda, warm up": lambda m, o, **k: m.LambdaLR(o, lambda epoch: min(1.0, (epoch + 1) / 10), **k),
    "lambda for each group": lambda m, o, **k: m.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)], **k),
}


def pair(library: Any, **options: Any) -> Any:
    """An optimiser with two groups that start at 0.1 and 0.5."""
    p, q = (library.ones(1, requires_grad=True) for _ in range(2))
    return library.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1, **options)


def rates(optimizer: Any, scheduler: Any, epochs: int) -> list[list[float]]:
    """The learning rates of the groups, now and after each epoch, by both ways to ask for them."""
    seen = []
    for _ in range(epochs):
        seen.append([group["lr"] for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == seen[-1]
        optimizer.step()
        scheduler.step()
    return seen


def flat(rows: list[list[float]]) -> list[float]:
    return [x for row in rows for x in row]


def close(ours: list[list[float]], theirs: list[list[float]]) -> bool:
    return flat(ours) == pytest.approx(flat(theirs), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_fifty_epochs_equal_pytorch(name: str) -> None:
    runs = []
    for library in (minigrad, torch):
        optimizer = pair(library)
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, optimizer)
        runs.append(rates(optimizer, scheduler, 50))
        assert scheduler.last_epoch == 50 and scheduler.base_lrs == [0.1, 0.5] and scheduler.optimizer is optimizer
        assert [group["initial_lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert close(*runs)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_that_is_changed_on_the_way_counts_from_there(name: str) -> None:
    """PyTorch's schedules of the recursive kind work on the group's rate as it is; LambdaLR starts from the first."""
    runs = []
    for library in (minigrad, torch):
        optimizer = pair(library)
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, optimizer)
        first = rates(optimizer, scheduler, 8)
        optimizer.param_groups[0]["lr"] *= 0.1
        optimizer.step()
        scheduler.step()
        runs.append(first + rates(optimizer, scheduler, 12))
    assert close(*runs)


def test_two_schedules_on_one_optimizer() -> None:
    runs = []
    for library in (minigrad, torch):
        optimizer, modules = pair(library), library.optim.lr_scheduler
        steps, cosine = modules.StepLR(optimizer, 3, gamma=0.5), modules.CosineAnnealingLR(optimizer, 20)
        seen = []
        for _ in range(15):
            optimizer.step()
            steps.step()
            cosine.step()
            seen.append([group["lr"] for group in optimizer.param_groups])
        runs.append(seen)
    assert close(*runs)


@given(st.floats(1e-4, 10.0), st.integers(1, 12), st.floats(0.1, 1.5), st.floats(0.0, 0.5))
@settings(max_examples=30)
def test_closed_forms(lr: float, n: int, gamma: float, floor: float) -> None:
    p = minigrad.ones(1, requires_grad=True)
    for epoch, x in enumerate(one(lr_scheduler.StepLR, p, lr, n, n, gamma=gamma)):
        assert x == pytest.approx(lr * gamma ** (epoch // n), rel=1e-12)
    for epoch, x in enumerate(one(lr_scheduler.CosineAnnealingLR, p, lr, n, n, eta_min=floor)):
        assert x == pytest.approx(floor + (lr - floor) * (1 + math.cos(math.pi * epoch / n)) / 2, rel=1e-9, abs=1e-12)
    for epoch, x in enumerate(one(lr_scheduler.LambdaLR, p, lr, n, lambda e: gamma / (1 + e))):
        assert x == pytest.approx(lr * gamma / (1 + epoch), rel=1e-12)


def one(kind: Any, p: Any, lr: float, epochs: int, *args: Any, **kwargs: Any) -> list[float]:
    """The rates of an optimiser with one group in epochs 0 to `epochs`."""
    optimizer = optim.SGD([p], lr=lr)
    return [row[0] for row in rates(optimizer, kind(optimizer, *args, **kwargs), epochs + 1)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_taken_up_from_a_state(name: str) -> None:
    """After 13 epochs, schedule and optimiser are saved; new ones go on as the old ones do."""
    optimizer = pair(minigrad, momentum=0.9)
    scheduler = SCHEDULES[name](lr_scheduler, optimizer)
    rates(optimizer, scheduler, 13)
    state, optimizer_state = copy.deepcopy((scheduler.state_dict(), optimizer.state_dict()))
    again = pair(minigrad, momentum=0.9)
    follower = SCHEDULES[name](lr_scheduler, again)
    again.load_state_dict(optimizer_state)
    follower.load_state_dict(state)
    assert follower.last_epoch == 13 and follower.get_last_lr() == scheduler.get_last_lr()
    assert rates(again, follower, 37) == rates(optimizer, scheduler, 37)
    assert follower.optimizer is again


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("source", "target"), [("torch", "minigrad"), ("minigrad", "torch")])
def test_a_state_of_the_other_library(name: str, source: str, target: str) -> None:
    libraries = {"minigrad": minigrad, "torch": torch}
    made = []
    for which in (source, target):
        optimizer = pair(libraries[which])
        made.append((optimizer, SCHEDULES[name](libraries[which].optim.lr_scheduler, optimizer)))
    (optimizer, scheduler), (again, follower) = made
    expected = rates(optimizer, scheduler, 6)
    for group, old in zip(again.param_groups, optimizer.param_groups, strict=True):
        group["lr"], group["initial_lr"] = old["lr"], old["initial_lr"]
    follower.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    assert close(rates(again, follower, 20), rates(optimizer, scheduler, 20)) and len(expected) == 6


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_holds_no_optimizer_and_no_function(name: str) -> None:
    """So that it can be saved; it names what PyTorch's names."""
    ours, theirs = (
        SCHEDULES[name](library.optim.lr_scheduler, pair(library)).state_dict() for library in (minigrad, torch)
    )
    public = {key for key in theirs if not key.startswith("_")}
    assert public <= set(ours) and {key: ours[key] for key in public} == {key: theirs[key] for key in public}
    assert not any(callable(value) or isinstance(value, optim.Optimizer) for value in ours.values())
    ours["last_epoch"] = 99
    assert "99" not in str(theirs)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("start", [0, 3, 12])
def test_last_epoch(name: str, start: int) -> None:
    """A schedule that is made in the middle of a run, over an optimiser that knows its first rates."""
    runs = []
    for library in (minigrad, torch):
        optimizer = pair(library)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
            group["lr"] *= 0.7
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, optimizer, last_epoch=start)
        assert scheduler.last_epoch == start + 1 and scheduler.base_lrs == [0.1, 0.5]
        runs.append(rates(optimizer, scheduler, 10))
    assert close(*runs)


def test_last_epoch_without_a_first_rate_is_refused() -> None:
    with pytest.raises((KeyError, ValueError), match="initial_lr"):
        lr_scheduler.StepLR(pair(minigrad), 3, last_epoch=5)


def test_the_rate_really_moves_the_parameter() -> None:
    p = minigrad.ones(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    seen = [p.item()]
    for _ in range(4):
        p.grad = minigrad.ones(1)
        optimizer.step()
        scheduler.step()
        seen.append(p.item())
    assert seen == [1.0, 0.0, -0.5, -0.75, -0.875]


def test_a_group_that_comes_later_is_an_error_or_keeps_its_rate() -> None:
    """PyTorch's StepLR goes on; what must not happen is that its rates change hands."""
    optimizer = pair(minigrad)
    scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.add_param_group({"params": [minigrad.ones(1, requires_grad=True)], "lr": 0.3})
    optimizer.step()
    try:
        scheduler.step()
    except (ValueError, IndexError, RuntimeError) as error:
        assert "group" in str(error)
    assert [group["lr"] for group in optimizer.param_groups[:2]] in ([0.05, 0.25], [0.1, 0.5])
    assert optimizer.param_groups[2]["lr"] in (0.3, 0.15)


p = minigrad.ones(1, requires_grad=True)


def sgd() -> Any:
    return optim.SGD([p], lr=0.1)


@pytest.mark.parametrize(
    ("wrong", "kinds", "message"),
    [
        (lambda: lr_scheduler.StepLR(p, 3), (TypeError,), "StepLR: found .*ensor"),
        (lambda: lr_scheduler.CosineAnnealingLR("sgd", 3), (TypeError,), "CosineAnnealingLR: found .*str"),
        (lambda: lr_scheduler.StepLR(sgd(), 0), (ValueError,), "StepLR: found step_size=0"),
        (lambda: lr_scheduler.StepLR(sgd(), -2), (ValueError,), "StepLR: found step_size=-2"),
        (lambda: lr_scheduler.CosineAnnealingLR(sgd(), 0), (ValueError,), "CosineAnnealingLR: found T_max=0"),
        (lambda: lr_scheduler.LambdaLR(sgd(), [abs, abs]), (ValueError,), "LambdaLR: .*2.*1"),
        (lambda: lr_scheduler.LambdaLR(sgd(), 0.5), (TypeError, ValueError), "LambdaLR: "),
        (lambda: lr_scheduler.StepLR(sgd(), 3, verbose=True), (TypeError,), "verbose"),
        (lambda: lr_scheduler.StepLR(sgd(), 3).load_state_dict({}), (ValueError, KeyError), "last_epoch|base_lrs"),
        (lambda: lr_scheduler.ExponentialLR, (AttributeError,), "ExponentialLR"),
    ],
)
def test_refused(wrong: Callable[[], Any], kinds: tuple[type[Exception], ...], message: str) -> None:
    with pytest.raises(kinds, match=message):
        wrong()


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    optimizer = pair(minigrad)
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    rates(optimizer, scheduler, 4)
    before = comparable(scheduler.state_dict())
    state = scheduler.state_dict()
    for spoilt in ({key: value for key, value in state.items() if key != "last_epoch"}, {**state, "base_lrs": [0.1]}):
        with pytest.raises((ValueError, KeyError), match=r"last_epoch|base_lrs"):
            scheduler.load_state_dict(spoilt)
        assert comparable(scheduler.state_dict()) == before


def test_a_step_of_the_schedule_before_the_first_of_the_optimizer_is_warned_of() -> None:
    """As in PyTorch: the first rate would never be used."""
    for library in (minigrad, torch):
        optimizer = pair(library)
        scheduler = library.optim.lr_scheduler.StepLR(optimizer, 3)
        with pytest.warns(UserWarning, match="before"):
            scheduler.step()
        optimizer.step()
        scheduler.step()


def test_a_rate_that_is_a_tensor_is_changed_in_place() -> None:
    for name, make in SCHEDULES.items():
        if name == "lambda for each group":
            continue
        seen = []
        for library in (minigrad, torch):
            lr = library.tensor(0.1, dtype=library.float64)
            optimizer = library.optim.SGD([library.ones(1, requires_grad=True)], lr=lr)
            scheduler = make(library.optim.lr_scheduler, optimizer)
            for _ in range(9):
                optimizer.step()
                scheduler.step()
            assert optimizer.param_groups[0]["lr"] is lr
            seen.append([lr.item(), float(scheduler.get_last_lr()[0])])
        assert seen[0] == pytest.approx(seen[1], rel=1e-12), name


def test_public_names() -> None:
    assert optim.lr_scheduler is lr_scheduler
    assert issubclass(lr_scheduler.StepLR, lr_scheduler.LRScheduler)
