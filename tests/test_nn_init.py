"""First values: in place, unrecorded, and the tensor is handed back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from minigrad import nn
from minigrad.nn import Parameter, init


@pytest.mark.parametrize(
    ("fill", "low", "high", "mean"),
    [
        (lambda p: init.uniform_(p), 0.0, 1.0, 0.5),
        (lambda p: init.uniform_(p, -3.0, -1.0), -3.0, -1.0, -2.0),
        (lambda p: init.normal_(p), -6.0, 6.0, 0.0),
        (lambda p: init.normal_(p, mean=5.0, std=0.1), 4.0, 6.0, 5.0),
        (lambda p: init.constant_(p, 2.5), 2.5, 2.5, 2.5),
        (lambda p: init.zeros_(p), 0.0, 0.0, 0.0),
        (lambda p: init.ones_(p), 1.0, 1.0, 1.0),
    ],
)
def test_fills_a_parameter(fill: Callable[[Any], Any], low: float, high: float, mean: float) -> None:
    minigrad.manual_seed(0)
    p = Parameter(minigrad.full((100, 100), 9.0))
    view = p.detach()[0]
    assert fill(p) is p and p.is_leaf and p.requires_grad and p.grad is None
    assert low <= p.min().item() and p.max().item() <= high and abs(p.mean().item() - mean) < 0.03
    assert view.tolist() == p[0].tolist() and 9.0 not in view.tolist()
    (p * 2).sum().backward()
    assert p.grad[0, 0].item() == 2.0


def test_spread_of_the_normal() -> None:
    minigrad.manual_seed(0)
    assert abs(init.normal_(minigrad.zeros(10_000), std=3.0).std().item() - 3.0) < 0.1


def test_recording_goes_on_afterwards() -> None:
    with pytest.raises(TypeError):
        init.constant_(Parameter([1.0]))
    assert minigrad.is_grad_enabled()
    assert nn.init is init
