"""Parameters, and the modules that hold them.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A tensor that requires grad, and that a module registers as its own when it is set as an attribute."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        self.array = (data if isinstance(data, Tensor) else Tensor(data)).array
        self.node = None
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{Tensor.__repr__(self)}"


class Module:
    """A function with parameters. A subclass sets parameters and other modules as attributes and defines `forward`.

    What is set is registered under its name, in order. Calling the module calls `forward`.
    """

    training: bool

    def __init__(self) -> None:
        self.__dict__.update(parameters_held={}, buffers_held={}, modules_held={}, training=True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward: define forward(self, ...) in the class")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if "modules_held" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before setting {name!r}")
        place = self.place_for(name, value)
        if place is None:
            object.__setattr__(self, name, value)
            return
        for held in HELD:
            if held != place:
                self.__dict__[held].pop(name, None)
        self.__dict__.pop(name, None)
        self.__dict__[place][name] = value

    def place_for(self, name: str, value: Any) -> str | None:
        """Where `value` is registered: by what it is, or else where `name` already is; None if it is not registered."""
        if isinstance(value, Parameter | Module):
            return "parameters_held" if isinstance(value, Parameter) else "modules_held"
        if name in self.parameters_held and value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter: found {type(value).__name__}, expected Parameter or None"
            )
        return next((held for held in HELD if name in self.__dict__[held]), None)

    def __getattr__(self, name: str) -> Any:
        for held in HELD:
            if name in self.__dict__.get(held, ()):
                return self.__dict__[held][name]
        if name.endswith("_held"):
            raise AttributeError(f"{type(self).__name__}: call super().__init__() first in its __init__")
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}: set it in __init__; if PyTorch has it, minigrad has not"
        )

    def __delattr__(self, name: str) -> None:
        for held in HELD:
            if name in self.__dict__[held]:
                del self.__dict__[held][name]
                return
        object.__delattr__(self, name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register `param` under `name`; None keeps the place, for a bias that is switched off."""
        self.parameters_held[name] = param

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules set on this one, with their names."""
        return ((name, module) for name, module in self.modules_held.items() if module is not None)

    def named_modules(self, *, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each once, with dotted names; a shared one under each of its names if not."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) not in seen or not remove_duplicate:
                seen.add(id(module))
                yield name, module
                children = [(f"{name}.{key}" if name else key, child) for key, child in module.named_children()]
                stack += reversed(children)

    def named_held(self, kind: str) -> Iterator[tuple[str, Any]]:
        """All that is registered as `kind` here and below, each tensor once, with dotted names."""
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in module.__dict__[kind].items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{prefix}.{name}" if prefix else name), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters here and below, each once, with dotted names such as "0.weight"."""
        return self.named_held("parameters_held")

    def parameters(self) -> Iterator[Parameter]:
        """What an optimiser needs: ``SGD(model.parameters(), lr=0.1)``."""
        return (p for _, p in self.named_parameters())

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every parameter's gradient (or fill it with zeros)."""
        for p in self.parameters():
            clear_grad(p, set_to_none)

    def extra_repr(self) -> str:
        """What stands between the brackets of `repr`: a layer names its sizes here."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self.modules_held.items()]
        inside = "\n  ".join([*([self.extra_repr()] if self.extra_repr() else []), *children])
        return f"{type(self).__name__}(\n  {inside}\n)" if children else f"{type(self).__name__}({inside})"

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Register a tensor that is state but not learned; it is part of `state_dict`."""
        self.buffers_held[name] = tensor

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return self.named_held("buffers_held")

    def buffers(self) -> Iterator[Tensor]:
        return (b for _, b in self.named_buffers())

    def state_dict(self) -> dict[str, Tensor]:
        """Name to tensor for all parameters and buffers. The tensors share memory with the module's."""
        state: dict[str, Tensor] = {}
        for prefix, module in self.named_modules(remove_duplicate=False):
            for name, value in {**module.parameters_held, **module.buffers_held}.items():
                if value is not None:
                    state[f"{prefix}.{name}" if prefix else name] = value.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadReport:
        """Copy the numbers of `state_dict` (tensors or arrays) into the module, once all of it is checked.

        Raises ValueError for misshaped entries and, if `strict`, for missing and unexpected ones; TypeError for what
        holds no real numbers.
        """
        own = self.state_dict()
        given = {k: v.array if isinstance(v, Tensor) else np.asarray(v) for k, v in state_dict.items()}
        report = LoadReport([k for k in own if k not in given], [k for k in given if k not in own])
        wrong = [
            f"{k}: found {given[k].shape}, expected {v.shape}"
            for k, v in own.items()
            if k in given and given[k].shape != v.shape
        ]
        if wrong or (strict and any(report)):
            raise ValueError(
                f"load_state_dict: nothing was loaded. Misshaped: {wrong or 'none'}. "
                f"Missing: {report.missing_keys or 'none'}. Unexpected: {report.unexpected_keys or 'none'}."
            )
        ready = {key: Tensor(given[key]) for key in own if key in given}
        for key, numbers in ready.items():
            own[key].copy_(numbers)
        return report

    def train(self, mode: bool = True) -> Module:
        """Set `training` here and below: layers that behave differently in training look at it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freeze the parameters, or thaw them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, dtype: Any) -> Module:
        """Convert every floating-point parameter and buffer to `dtype`, in place. Their gradients are dropped."""
        for module in self.modules():
            for t in (*module.parameters_held.values(), *module.buffers_held.values()):
                if t is not None and t.dtype.kind == "f":
                    wanted, t.node = t.requires_grad, None
                    t.array = t.array.astype(dtype)
                    t.requires_grad_(wanted)
        return self

    def double(self) -> Module:
        return self.to(np.float64)

    def float(self) -> Module:
        return self.to(np.float32)


HELD = ("parameters_held", "buffers_held", "modules_held")


def clear_grad(p: Tensor, set_to_none: bool = True) -> None:
    """Drop the gradient of `p`, or fill it with zeros."""
    if set_to_none:
        p.grad = None
    elif p.grad is not None:
        p.grad = p.wrap(np.zeros_like(p.array), None)


class LoadReport(NamedTuple):
    """The keys that `load_state_dict` did not find, and those it did not expect."""

    missing_keys: list[str]
    unexpected_keys: list[str]
