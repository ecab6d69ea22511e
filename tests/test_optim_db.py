"""Every sample that PyTorch's optimiser database has for the optimisers that minigrad offers.

The table, with the counts, is what ``python -m tests.optimdb`` prints.
"""

from typing import Any

import pytest

from minigrad import optim
from minigrad.optim import lr_scheduler
from tests.optimdb import OPTIMIZERS, SCHEDULERS, UNSUPPORTED, run


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_sample_passes(name: str) -> None:
    row = run(name)
    assert row.failed == []
    assert row.samples > row.of_these["refused"] > 0
    assert row.of_these["scheduled"] > 0
    assert row.unsupported.total() <= 0.1 * row.samples


def test_each_unsupported_sample_has_a_reason() -> None:
    assert all(name in OPTIMIZERS and len(reason) > 20 for name, _, reason in UNSUPPORTED)


def test_nothing_is_left_out() -> None:
    offered = {name for name in dir(optim) if isinstance(getattr(optim, name), type)} - {"Optimizer"}
    assert offered == OPTIMIZERS.keys()
    assert all(hasattr(lr_scheduler, name) for name in SCHEDULERS)


class Faster(optim.SGD):
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["lr"] = group["lr"] * (1 + 1e-6)
        return super().step(closure)


class Forgetful(optim.SGD):
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "state": {}})


def renamed(saved: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    state = {i: {names.get(key, key): value for key, value in s.items()} for i, s in saved["state"].items()}
    return {**saved, "state": state}


class Renamed(optim.SGD):
    def state_dict(self) -> dict[str, Any]:
        return renamed(super().state_dict(), {"momentum_buffer": "buffer"})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(renamed(state_dict, {"buffer": "momentum_buffer"}))


class Lenient(optim.SGD):
    def __init__(self, params: Any, lr: Any = 1e-3, momentum: float = 0.0, **options: Any) -> None:
        super().__init__(params, lr, max(momentum, 0.0), **options)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [(Faster, "off by"), (Forgetful, "off by"), (Renamed, "has the state"), (Lenient, "accepted")],
)
def test_a_wrong_optimiser_is_seen(wrong: type, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "SGD", wrong)
    failed = run("SGD").failed
    assert failed
    assert all(complaint in problem for problem in failed), failed


def test_a_wrong_scheduler_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(lr_scheduler.StepLR):
        def __init__(self, optimizer: Any, step_size: int, gamma: float) -> None:
            super().__init__(optimizer, step_size + 1, gamma)

    monkeypatch.setattr(lr_scheduler, "StepLR", Late)
    row = run("SGD")
    assert row.of_these["scheduled"] == 0
    assert all("rates" in problem for problem in row.failed), row.failed
