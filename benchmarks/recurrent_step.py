"""One training step of a recurrent network in minigrad, in PyTorch eager, and in NumPy without an engine.

    python benchmarks/recurrent_step.py [--pairs N] [--tune]

RNN, LSTM and GRU, 50 steps in time, 128 inputs, 128 units, batch 32, and ten classes to tell at each step; float32, one
thread: forward, cross-entropy, backward through time, and an update by Adam. All three start from the same weights, and
their losses have to agree. They take turns; the table shows the median of the ratios of their times. ``--tune`` calls
`minigrad.tune_allocator()` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from training_step import RATE, FlatAdam, Step, begin, measure, softmax_cross_entropy  # first: it sets the threads

# isort: split
import numpy as np
import torch

import minigrad

TIME, BATCH, INPUTS, UNITS, CLASSES = 50, 32, 128, 128, 10
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


def start(kind: str) -> tuple[Any, Any, list[Any]]:
    """Inputs (T, N, I), classes for each step, and the first weights and biases, the layer's and the head's."""
    rng = np.random.default_rng(0)
    rows, bound = GATES[kind] * UNITS, UNITS**-0.5
    shapes = [(rows, INPUTS), (rows, UNITS), (rows,), (rows,), (CLASSES, UNITS), (CLASSES,)]
    weights = [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes]
    x = rng.normal(size=(TIME, BATCH, INPUTS)).astype(np.float32)
    return x, rng.integers(0, CLASSES, TIME * BATCH), weights


def with_library(lib: Any, functional: Any, kind: str) -> Step:
    """The step on minigrad, or on PyTorch: the same program."""
    x, t, weights = start(kind)
    layer, head = getattr(lib.nn, kind)(INPUTS, UNITS), lib.nn.Linear(UNITS, CLASSES)
    parameters = [*layer.parameters(), *head.parameters()]
    with lib.no_grad():
        for parameter, w in zip(parameters, weights, strict=True):
            parameter.copy_(lib.tensor(w))
    inputs, targets = lib.tensor(x), lib.tensor(t)
    optimizer = lib.optim.Adam(parameters, lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        states, _ = layer(inputs)
        loss = functional.cross_entropy(head(states).reshape(-1, CLASSES), targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


# -------------------------------------------------------------------------------------------- by hand, with NumPy alone
# Each returns the states (T + 1, N, H), from the first, zero, and a function from their gradients to those of each row
# of x @ w_ih.T + b_ih and of h @ w_hh.T + b_hh: two arrays (T, N, gates x H).

Recurrence = Callable[[Any, Any, Any], tuple[Any, Callable[[Any], tuple[Any, Any]]]]


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def rnn(a: Any, w: Any, b: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    a, h = a + b, zeros(TIME + 1, BATCH, UNITS)
    for t in range(TIME):
        np.tanh(a[t] + h[t] @ w.T, out=h[t + 1])

    def back(g: Any) -> tuple[Any, Any]:
        d, dh = np.empty_like(g), zeros(BATCH, UNITS)
        slope = 1 - h[1:] * h[1:]
        for t in reversed(range(TIME)):
            np.multiply(g[t] + dh, slope[t], out=d[t])
            dh = d[t] @ w
        return d, d

    return h, back


def lstm(a: Any, w: Any, b: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    a, h, c = a + b, zeros(TIME + 1, BATCH, UNITS), zeros(TIME + 1, BATCH, UNITS)
    squashed = np.empty_like(h)
    for t in range(TIME):
        a[t] += h[t] @ w.T
        i, f, g, o = np.split(a[t], 4, 1)
        for gate in (i, f, o):
            np.divide(1, 1 + np.exp(-gate), out=gate)
        np.tanh(g, out=g)
        c[t + 1] = f * c[t] + i * g
        np.tanh(c[t + 1], out=squashed[t + 1])
        h[t + 1] = o * squashed[t + 1]

    def back(grads: Any) -> tuple[Any, Any]:
        d, dh, dc = np.empty_like(a), zeros(BATCH, UNITS), zeros(BATCH, UNITS)
        for t in reversed(range(TIME)):
            i, f, g, o = np.split(a[t], 4, 1)
            di, df, dg, do = np.split(d[t], 4, 1)
            s = squashed[t + 1]
            dh = dh + grads[t]
            dc = dc + dh * o * (1 - s * s)
            np.multiply(dc * g, i * (1 - i), out=di)
            np.multiply(dc * c[t], f * (1 - f), out=df)
            np.multiply(dc * i, 1 - g * g, out=dg)
            np.multiply(dh * s, o * (1 - o), out=do)
            dc = dc * f
            dh = d[t] @ w
        return d, d

    return h, back


def gru(a: Any, w: Any, b: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    h, kept = zeros(TIME + 1, BATCH, UNITS), []
    for t in range(TIME):
        from_h = h[t] @ w.T + b
        r, z = np.split(1 / (1 + np.exp(-(a[t] + from_h)[:, : 2 * UNITS])), 2, 1)
        n = np.tanh(a[t, :, 2 * UNITS :] + r * from_h[:, 2 * UNITS :])
        h[t + 1] = n + z * (h[t] - n)
        kept.append((r, z, n, from_h[:, 2 * UNITS :]))

    def back(g: Any) -> tuple[Any, Any]:
        to_a, dh = np.empty_like(a), zeros(BATCH, UNITS)
        to_h = np.empty_like(a)
        for t in reversed(range(TIME)):
            r, z, n, from_h = kept[t]
            dh = dh + g[t]
            dn = dh * (1 - z) * (1 - n * n)
            to_a[t] = np.concatenate([dn * from_h * r * (1 - r), dh * (h[t] - n) * z * (1 - z), dn], 1)
            to_h[t] = to_a[t]
            to_h[t, :, 2 * UNITS :] *= r
            dh = dh * z + to_h[t] @ w
        return to_a, to_h

    return h, back


BY_HAND: dict[str, Recurrence] = {"RNN": rnn, "LSTM": lstm, "GRU": gru}


def in_numpy(kind: str) -> Step:
    """The step written out, forward and backward."""
    x, t, weights = start(kind)
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = weights
    rows, moved = x.reshape(-1, INPUTS), FlatAdam(weights)

    def flat(a: Any) -> Any:
        return a.reshape(TIME * BATCH, -1)

    def step() -> float:
        a = (rows @ w_ih.T + b_ih).reshape(TIME, BATCH, -1)
        h, back = BY_HAND[kind](a, w_hh, b_hh)
        loss, p = softmax_cross_entropy(flat(h[1:]) @ w_out.T + b_out, t)
        to_a, to_h = map(flat, back((p @ w_out).reshape(TIME, BATCH, UNITS)))
        layer = [to_a.T @ rows, to_h.T @ flat(h[:-1]), to_a.sum(0), to_h.sum(0)]
        moved.step([*layer, p.T @ flat(h[1:]), p.sum(0)])
        return loss

    return step


def main() -> None:
    """Measure, and print the table."""
    pairs = begin(__doc__ or "")
    for kind in GATES:
        steps = [
            with_library(minigrad, minigrad.nn.functional, kind),
            with_library(torch, torch.nn.functional, kind),
            in_numpy(kind),
        ]
        measure(f"{kind}, T={TIME}, H={UNITS}, batch {BATCH}", "Adam", steps, 2, pairs)


if __name__ == "__main__":
    main()
