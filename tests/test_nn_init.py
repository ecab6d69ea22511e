"""First values: in place, unrecorded, and the tensor is handed back; how far they spread, and which directions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

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


# ------------------------------------------------------------------------------------- spread by the size of the layer


def spread_of(p: Any) -> tuple[float, float, float]:
    """Smallest, largest, standard deviation."""
    return p.min().item(), p.max().item(), p.std(unbiased=False).item()


SHAPES = [(40, 250), (250, 40), (100, 100), (20, 10, 50), (10, 20, 5, 10), (1, 10_000)]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """What goes into a unit, and to how many units a value goes: (out, in, window...)."""
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


@pytest.mark.parametrize("gain", [1.0, 0.5, 5 / 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_xavier(shape: tuple[int, ...], gain: float) -> None:
    """Glorot and Bengio's variance, 2 / (fan_in + fan_out): uniform within sqrt(3) of its root, or normal."""
    minigrad.manual_seed(0)
    std = gain * math.sqrt(2 / sum(fans(shape)))
    low, high, spread = spread_of(init.xavier_uniform_(minigrad.zeros(*shape), gain))
    assert -math.sqrt(3) * std <= low < -1.7 * std and 1.7 * std < high <= math.sqrt(3) * std
    assert abs(spread / std - 1) < 0.03
    low, high, spread = spread_of(init.xavier_normal_(minigrad.zeros(*shape), gain=gain))
    assert low < -3 * std and 3 * std < high and abs(spread / std - 1) < 0.03


@pytest.mark.parametrize(
    ("options", "gain"),
    [
        ({}, math.sqrt(2)),
        ({"a": math.sqrt(5)}, math.sqrt(1 / 3)),
        ({"nonlinearity": "relu"}, math.sqrt(2)),
        ({"nonlinearity": "tanh"}, 5 / 3),
        ({"a": 1.0, "nonlinearity": "relu"}, math.sqrt(2)),
        ({"nonlinearity": "linear"}, 1.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("shape", SHAPES[:5], ids=str)
def test_kaiming(shape: tuple[int, ...], mode: str, options: dict[str, Any], gain: float) -> None:
    """He's variance, gain² / fan."""
    minigrad.manual_seed(0)
    std = gain / math.sqrt(fans(shape)[mode == "fan_out"])
    low, high, spread = spread_of(init.kaiming_uniform_(minigrad.zeros(*shape), mode=mode, **options))
    assert -math.sqrt(3) * std <= low < -1.7 * std and 1.7 * std < high <= math.sqrt(3) * std * (1 + 1e-6)
    assert abs(spread / std - 1) < 0.03
    low, high, spread = spread_of(init.kaiming_normal_(minigrad.zeros(*shape), mode=mode, **options))
    assert low < -3 * std and 3 * std < high and abs(spread / std - 1) < 0.03


SPREADING = ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"]


@pytest.mark.parametrize("name", SPREADING)
def test_spreads_are_those_of_pytorch(name: str) -> None:
    """By its own draws: for one shape with all defaults."""
    minigrad.manual_seed(0)
    torch.manual_seed(0)
    ours = spread_of(getattr(init, name)(minigrad.zeros(60, 400)))
    theirs = spread_of(getattr(torch.nn.init, name)(torch.zeros(60, 400)))
    assert ours[2] == pytest.approx(theirs[2], rel=0.02) and ours[1] == pytest.approx(theirs[1], rel=0.15)


NAMES = (
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid tanh relu leaky_relu selu"
)


@pytest.mark.parametrize("param", [None, 0, 0.2, 1, -1.5])
@pytest.mark.parametrize("name", NAMES.split())
def test_gains_are_those_of_pytorch(name: str, param: float | None) -> None:
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


def test_the_gain_keeps_the_variance() -> None:
    """What gains are for: after relu, the mean square is halved, so that gain² = 2 restores it; leaky relu likewise."""
    x = np.random.default_rng(0).normal(size=200_000)
    for name, param, f in [
        ("relu", None, np.maximum(x, 0)),
        ("leaky_relu", 0.3, np.where(x > 0, x, 0.3 * x)),
        ("linear", None, x),
    ]:
        assert init.calculate_gain(name, param) ** 2 * np.mean(f**2) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("gain", [1, 0.3, 2.5])
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 6), (6, 1), (1, 1), (4, 2, 3), (9, 2, 2, 2)], ids=str)
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    """Rows, or columns, whichever are fewer: orthogonal, and of length `gain`."""
    minigrad.manual_seed(1)
    p = init.orthogonal_(minigrad.zeros(*shape, dtype=minigrad.float64), gain)
    m = p.numpy().reshape(shape[0], -1)
    product = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    assert p.shape == shape and np.allclose(product, gain**2 * np.eye(min(m.shape)), atol=1e-13)


def test_orthogonal_draws_favour_no_direction() -> None:
    """The sign of a QR decomposition is a convention; without a correction the diagonal would lean to one side."""
    minigrad.manual_seed(0)
    draws = np.array([init.orthogonal_(minigrad.zeros(3, 3)).numpy() for _ in range(600)])
    assert np.abs(draws.mean(0)).max() < 0.1
    assert np.abs((draws**2).mean(0) - 1 / 3).max() < 0.05
    assert 200 < (np.linalg.det(draws) > 0).sum() < 400


EVERY = [*SPREADING, "orthogonal_"]


@pytest.mark.parametrize("name", EVERY)
def test_in_place_unrecorded_and_in_the_parameters_dtype(name: str) -> None:
    fill = getattr(init, name)
    for dtype in (minigrad.float32, minigrad.float64):
        p = Parameter(minigrad.full((4, 6), 9.0, dtype=dtype))
        view = p.detach()
        assert fill(p) is p and p.is_leaf and p.requires_grad and p.grad is None and p.dtype == dtype
        assert 9.0 not in view.reshape(-1).tolist() and view.tolist() == p.tolist()
    y = (p * p).sum()
    fill(p)
    with pytest.raises(RuntimeError, match="in place"):
        y.backward()


@pytest.mark.parametrize("name", EVERY)
def test_a_seed_gives_the_same_draws(name: str) -> None:
    fill = getattr(init, name)
    minigrad.manual_seed(3)
    a, b = fill(minigrad.zeros(3, 4)).tolist(), fill(minigrad.zeros(3, 4)).tolist()
    minigrad.manual_seed(3)
    assert fill(minigrad.zeros(3, 4)).tolist() == a != b
    one, other = (minigrad.Generator().manual_seed(5) for _ in range(2))
    assert fill(minigrad.zeros(3, 4), generator=one).tolist() == fill(minigrad.zeros(3, 4), generator=other).tolist()
    minigrad.manual_seed(3)
    fill(minigrad.zeros(3, 4), generator=one)
    assert fill(minigrad.zeros(3, 4)).tolist() == a  # a generator of its own leaves everybody's stream alone


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore:.*without elements:UserWarning")
def test_nothing_to_fill(name: str) -> None:
    assert getattr(init, name)(minigrad.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        *((lambda name=name: getattr(init, name)(minigrad.zeros(5)), r"\(5,\)") for name in EVERY),
        *((lambda name=name: getattr(init, name)(minigrad.tensor(1.0)), r"\(\)") for name in EVERY),
        (lambda: init.kaiming_normal_(minigrad.zeros(2, 3), mode="fan"), "mode='fan'"),
        (lambda: init.kaiming_uniform_(minigrad.zeros(2, 3), mode="in"), "mode='in'"),
        (lambda: init.kaiming_normal_(minigrad.zeros(2, 3), nonlinearity="gelu"), "calculate_gain: found 'gelu'"),
        (lambda: init.calculate_gain("swish"), "calculate_gain: found 'swish', expected one of"),
        (lambda: init.calculate_gain("leaky_relu", "0.1"), "calculate_gain: .*'0.1'"),
        (lambda: init.calculate_gain("leaky_relu", True), "calculate_gain: .*True"),
    ],
)
def test_refused(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()
    assert minigrad.is_grad_enabled()
