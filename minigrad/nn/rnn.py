"""Recurrent cells, and the layers that run them over whole sequences.

Made from chapter 7, Backpropagate through time; and chapter 8, Generalise beyond the training set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minigrad.creation import zeros
from minigrad.functions import cat, stack
from minigrad.nn.functional import dropout
from minigrad.nn.init import uniform_
from minigrad.nn.module import Module, Parameter
from minigrad.nn.recurrence import (
    ACTIVATIONS,
    gru_sequence,
    gru_step,
    lstm_sequence,
    lstm_states,
    lstm_step,
    rnn_sequence,
    rnn_step,
)
from minigrad.tensor import Tensor


def positive(name: str, **sizes: Any) -> None:
    """Raise ValueError for a size that is no positive integer."""
    for size, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}: found {size}={value!r}, expected a whole number, at least 1")


def switches(name: str, **values: Any) -> None:
    """Raise TypeError for a value that is neither True nor False: the text "False" would count as true."""
    for switch, value in values.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name}: found {switch}={value!r}, expected True or False")


def fill(module: Module, hidden_size: int, dtype: Any, **shapes: tuple[int, ...]) -> None:
    """Register a parameter for each of `shapes`, drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
    bound = 1 / math.sqrt(hidden_size)
    for name, shape in shapes.items():
        module.register_parameter(name, Parameter(uniform_(zeros(*shape, dtype=dtype), -bound, bound)))


class RecurrentCell(Module):
    """What the three cells share: weights (gates x hidden, ...) and a state that is zero if it is not given."""

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = None) -> None:
        Module.__init__(self)
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        fill(self, hidden_size, dtype, weight_ih=(rows, input_size), weight_hh=(rows, hidden_size))
        if bias:
            fill(self, hidden_size, dtype, bias_ih=(rows,), bias_hh=(rows,))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)

    def weights(self) -> list[Any]:
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


def check_input(module: Any, input: Any, dims: tuple[int, ...]) -> None:
    """Raise an error unless `input` is a tensor with `dims` axes, module.input_size columns and the weights' dtype."""
    name, weight = type(module).__name__, next(module.parameters())
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: found {type(input).__name__}, expected a tensor; wrap it in tensor(...)")
    if input.ndim not in dims or input.shape[-1] != module.input_size:
        wanted = " or ".join(f"{d} axes" for d in dims)
        raise ValueError(
            f"{name}: found an input of shape {input.shape}, expected {wanted}, the last of size {module.input_size}"
        )
    if input.dtype.kind != "f":
        raise TypeError(
            f"{name}: input is {input.dtype}, weights are {weight.dtype}; look classes up in an Embedding first, "
            "convert numbers with .float()"
        )
    if input.dtype != weight.dtype:
        raise TypeError(
            f"{name}: input is {input.dtype}, weights are {weight.dtype}; convert the input with .to(...), "
            "or the module with .to(input.dtype)"
        )


def check_state(module: Any, name: str, state: Any, shape: tuple[int, ...]) -> Tensor:
    """`state` as it is. Raises an error unless it is a tensor of that shape and of the weights' dtype."""
    dtype = next(module.parameters()).dtype
    if not isinstance(state, Tensor) or state.shape != shape or state.dtype != dtype:
        found = f"{state.dtype} of shape {state.shape}" if isinstance(state, Tensor) else type(state).__name__
        kind = TypeError if not isinstance(state, Tensor) or state.shape == shape else ValueError
        axes = " (layers x directions, batch, hidden; the same with batch_first)" if len(shape) == 3 else ""
        raise kind(
            f"{type(module).__name__}: {name}: found {found}, expected a tensor, {dtype}, of shape {shape}{axes}"
        )
    return state


def first_states(module: Any, hx: Any, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The state that `hx` gives, or zeros: one tensor, or for two `shapes` a pair (h, c)."""
    if hx is None:
        dtype = next(module.parameters()).dtype
        return [zeros(*shape, dtype=dtype) for shape in shapes]
    if len(shapes) == 1:
        return [check_state(module, "hx", hx, shapes[0])]
    if not isinstance(hx, tuple | list) or len(hx) != 2:
        raise TypeError(f"{type(module).__name__}: hx: found {type(hx).__name__}, expected a pair (h, c)")
    return [check_state(module, name, s, shape) for name, s, shape in zip(("h", "c"), hx, shapes, strict=True)]


class RNNCell(RecurrentCell):
    """One step of a plain recurrent network: see `recurrence.rnn_step`. (N, I) or (I,) to (N, H) or (H,)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, dtype: Any = None
    ) -> None:
        RecurrentCell.__init__(self, input_size, hidden_size, bias, dtype=dtype)
        self.nonlinearity = known(type(self).__name__, nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        check_input(self, input, (1, 2))
        (h,) = first_states(self, hx, [(*input.shape[:-1], self.hidden_size)])
        w_ih, w_hh, b_ih, b_hh = self.weights()
        return rnn_step(input, h, w_ih, w_hh, b_ih, b_hh, self.nonlinearity)

    def extra_repr(self) -> str:
        usual = self.nonlinearity == "tanh"
        return f"{RecurrentCell.extra_repr(self)}{'' if usual else f', nonlinearity={self.nonlinearity}'}"


def known(name: str, nonlinearity: str) -> str:
    """`nonlinearity` as it is. Raises ValueError if it is neither "tanh" nor "relu"."""
    if nonlinearity not in ACTIVATIONS:
        raise ValueError(f"{name}: found nonlinearity={nonlinearity!r}, expected 'tanh' or 'relu'")
    return nonlinearity


class RecurrentLayer(Module):
    """What the three layers share: a stack of recurrences over a whole sequence, each in one direction or in both.

    (T, N, I), (N, T, I) with `batch_first`, or (T, I), to all outputs of the top layer and every layer's last state.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool, dropout: float,
        bidirectional: bool, dtype: Any, proj_size: int = 0,
    ) -> None:  # fmt: skip
        Module.__init__(self)
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        switches(type(self).__name__, bias=bias, batch_first=batch_first, bidirectional=bidirectional)
        if not 0 <= dropout <= 1 or not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"{type(self).__name__}: found dropout={dropout}, proj_size={proj_size}; "
                f"expected 0 to 1, and at least 0 but less than hidden_size={hidden_size}"
            )
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        self.proj_size = proj_size
        for layer in range(num_layers):
            for suffix in self.suffixes(layer):
                self.add_direction(suffix, len(self.suffixes(0)) * self.out_size if layer else input_size, dtype)

    @property
    def out_size(self) -> int:
        """How many numbers a step puts out in one direction."""
        return self.proj_size or self.hidden_size

    def suffixes(self, layer: int) -> list[str]:
        """How the names of the parameters of `layer` end, for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def add_direction(self, suffix: str, inputs: int, dtype: Any) -> None:
        """Register the weights of one layer in one direction."""
        size = self.gates * self.hidden_size
        shapes = {"weight_ih": (size, inputs), "weight_hh": (size, self.out_size)}
        if self.bias:
            shapes |= {"bias_ih": (size,), "bias_hh": (size,)}  # type: ignore[dict-item]
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        fill(self, self.hidden_size, dtype, **{name + suffix: shape for name, shape in shapes.items()})

    def weights(self, suffix: str) -> list[Any]:
        """Input weight, state weight and two biases (or None), and the projection if there is one."""
        names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", *(["weight_hr"] if self.proj_size else [])]
        return [self.parameters_held.get(name + suffix) for name in names]

    def state_sizes(self) -> list[int]:
        """The size of each part of the state: h alone, or h and c."""
        return [self.out_size]

    def run(self, x: Tensor, states: list[Tensor], weights: list[Any]) -> tuple[Tensor, list[Tensor]]:
        """One layer in one direction: all outputs, and the last state."""
        raise NotImplementedError(f"{type(self).__name__} has no run")

    def sweep(self, input: Tensor, hx: Any) -> tuple[Tensor, list[Tensor]]:
        """Outputs and last states, in the layout that was asked for."""
        check_input(self, input, (2, 3))
        x = input if input.ndim == 3 else input.unsqueeze(1)
        x = x.transpose(0, 1) if self.batch_first and input.ndim == 3 else x
        if not len(x):
            raise ValueError(f"{type(self).__name__}: found a sequence of length 0, expected at least one step")
        count = self.num_layers * len(self.suffixes(0))
        batch = x.shape[1:2] if input.ndim == 3 else ()
        states = first_states(self, hx, [(count, *batch, size) for size in self.state_sizes()])
        if input.ndim == 2:
            states = [s.unsqueeze(1) for s in states]
        x, last = self.climb(x, states)
        if input.ndim == 2:
            return x.squeeze(1), [s.squeeze(1) for s in last]
        return (x.transpose(0, 1) if self.batch_first else x), last

    def climb(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Layer after layer: x (T, N, I), each state (layers x directions, N, H)."""
        last: list[Any] = []
        for layer in range(self.num_layers):
            ends = []
            for suffix in self.suffixes(layer):
                step = -1 if suffix.endswith("reverse") else 1
                y, final = self.run(x[::step], [s[len(last)] for s in states], self.weights(suffix))
                ends.append(y[::step])
                last.append(final)
            x = cat(ends, 2) if len(ends) > 1 else ends[0]
            if self.dropout and self.training and layer + 1 < self.num_layers:
                x = self.rest(x)
        return x, [stack(part) for part in zip(*last, strict=True)]

    def extra_repr(self) -> str:
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        options = {name: getattr(self, name) for name in (*usual, "bidirectional")}
        told = [f", {k}={v}" for k, v in options.items() if v != usual.get(k, False)]
        return f"{self.input_size}, {self.hidden_size}{''.join(told)}"

    def rest(self, x: Tensor) -> Tensor:
        """What the next layer gets, while training: `x` after dropout."""
        return dropout(x, self.dropout)


class RNN(RecurrentLayer):
    """A plain recurrent network: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu. Elman (1990).

    Returns all states of the top layer (T, N, directions x H), and the last of every layer (layers x directions, N, H).
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *, dtype: Any = None,
    ) -> None:  # fmt: skip
        RecurrentLayer.__init__(
            self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype
        )
        self.nonlinearity = known("RNN", nonlinearity)

    def run(self, x: Tensor, states: list[Tensor], weights: list[Any]) -> tuple[Tensor, list[Tensor]]:
        out = rnn_sequence(x, *states, *weights, nonlinearity=self.nonlinearity)
        return out, [out[-1]]

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out, (h,) = self.sweep(input, hx)
        return out, h


class LSTMCell(RecurrentCell):
    """One step of long short-term memory: see `recurrence.lstm_step`. Takes and returns the pair (h, c)."""

    gates = 4

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        check_input(self, input, (1, 2))
        h, c = first_states(self, hx, [(*input.shape[:-1], self.hidden_size)] * 2)
        return lstm_step(input, h, c, *self.weights())


class LSTM(RecurrentLayer):
    """Long short-term memory: see `recurrence.lstm_step`.

    Returns all h of the top layer, and the last h and the last c of every layer, in the shapes of `RNN`. With
    `proj_size` h is projected to that many numbers (Sak et al., 2014); those layers run step by step.
    """

    gates = 4

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, *, dtype: Any = None,
    ) -> None:  # fmt: skip
        RecurrentLayer.__init__(
            self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, proj_size
        )

    def state_sizes(self) -> list[int]:
        return [self.out_size, self.hidden_size]

    def run(self, x: Tensor, states: list[Tensor], weights: list[Any]) -> tuple[Tensor, list[Tensor]]:
        if self.proj_size:
            out, c = lstm_states(x, *states, *weights)
            return out, [out[-1], c]
        both = lstm_sequence(x, *states, *weights)
        return both[:-1], [both[-2], both[-1]]

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        out, (h, c) = self.sweep(input, hx)
        return out, (h, c)


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit: see `recurrence.gru_step`."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        check_input(self, input, (1, 2))
        (h,) = first_states(self, hx, [(*input.shape[:-1], self.hidden_size)])
        return gru_step(input, h, *self.weights())


class GRU(RecurrentLayer):
    """Gated recurrent units: see `recurrence.gru_step`. Returns what `RNN` returns."""

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, *, dtype: Any = None,
    ) -> None:  # fmt: skip
        RecurrentLayer.__init__(
            self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype
        )

    def run(self, x: Tensor, states: list[Tensor], weights: list[Any]) -> tuple[Tensor, list[Tensor]]:
        out = gru_sequence(x, *states, *weights)
        return out, [out[-1]]

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out, (h,) = self.sweep(input, hx)
        return out, h
