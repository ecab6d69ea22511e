"""One training step in minigrad, in PyTorch eager, and in NumPy without an engine.

    python benchmarks/training_step.py [--pairs N] [--tune]

Two networks, float32, one thread: forward, cross-entropy, backward, and an update by SGD, or by Adam. minigrad has no
Adam before chapter 5, so here its gradients are moved by the few lines of NumPy below, on one flat vector; PyTorch uses
its own. All three start from the same weights, and their losses have to agree. They take turns; the table shows the
median of the ratios of their times. ``--tune`` calls `minigrad.tune_allocator()` first.
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
    """Adam (Kingma and Ba, 2015) on one flat vector."""

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
    parameters = list(net.parameters())
    inputs, targets = lib.tensor(x), lib.tensor(t)
    by_hand = FlatAdam([p.array for p in parameters]) if adam and lib is minigrad else None
    kind = lib.optim.Adam if adam and not by_hand else lib.optim.SGD
    optimizer = kind(parameters, lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(inputs), targets)
        loss.backward()
        if by_hand:
            by_hand.step([p.grad.array for p in parameters])
        else:
            optimizer.step()
        return float(loss.item())

    return step


def in_numpy(sizes: list[int], batch: int, adam: bool) -> Step:
    """The step written out, forward and backward."""
    x, t, weights = start(sizes, batch)
    picked, moved = (np.arange(batch), t), FlatAdam(weights)

    def step() -> float:
        seen = [x]
        for i in range(0, len(weights), 2):
            h = seen[-1] @ weights[i].T
            h += weights[i + 1]
            seen.append(np.maximum(h, 0) if i + 2 < len(weights) else h)
        z = seen[-1] - seen[-1].max(1, keepdims=True)
        p = np.exp(z)
        total = p.sum(1, keepdims=True)
        loss = float((np.log(total[:, 0]) - z[picked]).mean())
        p /= total
        p[picked] -= 1
        p /= batch
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


def seconds(step: Step, number: int) -> float:
    """The time of one step, the mean of `number`."""
    begin = time.perf_counter()
    for _ in range(number):
        step()
    return (time.perf_counter() - begin) / number


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=25, help="how many turns each")
    parser.add_argument("--tune", action="store_true", help="call minigrad.tune_allocator() first")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tuned = args.tune and minigrad.tune_allocator()
    print(f"{platform.machine()}, one thread, allocator {'tuned' if tuned else 'as it is'}, {args.pairs} turns each\n")
    print("| network | update | minigrad, µs | PyTorch, µs | to PyTorch | to NumPy |\n|---|---|--:|--:|--:|--:|")
    for name, (sizes, batch, number) in NETWORKS.items():
        for adam in (False, True):
            ours = with_library(minigrad, minigrad.nn.functional, sizes, batch, adam)
            theirs = with_library(torch, torch.nn.functional, sizes, batch, adam)
            plain = in_numpy(sizes, batch, adam)
            for _ in range(10):
                losses = [ours(), theirs(), plain()]
                if max(losses) - min(losses) > 1e-4:
                    raise SystemExit(f"training_step: the losses differ: {losses}")
            times = [[seconds(step, number) for step in (ours, theirs, plain)] for _ in range(args.pairs)]
            mine, pytorch = (statistics.median(column) * 1e6 for column in list(zip(*times, strict=True))[:2])
            ratios = [statistics.median(t[0] / t[i] for t in times) for i in (1, 2)]
            update = "Adam" if adam else "SGD"
            print(f"| {name} | {update} | {mine:.0f} | {pytorch:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
