"""Modules: what is registered, found, saved, loaded, converted and shown, as PyTorch does it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import Tensor, nn
from minigrad.nn import Module, Parameter
from minigrad.nn.module import LoadReport
from minigrad.optim import SGD


def net(library: Any) -> Any:
    """The same module written for either library."""

    class Block(library.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, size: int) -> None:
            super().__init__()
            self.inner = library.nn.Linear(size, size, bias=False)
            self.scale = library.nn.Parameter(library.ones(size))
            self.register_buffer("seen", library.zeros(1))

        def forward(self, x: Any) -> Any:
            return self.inner(x) * self.scale + x

    class Net(library.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = library.nn.Linear(3, 2)
            self.body = library.nn.Sequential(Block(2), library.nn.Tanh(), Block(2))
            self.extra = library.nn.ModuleList([Block(2)])
            self.shared = self.body[0]
            self.name = "plain attributes are plain"

        def forward(self, x: Any) -> Any:
            return self.extra[0](self.shared(self.body(self.first(x))))

    return Net()


def copied() -> tuple[Any, Any]:
    """The module in both libraries, in float64, with the same numbers."""
    ours, theirs = net(minigrad).double(), net(torch).double()
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize(
    "names",
    [
        lambda m: [name for name, _ in m.named_parameters()],
        lambda m: [tuple(p.shape) for p in m.parameters()],
        lambda m: [name for name, _ in m.named_modules()],
        lambda m: [type(module).__name__ for module in m.modules()],
        lambda m: [name for name, _ in m.named_children()],
        lambda m: [type(module).__name__ for module in m.children()],
        lambda m: [name for name, _ in m.named_buffers()],
        lambda m: len(list(m.buffers())),
        lambda m: {name: tuple(value.shape) for name, value in m.state_dict().items()},
        lambda m: list(m.state_dict()),
        lambda m: repr(m),
        lambda m: [name for name, _ in m.named_modules(prefix="prefix")],
    ],
)
def test_found_in_the_order_of_pytorch(names: Callable[[Any], Any]) -> None:
    assert names(net(minigrad)) == names(net(torch))


def test_forward_and_gradients_equal_pytorch() -> None:
    ours, theirs = copied()
    x = np.random.default_rng(0).normal(size=(4, 3))
    out, expected = ours(minigrad.tensor(x)), theirs(torch.tensor(x))
    assert np.abs(out.detach().numpy() - expected.detach().numpy()).max() < 1e-12
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert np.abs(p.grad.numpy() - q.grad.numpy()).max() < 1e-12, name


def test_a_shared_parameter_is_found_once_and_moved_once() -> None:
    class Tied(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.b.weight = self.a.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["a.weight", "a.bias", "b.bias"]
    assert list(tied.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert tied.b.weight is tied.a.weight
    SGD(tied.parameters())


def test_attributes_are_registered_by_what_they_are() -> None:
    module = Module()
    module.a = Parameter(minigrad.ones(2))
    module.b = nn.Identity()
    module.c = minigrad.ones(2)
    module.register_buffer("d", minigrad.ones(2))
    module.register_parameter("e", None)
    assert list(module.state_dict()) == ["a", "d"] and module.e is None
    module.d = minigrad.zeros(3)  # a buffer stays a buffer
    assert list(module.state_dict()) == ["a", "d"] and module.d.shape == (3,)
    module.e = Parameter(minigrad.ones(1))
    assert list(module.state_dict()) == ["a", "e", "d"]
    module.a = None
    assert list(module.state_dict()) == ["e", "d"] and module.a is None
    module.b = Parameter(minigrad.ones(1))  # from module to parameter
    assert not list(module.children()) and "b" in module.state_dict()
    del module.b, module.c
    assert not hasattr(module, "b") and not hasattr(module, "c")
    with pytest.raises(AttributeError):
        del module.nothing


def test_train_and_eval_reach_every_module() -> None:
    module = net(minigrad)
    assert module.training
    assert module.eval() is module and not any(m.training for m in module.modules())
    assert module.train() is module and all(m.training for m in module.modules())


def test_zero_grad() -> None:
    layer = nn.Linear(2, 1)
    layer(minigrad.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is None


def test_freezing() -> None:
    module = net(minigrad)
    assert module.requires_grad_(False) is module and not module(minigrad.ones(1, 3)).requires_grad
    module.requires_grad_()
    assert module(minigrad.ones(1, 3)).requires_grad


def test_apply_goes_from_the_inside_out() -> None:
    def order(module: Any) -> list[str]:
        seen: list[str] = []
        assert module.apply(lambda m: seen.append(type(m).__name__)) is module
        return seen

    assert order(net(minigrad)) == order(net(torch))


def test_conversion_keeps_the_parameters_themselves() -> None:
    module = net(minigrad)
    module.register_buffer("count", minigrad.tensor([1]))
    before = list(module.parameters())
    module.first.weight.requires_grad_(False)
    assert module.double() is module
    assert all(a is b for a, b in zip(before, module.parameters(), strict=True))
    assert {p.dtype for p in module.parameters()} == {np.dtype(np.float64)} and module.count.dtype == np.int64
    assert not module.first.weight.requires_grad and module.first.bias.requires_grad
    module.first.weight.requires_grad_()
    module(minigrad.ones(1, 3, dtype=minigrad.float64)).sum().backward()
    assert module.first.weight.grad.dtype == np.float64
    assert module.float().first.weight.dtype == np.float32 and module.first.weight.grad is None


def test_deepcopy_is_independent_and_keeps_ties() -> None:
    module = net(minigrad)
    twin = copy.deepcopy(module)
    assert twin.shared is twin.body[0] and repr(twin) == repr(module)
    x = minigrad.ones(1, 3)
    assert twin(x).tolist() == module(x).tolist()
    twin(x).sum().backward()
    SGD(twin.parameters(), lr=1.0).step()
    assert twin(x).tolist() != module(x).tolist() and module.first.weight.grad is None


# --------------------------------------------------------------------------------------------------- state dictionaries


def test_state_is_shared_and_loading_copies() -> None:
    module, other = nn.Linear(2, 1), nn.Linear(2, 1)
    state = module.state_dict()
    assert not any(value.requires_grad for value in state.values())
    report = other.load_state_dict(state)
    assert report == LoadReport([], []) and other.weight.tolist() == module.weight.tolist()
    assert isinstance(other.weight, Parameter) and other.weight.is_leaf and other.weight.requires_grad
    state["weight"].zero_()
    assert module.weight.tolist() == [[0.0, 0.0]] != other.weight.tolist()


def test_loading_casts_and_takes_arrays() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": minigrad.tensor([3])})
    assert layer.weight.tolist() == [[1.0, 2.0]] and layer.bias.dtype == np.float32


def test_loading_what_does_not_fit_loads_nothing() -> None:
    layer = nn.Linear(2, 1)
    before = {key: value.tolist() for key, value in layer.state_dict().items()}
    for state, words in [
        ({"weight": np.zeros((1, 2))}, r"Missing: \['bias'\]. Unexpected: none"),
        ({"weight": np.zeros((1, 2)), "bias": np.zeros(1), "b": np.zeros(1)}, r"Missing: none. Unexpected: \['b'\]"),
        ({"weight": np.zeros((1, 2)), "bias": np.zeros(2)}, r"Misshaped: \['bias: found \(2,\), expected \(1,\)'\]"),
    ]:
        with pytest.raises(ValueError, match=f"load_state_dict: nothing was loaded.*{words}"):
            layer.load_state_dict(state)
        assert {key: value.tolist() for key, value in layer.state_dict().items()} == before


def test_loading_not_strictly() -> None:
    layer = nn.Linear(2, 1)
    report = layer.load_state_dict({"weight": np.ones((1, 2)), "other": np.ones(1)}, strict=False)
    assert report.missing_keys == ["bias"] and report.unexpected_keys == ["other"]
    assert layer.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="Misshaped"):
        layer.load_state_dict({"weight": np.ones(3)}, strict=False)


# --------------------------------------------------------------------------------------------------- parameters, errors


def test_a_parameter_shares_the_memory_of_its_tensor() -> None:
    x = minigrad.zeros(2)
    p = Parameter(x)
    x += 1.0
    assert p.tolist() == [1.0, 1.0] and p.requires_grad and p.is_leaf and isinstance(p, Tensor)
    assert type(p * 2) is Tensor
    assert not Parameter(x, requires_grad=False).requires_grad
    assert Parameter([1.0, 2.0]).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="only floating-point"):
        Parameter(minigrad.arange(3))


class NoSuper(Module):
    """A module whose author forgot a line."""

    def __init__(self, how: str) -> None:
        if how == "layer":
            self.layer = nn.Linear(1, 1)
        elif how == "buffer":
            self.register_buffer("b", None)
        else:
            self.x = 3


@pytest.mark.parametrize("how", ["layer", "buffer", "plain"])
def test_a_forgotten_super_is_named(how: str) -> None:
    with pytest.raises(AttributeError, match=r"NoSuper: call super\(\).__init__\(\)"):
        NoSuper(how)


def test_other_errors() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(NotImplementedError, match=r"Module has no forward: define forward\(self, ...\) in the class"):
        Module()(1)
    with pytest.raises(AttributeError, match=r"Linear has no attribute 'cuda': set it in __init__; if PyTorch has it"):
        layer.cuda()
    with pytest.raises(TypeError, match=r"Linear.weight is a parameter: found Tensor, expected Parameter or None"):
        layer.weight = minigrad.ones(1, 2)
    with pytest.raises(AttributeError, match=r"minigrad.nn has no 'Conv2d': dir\(minigrad.nn\) lists"):
        nn.Conv2d  # noqa: B018
    assert set(dir(nn)) >= {"Module", "Linear", "functional", "init"}
