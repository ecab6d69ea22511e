"""Recurrent steps, and whole sequences of them as one operation.

Made from chapter 7, Backpropagate through time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.nn.functional import fused_linear
from minigrad.primitive import Array, Fused
from minigrad.rules import concatenate, getitem, relu, reshape, rows, sigmoid, tanh

ACTIVATIONS = {"tanh": tanh, "relu": relu}


def rnn_step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, nonlinearity: str = "tanh") -> Any:
    """tanh(x w_ihᵀ + b_ih + h w_hhᵀ + b_hh), or relu: input (N, I) and state (N, H) to the next state. Elman (1990)."""
    return ACTIVATIONS[nonlinearity](fused_linear(x, w_ih, b_ih) + fused_linear(h, w_hh, b_hh))


def over_time(states: list[Any]) -> Any:
    """T states (N, H) as one array or tensor (T, N, H)."""
    return concatenate(*[reshape(h, shape=(1, *h.shape)) for h in states], axis=0)


def composed_rnn(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, nonlinearity: str) -> Any:
    """What `rnn_sequence` computes, step by step."""
    states = []
    for t in range(x.shape[0]):
        h = rnn_step(getitem(x, index=t), h, w_ih, w_hh, b_ih, b_hh, nonlinearity)
        states.append(h)
    return over_time(states)


def input_part(x: Array, w_ih: Array, *biases: Array | None) -> Array:
    """x w_ihᵀ plus the biases for all steps in one product: (T, N, I) to (T, N, gates)."""
    out: Array = rows(x) @ w_ih.T
    if given := [b for b in biases if b is not None]:
        out += sum(given)
    return out.reshape(*x.shape[:2], len(w_ih))


def rnn_forward(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, nonlinearity: str
) -> tuple[Array, Array]:
    """The states (T, N, H); saves them with the first one before them."""
    pre, w = input_part(x, w_ih, b_ih, b_hh), np.ascontiguousarray(w_hh.T)
    states = np.empty((len(x) + 1, *h.shape), x.dtype)
    states[0] = h
    for t, a in enumerate(pre):
        a += states[t] @ w
        if nonlinearity == "tanh":
            np.tanh(a, out=states[t + 1])
        else:
            np.maximum(a, 0, out=states[t + 1])
    return states[1:], states


def rnn_rule(
    g: Array, out: Array, states: Array, x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any,
    nonlinearity: str,
) -> tuple[Any, ...]:  # fmt: skip
    """Walk back through the steps: what arrives at a state is its own cotangent and what the next step sends."""
    d = 1 - out * out if nonlinearity == "tanh" else (out > 0).astype(out.dtype)
    late: Array = np.zeros_like(h)
    for t in reversed(range(len(x))):
        late += g[t]
        d[t] *= late
        late = d[t] @ w_hh
    return shared_out(d, late, x, states[:-1], w_ih)


def shared_out(d: Array, first: Array, x: Array, before: Array, w_ih: Array) -> tuple[Any, ...]:
    """What input, first state, weights and biases are due, given `d`, the cotangents of the pre-activations.

    `before` holds the state that each step started from. The sums over time and batch are one matrix product each.
    """
    flat = rows(d)
    into_bias = [lambda: flat.sum(0)] * 2
    into_x = lambda: (flat @ w_ih).reshape(x.shape)  # noqa: E731
    return into_x, first, lambda: flat.T @ rows(x), lambda: flat.T @ rows(before), *into_bias


rnn_sequence = Fused("rnn", rnn_forward, rnn_rule, composed_rnn)


def gate_parts(a: Any, parts: int) -> list[Any]:
    """The last axis cut into equal parts, one for each gate."""
    n = a.shape[-1] // parts
    return [getitem(a, index=(..., slice(i * n, (i + 1) * n))) for i in range(parts)]


def lstm_step(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any = None) -> tuple[Any, Any]:
    """c' = f c + i g and h' = o tanh(c'); gates in the order i, f, g, o. Returns the next (h, c).

    `w_hr` (P, H) projects h' to P numbers. Hochreiter and Schmidhuber (1997); f: Gers et al. (2000).
    """
    i, f, g, o = gate_parts(fused_linear(x, w_ih, b_ih) + fused_linear(h, w_hh, b_hh), 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return (h if w_hr is None else fused_linear(h, w_hr, None)), c


def lstm_states(x: Any, h: Any, c: Any, *weights: Any) -> tuple[Any, Any]:
    """All h as (T, N, H), and the last c, step by step."""
    states = []
    for t in range(x.shape[0]):
        h, c = lstm_step(getitem(x, index=t), h, c, *weights)
        states.append(h)
    return over_time(states), c


def composed_lstm(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """What `lstm_sequence` computes, step by step."""
    states, c = lstm_states(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return concatenate(states, reshape(c, shape=(1, *c.shape)), axis=0)


def lstm_forward(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any
) -> tuple[Array, tuple[Array, ...]]:
    """All h and, after them, the last c: (T + 1, N, H). A sigmoid is made of tanh: (1 + tanh(a / 2)) / 2."""
    pre, w = input_part(x, w_ih, b_ih, b_hh), np.ascontiguousarray(w_hh.T)
    by_gate, gates = one_block_a_gate(pre), np.empty((len(x), 4, *h.shape), x.dtype)
    half = np.array([0.5, 0.5, 1, 0.5], x.dtype).reshape(4, 1, 1)
    hs, cs = np.empty((2, len(x) + 2, *h.shape), x.dtype)
    hs[0], cs[0], squashed = h, c, np.empty((len(x), *h.shape), x.dtype)
    for t, a in enumerate(gates):
        pre[t] += hs[t] @ w
        np.multiply(by_gate[t], half, out=a)
        np.tanh(a, out=a)
        a *= half
        a += 1 - half
        i, f, g, o = a
        np.multiply(f, cs[t], out=cs[t + 1])
        cs[t + 1] += i * g
        np.tanh(cs[t + 1], out=squashed[t])
        np.multiply(o, squashed[t], out=hs[t + 1])
    hs[-1] = cs[len(x)]
    return hs[1:], (hs, cs, squashed, gates)


def one_block_a_gate(a: Array) -> Array:
    """A view of (T, N, 4 H) as (T, 4, N, H)."""
    return a.reshape(*a.shape[:2], 4, a.shape[-1] // 4).transpose(0, 2, 1, 3)


def lstm_rule(
    g: Array, out: Array, saved: tuple[Array, ...], x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any,
    b_hh: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Walk back through the steps, with one cotangent for h and one for c, which meets nothing but the forget gate."""
    hs, cs, squashed, gates = saved
    d = np.empty((*x.shape[:2], 4 * h.shape[-1]), x.dtype)
    by_gate, part = one_block_a_gate(d), np.empty_like(gates[0])
    dh, dc = np.zeros_like(h), g[-1].copy()
    for t in reversed(range(len(x))):
        dh += g[t]
        dc = lstm_back(part, dh, dc, gates[t], squashed[t], cs[t])
        by_gate[t] = part
        dh = d[t] @ w_hh
    into_x, into_h, *into_weights = shared_out(d, dh, x, hs[: len(x)], w_ih)
    return into_x, into_h, dc, *into_weights


def lstm_back(d: Array, dh: Array, dc: Array, gates: Array, y: Array, c: Array) -> Array:
    """One step back: fills `d` with the cotangents of the four pre-activations; returns that of the cell before.

    `y` is tanh of the new cell, `c` the old cell. The slope of a sigmoid is s (1 - s), that of tanh 1 - t².
    """
    (i, f, g, o), (di, df, dg, do) = gates, d
    through = dh * o
    dc = dc + through
    np.multiply(through, y, out=do)
    dc -= do * y
    do -= do * o
    np.multiply(dc, i, out=dg)
    np.multiply(dg, g, out=di)
    dg -= di * g
    di -= di * i
    dc *= f
    np.multiply(dc, c, out=df)
    df -= df * f
    return dc


lstm_sequence = Fused("lstm", lstm_forward, lstm_rule, composed_lstm)


def gru_step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """n + z (h - n), where n = tanh(xₙ + r hₙ); gates in the order r, z, n. After Cho et al. (2014)."""
    (xr, xz, xn), (hr, hz, hn) = gate_parts(fused_linear(x, w_ih, b_ih), 3), gate_parts(fused_linear(h, w_hh, b_hh), 3)
    n = tanh(xn + sigmoid(xr + hr) * hn)
    return n + sigmoid(xz + hz) * (h - n)


def composed_gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """What `gru_sequence` computes, step by step."""
    states = []
    for t in range(x.shape[0]):
        h = gru_step(getitem(x, index=t), h, w_ih, w_hh, b_ih, b_hh)
        states.append(h)
    return over_time(states)


def gru_forward(x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any) -> tuple[Array, tuple[Array, ...]]:
    """The states (T, N, H); saves them with the first one, the gates r, z, n, and what r was multiplied with."""
    gates, w, m = input_part(x, w_ih, b_ih), np.ascontiguousarray(w_hh.T), h.shape[-1]
    states = np.empty((len(x) + 1, *h.shape), x.dtype)
    states[0], gated = h, np.empty((len(x), *h.shape), x.dtype)
    for t, a in enumerate(gates):
        from_h = states[t] @ w
        if b_hh is not None:
            from_h += b_hh
        rz = a[:, : 2 * m]
        rz += from_h[:, : 2 * m]
        rz *= 0.5
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        r, z, n = a[:, :m], a[:, m : 2 * m], a[:, 2 * m :]
        gated[t] = from_h[:, 2 * m :]
        n += r * gated[t]
        np.tanh(n, out=n)
        np.add(n, z * (states[t] - n), out=states[t + 1])
    return states[1:], (states, gates, gated)


def gru_rule(
    g: Array, out: Array, saved: tuple[Array, ...], x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    """Walk back through the steps. What the state's product is due differs from the input's in the candidate, by r."""
    states, gates, gated = saved
    m, d = h.shape[-1], np.empty_like(gates)
    from_h, dh = np.empty_like(gates), np.zeros_like(h)
    for t in reversed(range(len(x))):
        r, z, n = gates[t, :, :m], gates[t, :, m : 2 * m], gates[t, :, 2 * m :]
        dh += g[t]
        d[t, :, m : 2 * m] = dh * (states[t] - n) * z * (1 - z)
        d[t, :, 2 * m :] = into_n = dh * (1 - z) * (1 - n * n)
        d[t, :, :m] = into_n * gated[t] * r * (1 - r)
        from_h[t] = d[t]
        from_h[t, :, 2 * m :] *= r
        dh = dh * z + from_h[t] @ w_hh
    into_x, first, into_w, _, into_b, _ = shared_out(d, dh, x, states[:-1], w_ih)
    flat = rows(from_h)
    return into_x, first, into_w, lambda: flat.T @ rows(states[:-1]), into_b, lambda: flat.sum(0)


gru_sequence = Fused("gru", gru_forward, gru_rule, composed_gru)
