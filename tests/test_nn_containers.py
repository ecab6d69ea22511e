"""Modules that hold modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import minigrad
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn.containers import ModuleList, Sequential


def built(library: Any) -> list[Any]:
    """Containers in either library."""
    layers = [library.nn.Linear(3, 3) for _ in range(4)]
    model = library.nn.Sequential(*layers[:2], library.nn.ReLU())
    many = library.nn.ModuleList(layers)
    return [model, model[:2], many, many[1:], library.nn.Sequential(), library.nn.Sequential(model, layers[3])]


def test_names_and_repr_equal_pytorch() -> None:
    for ours, theirs in zip(built(minigrad), built(torch), strict=True):
        assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
        assert len(ours) == len(theirs)
        assert type(ours).__name__ == type(theirs).__name__
    assert repr(built(minigrad)[0]) == repr(built(torch)[0])
    assert repr(built(minigrad)[5]) == repr(built(torch)[5])
    assert repr(Sequential()) == repr(torch.nn.Sequential())


def test_sequential_is_one_after_the_other() -> None:
    model = Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    x = minigrad.randn(5, 3)
    assert model(x).tolist() == model[2](model[1](model[0](x))).tolist()
    assert Sequential()(x) is x
    assert isinstance(model[:2], Sequential) and model[-1] is model[2] and next(iter(model)) is model[0]
    assert model[:2](x).tolist() == model[1](model[0](x)).tolist()


def test_a_list_grows_and_has_no_forward() -> None:
    layers = ModuleList()
    assert layers.append(nn.Linear(1, 1)) is layers
    layers.extend(nn.Identity() for _ in range(2))
    assert len(layers) == 3 and len(list(layers.parameters())) == 2
    assert isinstance(layers[1:], ModuleList) and not isinstance(layers[1:], Sequential)
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        layers(1)
    with pytest.raises(IndexError):
        layers[3]


@pytest.mark.parametrize("wrong", [F.relu, nn.ReLU, 3, None, [nn.ReLU()]])
def test_only_modules(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"Sequential: expected modules, found .* in place 1; write nn.ReLU\(\)"):
        Sequential(nn.Linear(1, 1), wrong)
    with pytest.raises(TypeError, match="ModuleList: expected modules"):
        ModuleList([wrong])
