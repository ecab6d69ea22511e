"""Arguments have PyTorch's names and defaults, wherever both have them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, get_overloads

import pytest
import torch
import torch.utils.data

import minigrad
import minigrad.utils.data

NAMES = [
    *("nn.Linear", "nn.Flatten", "nn.Softmax", "nn.MSELoss", "nn.CrossEntropyLoss", "nn.BCEWithLogitsLoss"),
    *("nn.ReLU", "nn.Sigmoid", "nn.Tanh", "nn.GELU", "nn.Sequential", "nn.ModuleList"),
    *("nn.BatchNorm1d", "nn.LayerNorm", "nn.Dropout", "nn.Embedding"),
    *("nn.RNNCell", "nn.LSTMCell", "nn.GRUCell", "nn.RNN", "nn.LSTM", "nn.GRU"),
    *("nn.RNN.forward", "nn.LSTM.forward", "nn.GRU.forward", "nn.RNNCell.forward", "nn.LSTMCell.forward"),
    *("nn.functional.cross_entropy", "nn.functional.mse_loss", "nn.functional.binary_cross_entropy_with_logits"),
    *("nn.functional.batch_norm", "nn.functional.layer_norm", "nn.functional.embedding", "nn.functional.dropout"),
    *("nn.init.uniform_", "nn.init.normal_", "nn.init.constant_", "nn.init.zeros_", "nn.init.ones_"),
    *("nn.init.xavier_uniform_", "nn.init.xavier_normal_", "nn.init.kaiming_uniform_", "nn.init.kaiming_normal_"),
    *("nn.init.calculate_gain", "nn.init.orthogonal_", "nn.utils.clip_grad_norm_", "nn.utils.clip_grad_value_"),
    *("nn.Module.load_state_dict", "nn.Module.train", "nn.Module.zero_grad", "nn.Module.requires_grad_"),
    *("nn.Module.register_parameter", "nn.Module.register_buffer", "nn.Module.named_modules", "nn.Module.apply"),
    *("nn.Parameter.__new__", "optim.SGD", "optim.RMSprop", "optim.Adam", "optim.AdamW", "optim.Optimizer"),
    *("optim.Optimizer.zero_grad", "optim.Optimizer.step", "optim.Optimizer.add_param_group"),
    *("optim.Optimizer.state_dict", "optim.Optimizer.load_state_dict"),
    *("optim.lr_scheduler.LRScheduler", "optim.lr_scheduler.LRScheduler.step", "optim.lr_scheduler.StepLR"),
    *("optim.lr_scheduler.CosineAnnealingLR", "optim.lr_scheduler.LambdaLR"),
    *("utils.data.DataLoader", "utils.data.TensorDataset", "autograd.backward", "autograd.grad", "Tensor.backward"),
    *("save", "load"),
]
# Where a default differs on purpose.
OTHER = {
    ("nn.Softmax", "dim"): "PyTorch guesses the axis, with a warning",
    ("nn.Parameter.__new__", "data"): "PyTorch makes an empty one",
    ("utils.data.DataLoader", "shuffle"): "None says False",
    ("autograd.grad", "allow_unused"): "None says False",
    ("nn.ModuleList", "modules"): "None says none",
}


# What PyTorch's positional arguments have in between, from older days.
OLD = {"size_average", "reduce"}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
NOT_COMPARED = {"self", "cls", "generator"}


def found(library: Any, name: str) -> Callable[..., Any]:
    for part in name.split("."):
        if part == "__new__" and library is minigrad.nn.Parameter:
            part = "__init__"
        library = getattr(library, part)
    return library  # type: ignore[no-any-return]


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """The arguments by name; of a class whose constructor has several signatures, the first."""
    overloads = get_overloads(function.__init__) if isinstance(function, type) else []
    signature = inspect.signature(overloads[0] if overloads else function)
    return {name: p for name, p in signature.parameters.items() if name not in NOT_COMPARED}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_defaults(name: str) -> None:
    ours, theirs = parameters(found(minigrad, name)), parameters(found(torch, name))
    for parameter in ours.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        assert parameter.name in theirs, f"PyTorch has no {parameter.name}"
        if (name, parameter.name) not in OTHER:
            assert parameter.default == theirs[parameter.name].default, parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_order(name: str) -> None:
    """An argument that is given by its place means the same in both."""
    ours, theirs = (
        [p.name for p in parameters(found(library, name)).values() if p.kind in POSITIONAL and p.name not in OLD]
        for library in (minigrad, torch)
    )
    assert ours == theirs[: len(ours)]


def test_no_name_is_left_out() -> None:
    """Classes and functions of what users import from, where PyTorch's have a signature."""
    for name in ("nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler"):
        home = found(minigrad, name)
        offered = [x for x in dir(home) if isinstance(getattr(home, x), type | FunctionType) and x[0] != "_"]
        own = [x for x in offered if getattr(home, x).__module__.startswith(f"minigrad.{name}")]
        missing = {f"{name}.{x}" for x in own if hasattr(found(torch, name), x)} - {*NAMES, *BARE}
        assert not missing


# Without arguments, or built into PyTorch without a signature.
BARE = {"nn.Module", "nn.Parameter", "nn.Identity", "nn.functional.linear", "nn.functional.gelu"}
