"""What all optimisers share: parameters in groups, with options.

Made from chapter 4, Train a multilayer perceptron; and chapter 5, Descend with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np

from minigrad.nn.module import clear_grad
from minigrad.primitive import Array, Default, enable_grad, writes
from minigrad.tensor import Tensor


class Optimizer:
    """What all optimisers share. `params` are parameters, or dicts with "params" and options of their own.

    Raises ValueError for an empty list and for unknown options, TypeError for what is no leaf that requires grad.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{type(self).__name__}: found a tensor, expected a list of them: write [p]")
        groups = list(params)
        if not groups:
            raise ValueError(
                f"{type(self).__name__}: found no parameters; was the iterator used up? pass model.parameters() anew"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.stepped = False
        self.state: dict[Any, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        for group in groups:
            self.add_param_group(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every parameter's gradient: otherwise the next `backward` adds to it."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_grad(p, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient: downhill, or uphill if the group says `maximize`.

        `closure`, if given, is called first: it computes the loss and its gradients. The loss is returned.
        """
        with enable_grad():
            loss = None if closure is None else closure()
        self.stepped = True
        for group in self.param_groups:
            options = {name: value for name, value in group.items() if name != "params"}
            for p in group["params"]:
                if p.grad is not None:
                    g = -p.grad.array if options.get("maximize") else p.grad.array
                    self.update(p.array, g, self.state.setdefault(p, {}), **options)
                    writes.note(p.array)
        return loss

    def update(self, p: Array, g: Array, state: dict[str, Any], **options: Any) -> None:
        """Move the array `p` in place, against its gradient `g`; what has to be remembered goes into `state`."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take on more parameters, with options of their own."""
        given = param_group["params"]
        params = [given] if isinstance(given, Tensor) else list(given)
        for p in params:
            if (
                not isinstance(p, Tensor)
                or not p.is_leaf
                or not any(getattr(q, "requires_grad", False) for q in params)
            ):
                raise TypeError(f"{type(self).__name__}: found {p!r:.60}, expected leaf tensors that require grad")
        self.check(param_group)
        held = [p for g in [*self.param_groups, {"params": params}] for p in g["params"]]
        if len(set(held)) < len(held):
            raise ValueError(f"{type(self).__name__}: a parameter appears twice; it would be moved twice")
        self.param_groups.append({**self.defaults, **param_group, "params": params})

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise ValueError for options that are unknown or out of range."""
        unknown = options.keys() - self.defaults.keys() - {"params", "initial_lr"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__}: unknown options {sorted(unknown)}; it has {sorted(self.defaults)}"
            )
        for name in ("lr", "momentum", "weight_decay", "alpha", "eps"):
            value = options.get(name, 0.0)
            if isinstance(value, Tensor) and value.numel() == 1:
                value = value.item()
            if not isinstance(value, Real) or not float(value) >= 0:
                raise ValueError(
                    f"{type(self).__name__}: found {name}={value!r}, expected a number that is not negative"
                )

    def state_dict(self) -> dict[str, Any]:
        """{"state": {i: {name: tensor}}, "param_groups": [{options, "params": [i, ...]}]}: parameters are numbered.

        They are counted through all groups. The tensors share memory with the optimiser's.
        """
        numbers = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        groups = [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups]
        state = {i: dict(self.state[p]) for p, i in numbers.items() if self.state.get(p)}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take on options and state: copies, in the dtype of each parameter, once all of it is checked.

        Raises ValueError if groups, options, names or shapes do not fit; then nothing has changed.
        """
        try:
            groups = self.fitting_groups(state_dict["param_groups"])
            saved = [i for group in state_dict["param_groups"] for i in group["params"]]
            owners = [(p, options) for options in groups for p in options["params"]]
            state = self.fitting_state(state_dict["state"], dict(zip(saved, owners, strict=True)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{type(self).__name__}.load_state_dict: nothing was loaded: {reason}") from None
        self.param_groups[:], self.state = groups, state

    def fitting_groups(self, saved: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The saved groups with this optimiser's parameters in them. Raises ValueError if they do not fit."""
        found, expected = ([len(group["params"]) for group in groups] for groups in (saved, self.param_groups))
        if found != expected:
            raise ValueError(f"found groups of {found} parameters, expected {expected}")
        groups = []
        for group, own in zip(saved, self.param_groups, strict=True):
            options = {name: deepcopy(value) for name, value in group.items() if name != "params"}
            for name in [n for n, value in options.items() if n not in self.defaults and value in (None, False)]:
                del options[name]  # a switch of PyTorch's that minigrad has not, and that is off
            if missing := self.defaults.keys() - options.keys():
                raise ValueError(f"options {sorted(missing)} are missing")
            self.check(options)
            groups.append({**options, "params": own["params"]})
        return groups

    def needed(self, options: Mapping[str, Any]) -> set[str]:
        """The names that a step with these options finds in the state of a parameter, if it is not the first one."""
        return set()

    def fitting_state(self, saved: Mapping[Any, Any], owners: Mapping[Any, Any]) -> dict[Any, dict[str, Any]]:
        """The saved state as copies for the parameters in `owners`. Raises ValueError if it does not fit."""
        state: dict[Any, dict[str, Any]] = {}
        for i, kept in saved.items():
            if i not in owners:
                raise ValueError(f"found state for parameter {i!r}, which is in no group")
            p, options = owners[i]
            values = {name: as_state(value, name, p) for name, value in kept.items() if value is not None}
            needed = self.needed(options)
            if values and (missing := needed - values.keys()):
                raise ValueError(f"the state of parameter {i} lacks {sorted(missing)}")
            for name, value in values.items():
                shape = () if name == "step" else p.shape
                if value.shape != shape and (name in needed or value.shape):
                    raise ValueError(f"{name} of parameter {i}: found shape {value.shape}, expected {shape}")
            state[p] = values
        return state

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def kept(state: dict[str, Any], name: str, like: Array) -> Array:
    """The array that `state` keeps under `name`; before the first step zeros, in the shape and dtype of `like`."""
    if name not in state:
        state[name] = Tensor(np.zeros_like(like))
    return state[name].array


def count(state: dict[str, Any]) -> float:
    """One step more; returns how many there have been."""
    if "step" not in state:
        state["step"] = Tensor(0.0)
    steps = state["step"].array
    steps += 1
    return float(steps)


def as_state(value: Any, name: str, p: Tensor) -> Tensor:
    """A copy of a tensor, array or number from a saved state; all but "step" in the dtype of the parameter."""
    array = value.array if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: found {value!r:.60}, expected numbers")
    own = array.dtype if array.dtype.kind == "f" else Default.dtype
    return Tensor(np.array(array, own if name == "step" else p.dtype, order="C"))
