"""Modules that hold modules.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from minigrad.nn.module import Module


class ModuleList(Module):
    """A list of modules whose parameters are registered; it has no `forward`."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        Module.__init__(self)
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add `module` at the end. Raises TypeError for a function, and for a class in the place of its instance."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: expected modules, found {module!r:.60} in place {len(self)}; "
                "write nn.ReLU(), with brackets, not nn.ReLU or F.relu"
            )
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self.modules_held)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules_held.values())

    def __getitem__(self, index: Any) -> Any:
        picked = list(self)[index]
        return type(self)(picked) if isinstance(picked, list) and type(self) is ModuleList else picked


class Sequential(ModuleList):
    """Modules one after the other: the output of each is the input of the next."""

    def __init__(self, *modules: Module) -> None:
        ModuleList.__init__(self, modules)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        picked = list(self)[index]
        return Sequential(*picked) if isinstance(picked, list) else picked
