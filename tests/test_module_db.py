"""Every sample that PyTorch's module database has for the modules that minigrad offers.

The table, with the counts, is what ``python -m tests.moduledb`` prints.
"""

import numpy as np
import pytest
import torch

from minigrad import Tensor, nn
from tests.moduledb import MODULES, UNSUPPORTED, compare, database, run, samples

# Modules for which the database has no samples.
NOT_THERE = {"Module", "ModuleList", "Sequential", "Identity", "Flatten", "Dropout"}


@pytest.mark.parametrize("name", MODULES)
def test_every_sample_passes(name: str) -> None:
    row = run(name)
    assert row.failed == []
    assert row.samples > 0
    assert row.unsupported.total() <= 0.1 * row.samples


def test_each_unsupported_sample_has_a_reason() -> None:
    assert all(name in MODULES and len(reason) > 20 for name, _, reason in UNSUPPORTED)


def test_no_module_is_left_out() -> None:
    offered = {name for name in dir(nn) if isinstance(getattr(nn, name), type)} - {"Parameter"}
    assert offered == MODULES.keys() | NOT_THERE
    assert not NOT_THERE & database().keys()


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("learned", [True, False], ids=["inputs learned", "inputs are data"])
@pytest.mark.parametrize("name", MODULES)
def test_single_precision_stays_single(name: str, learned: bool) -> None:
    """Results, buffers and gradients in float32, also under `create_graph`; the inputs learned, or data."""
    for sample in samples(name, True, torch.float32, learned):
        with np.errstate(all="ignore"):
            assert compare(name, sample, True, torch.float32, tolerance=1e-4) == ("", False)


class Off(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + 1e-6


class Detached(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.linear(input, self.weight.detach(), self.bias) + 0 * self.weight.sum()


class Renamed(nn.Linear):
    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.w = self.weight
        del self.weight


class Forgetful(nn.Linear):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)


class Pair(nn.Linear):
    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(input), input


class Shown(nn.Linear):
    def extra_repr(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (Off, "result 0 off"),
        (Detached, "gradient of input 1 off"),
        (Renamed, "state_dict has the keys"),
        (Forgetful, "TypeError"),
        (Pair, "nested like (None, None)"),
        (Shown, "shown as"),
    ],
)
def test_a_wrong_module_is_seen(wrong: type, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "Linear", type("Linear", (wrong,), {}))
    row = run("Linear")
    assert row.passed < row.samples == 6
    assert all(complaint in problem for problem in row.failed), row.failed


def test_wrong_buffers_and_lenience_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics that do not move in training, and a module that takes what PyTorch refuses."""

    class Still(nn.BatchNorm1d):
        def forward(self, input: Tensor) -> Tensor:
            momentum, self.momentum = self.momentum, 0.0
            result = super().forward(input)
            self.momentum = momentum
            return result

    class Lenient(nn.CrossEntropyLoss):
        def forward(self, input: Tensor, target: Tensor) -> Tensor:
            try:
                return super().forward(input, target)
            except (TypeError, ValueError):
                return input.sum()

    for name, wrong, complaint in (("BatchNorm1d", Still, "after the call"), ("CrossEntropyLoss", Lenient, "accepted")):
        monkeypatch.setitem(MODULES, name, type(name, (wrong,), {}))
        failed = run(name).failed
        assert failed
        assert all(complaint in problem for problem in failed), failed
