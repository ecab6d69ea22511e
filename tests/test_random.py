"""Streams of random numbers: the same seed, the same numbers; streams of their own are not disturbed by others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minigrad
from minigrad import nn
from minigrad.random import Generator, everybody, manual_seed, stream
from minigrad.utils.data import DataLoader, TensorDataset

DRAWS: list[Callable[..., Any]] = [
    lambda **k: minigrad.rand(3, **k),
    lambda **k: minigrad.randn(3, **k),
    lambda **k: minigrad.randint(1000, (3,), **k),
    lambda **k: minigrad.multinomial(minigrad.ones(50), 5, **k),
    lambda **k: minigrad.zeros(3).normal_(**k),
    lambda **k: minigrad.zeros(3).uniform_(**k),
    lambda **k: nn.init.uniform_(minigrad.zeros(3), **k),
    lambda **k: nn.init.normal_(minigrad.zeros(3), **k),
    lambda **k: next(iter(DataLoader(TensorDataset(minigrad.arange(50)), 5, shuffle=True, **k)))[0],
]


@pytest.mark.parametrize("draw", DRAWS)
def test_the_seed_decides(draw: Callable[..., Any]) -> None:
    manual_seed(3)
    first, then = draw().tolist(), draw().tolist()
    manual_seed(3)
    assert draw().tolist() == first and first != then
    manual_seed(4)
    assert draw().tolist() != first


@pytest.mark.parametrize("draw", DRAWS)
def test_a_generator_of_its_own(draw: Callable[..., Any]) -> None:
    own = Generator().manual_seed(3)
    manual_seed(5)
    before = minigrad.rand(2).tolist()
    manual_seed(5)
    first = draw(generator=own).tolist()
    assert minigrad.rand(2).tolist() == before  # everybody's stream was left alone
    assert draw(generator=Generator().manual_seed(3)).tolist() == first


def test_layers_start_from_everybodys_stream() -> None:
    manual_seed(0)
    first = nn.Linear(3, 2).weight.tolist()
    manual_seed(0)
    assert nn.Linear(3, 2).weight.tolist() == first != nn.Linear(3, 2).weight.tolist()


def test_where_draws_in_place_fall() -> None:
    manual_seed(0)
    x = minigrad.zeros(10_000)
    assert 0.0 <= x.uniform_().min().item() < 0.01 and 0.99 < x.max().item() < 1.0
    assert -3.0 <= x.uniform_(-3.0, -2.0).min().item() and x.max().item() < -2.0
    assert abs(x.normal_().mean().item()) < 0.05 and abs(x.std().item() - 1.0) < 0.05
    assert abs(x.normal_(5.0, 2.0).mean().item() - 5.0) < 0.1 and abs(x.std().item() - 2.0) < 0.1


def test_manual_seed_returns_the_generator() -> None:
    assert manual_seed(1) is everybody and stream(None) is everybody.numpy
    assert Generator().numpy.random() != Generator().numpy.random()
