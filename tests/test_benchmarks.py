"""What the benchmarks time is the same training in all three; times are not looked at."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

import minigrad


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")


def assert_losses_agree(benchmark: Any, *case: Any) -> None:
    steps = [
        benchmark.with_library(minigrad, minigrad.nn.functional, *case),
        benchmark.with_library(torch, torch.nn.functional, *case),
        benchmark.in_numpy(*case),
    ]
    losses = [[step() for step in steps] for _ in range(5)]
    assert all(max(row) - min(row) < 1e-4 for row in losses), losses
    assert losses[-1][0] < losses[0][0]


@pytest.mark.parametrize("adam", [False, True], ids=["SGD", "Adam"])
def test_training_step(adam: bool) -> None:
    assert_losses_agree(import_module("training_step"), [64, 128, 64, 10], 32, adam)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_step(kind: str) -> None:
    assert_losses_agree(import_module("recurrent_step"), kind)


def test_losses_that_differ_end_the_program() -> None:
    with pytest.raises(SystemExit, match="the losses differ"):
        import_module("training_step").measure("none", "SGD", [lambda: 1.0, lambda: 1.0, lambda: 1.1], 1, 1)
