"""Arguments have PyTorch's names and defaults, wherever both have them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils.data

import minigrad
import minigrad.utils.data

NAMES = [
    *("nn.Linear", "nn.Flatten", "nn.Softmax", "nn.MSELoss", "nn.CrossEntropyLoss", "nn.BCEWithLogitsLoss"),
    *("nn.functional.cross_entropy", "nn.functional.mse_loss", "nn.functional.binary_cross_entropy_with_logits"),
    *("nn.init.uniform_", "nn.init.normal_", "nn.init.constant_", "nn.init.zeros_", "nn.init.ones_"),
    *("nn.Module.load_state_dict", "nn.Module.train", "nn.Module.zero_grad", "nn.Module.requires_grad_"),
    *("nn.Module.register_parameter", "nn.Module.register_buffer", "nn.Module.named_modules", "nn.Module.apply"),
    *("nn.Parameter.__new__", "optim.SGD", "optim.SGD.zero_grad", "utils.data.DataLoader", "utils.data.TensorDataset"),
    *("autograd.backward", "autograd.grad", "Tensor.backward"),
]
# Where a default differs on purpose.
OTHER = {
    ("nn.Softmax", "dim"): "PyTorch guesses the axis, with a warning",
    ("nn.Parameter.__new__", "data"): "PyTorch makes an empty one",
    ("utils.data.DataLoader", "shuffle"): "None says False",
    ("autograd.grad", "allow_unused"): "None says False",
}


def found(library: Any, name: str) -> Callable[..., Any]:
    for part in name.split("."):
        if part == "__new__" and library is minigrad.nn.Parameter:
            part = "__init__"
        library = getattr(library, part)
    return library  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_defaults(name: str) -> None:
    ours = inspect.signature(found(minigrad, name)).parameters
    theirs = inspect.signature(found(torch, name)).parameters
    plain = [p for p in ours.values() if p.kind is not p.VAR_KEYWORD and p.name not in ("self", "cls", "generator")]
    for parameter in plain:
        assert parameter.name in theirs, f"PyTorch has no {parameter.name}"
        if (name, parameter.name) not in OTHER:
            assert parameter.default == theirs[parameter.name].default, parameter.name
