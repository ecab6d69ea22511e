"""One training step in minigrad, in PyTorch eager, and in NumPy without an engine.

    python benchmarks/training_step.py [--pairs N] [--tune]

Two networks, float32, one thread: forward, cross-entropy, backward, and an update by SGD, or by Adam. All three start
from the same weights, and their losses have to agree. They take turns; the table shows the median of the ratios of
their times. ``--tune`` calls `minigrad.tune_allocator()` first.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import torch

import minigrad

NETWORKS = {
    "64-128-64-10, batch 32": ([64, 128, 64, 10], 32, 50),
    "784-512-512-10, batch 128": ([784, 512, 512, 10], 128, 4),
}
RATE = 0.01
Step = Callable[[], float]


class FlatAdam:
    """Adam (Kingma and Ba, 2015) on one flat vector, for those who have no engine."""

    def __init__(self, arrays: list[Any]) -> None:
        self.arrays, self.t = arrays, 0
        self.m, self.v = (np.zeros(sum(a.size for a in arrays), np.float32) for _ in range(2))

    def step(self, gradients: list[Any]) -> None:
        """Move the arrays in place."""
        self.t += 1
        g = np.concatenate([x.ravel() for x in gradients])
        self.m += 0.1 * (g - self.m)
        self.v += 0.001 * (g * g - self.v)
        root = np.sqrt(self.v / (1 - 0.999**self.t))
        root += 1e-8
        move = self.m / root
        move *= RATE / (1 - 0.9**self.t)
        at = 0
        for a in self.arrays:
            a -= move[at : at + a.size].reshape(a.shape)
            at += a.size


def start(sizes: list[int], batch: int) -> tuple[Any, Any, list[Any]]:
    """Inputs, classes, and the first weights and biases."""
    rng = np.random.default_rng(0)
    weights: list[Any] = []
    for a, b in pairwise(sizes):
        weights += [rng.normal(0, a**-0.5, (b, a)).astype(np.float32), np.zeros(b, np.float32)]
    return rng.normal(size=(batch, sizes[0])).astype(np.float32), rng.integers(0, sizes[-1], batch), weights


def with_library(lib: Any, functional: Any, sizes: list[int], batch: int, adam: bool) -> Step:
    """The step on minigrad, or on PyTorch: the same program."""
    x, t, weights = start(sizes, batch)
    layers: list[Any] = []
    for a, b in pairwise(sizes):
        layers += [lib.nn.Linear(a, b), lib.nn.ReLU()]
    net = lib.nn.Sequential(*layers[:-1])
    net.load_state_dict({k: lib.tensor(w) for k, w in zip(net.state_dict(), weights, strict=True)})
    inputs, targets = lib.tensor(x), lib.tensor(t)
    optimizer = (lib.optim.Adam if adam else lib.optim.SGD)(net.parameters(), lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(inputs), targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def in_numpy(sizes: list[int], batch: int, adam: bool) -> Step:
    """The step written out, forward and backward."""
    x, t, weights = start(sizes, batch)
    moved = FlatAdam(weights)

    def step() -> float:
        seen = [x]
        for i in range(0, len(weights), 2):
            h = seen[-1] @ weights[i].T
            h += weights[i + 1]
            seen.append(np.maximum(h, 0) if i + 2 < len(weights) else h)
        loss, p = softmax_cross_entropy(seen[-1], t)
        gradients: list[Any] = []
        for i in reversed(range(0, len(weights), 2)):
            gradients = [p.T @ seen[i // 2], p.sum(0), *gradients]
            if i:
                p = (p @ weights[i]) * (seen[i // 2] > 0)
        if adam:
            moved.step(gradients)
        else:
            for w, g in zip(weights, gradients, strict=True):
                w -= RATE * g
        return loss

    return step


def softmax_cross_entropy(z: Any, t: Any) -> tuple[float, Any]:
    """The mean loss for logits `z` and classes `t`, and its gradient by the logits."""
    picked = (np.arange(len(t)), t)
    z = z - z.max(1, keepdims=True)
    p = np.exp(z)
    total = p.sum(1, keepdims=True)
    loss = float((np.log(total[:, 0]) - z[picked]).mean())
    p /= total
    p[picked] -= 1
    p /= len(t)
    return loss, p


def seconds(step: Step, number: int) -> float:
    """The time of one step, the mean of `number`."""
    begin = time.perf_counter()
    for _ in range(number):
        step()
    return (time.perf_counter() - begin) / number


def begin(doc: str) -> int:
    """Read the command line, and print the head of the table. Returns how many turns each one takes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=25, help="how many turns each")
    parser.add_argument("--tune", action="store_true", help="call minigrad.tune_allocator() first")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tuned = args.tune and minigrad.tune_allocator()
    print(f"{platform.machine()}, one thread, allocator {'tuned' if tuned else 'as it is'}, {args.pairs} turns each\n")
    print("| network | update | minigrad, µs | PyTorch, µs | to PyTorch | to NumPy |\n|---|---|--:|--:|--:|--:|")
    return int(args.pairs)


def measure(name: str, update: str, steps: list[Step], number: int, pairs: int) -> None:
    """Print a row: minigrad, PyTorch and NumPy in turns. Ends the program if their losses differ."""
    for _ in range(10):
        losses = [step() for step in steps]
        if max(losses) - min(losses) > 1e-4:
            raise SystemExit(f"{name}: the losses differ: {losses}")
    times = [[seconds(step, number) for step in steps] for _ in range(pairs)]
    mine, pytorch = (statistics.median(column) * 1e6 for column in list(zip(*times, strict=True))[:2])
    ratios = [statistics.median(t[0] / t[i] for t in times) for i in (1, 2)]
    print(f"| {name} | {update} | {mine:.0f} | {pytorch:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)


def main() -> None:
    """Measure, and print the table."""
    pairs = begin(__doc__ or "")
    for name, (sizes, batch, number) in NETWORKS.items():
        for adam in (False, True):
            steps = [
                with_library(minigrad, minigrad.nn.functional, sizes, batch, adam),
                with_library(torch, torch.nn.functional, sizes, batch, adam),
                in_numpy(sizes, batch, adam),
            ]
            measure(name, "Adam" if adam else "SGD", steps, number, pairs)


if __name__ == "__main__":
    main()
