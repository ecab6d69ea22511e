"""One training step of micrograd's own two-moons demo, in micrograd and in minigrad.

    python benchmarks/micrograd_moons.py [--pairs N]

The network (2-16-16-1, ReLU), the loss (max-margin, plus 1e-4 times the sum of squared weights) and the 100 points are
those of the demo; the step is forward, zero the gradients, backward, update. Each engine lives in a process of its own,
so that none collects what another left behind; they take turns, and the median of the ratios of their times is
reported. Both run the same program, in which inputs become nodes; another row shows minigrad with the inputs left as
plain numbers, which is how one would write it. The losses have to agree.

Needs `micrograd` from PyPI (`pip install micrograd`, the optional dependency `bench`).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

from minigrad.scalar import Scalar

try:
    from micrograd.engine import Value
except ImportError:
    sys.exit("micrograd_moons: micrograd is not installed; run `pip install micrograd` first")

# What makes a node, and what an input becomes.
ENGINES: dict[str, tuple[Callable[[float], Any], Callable[[float], Any]]] = {
    "micrograd": (Value, Value),
    "minigrad, same program": (Scalar, Scalar),
    "minigrad, plain inputs": (Scalar, float),
}
SIZES = (2, 16, 16, 1)
Points = list[tuple[float, float, float]]


def two_moons(count: int, noise: float = 0.1) -> Points:
    """Points (x1, x2, label) on two half circles, with labels 1 and -1."""
    rng = random.Random(1)
    data = []
    for i in range(count):
        angle = math.pi * rng.random()
        x1, x2, label = math.cos(angle), math.sin(angle), 1.0
        if i % 2:
            x1, x2, label = 1.0 - x1, 0.5 - x2, -1.0
        data.append((rng.gauss(x1, noise), rng.gauss(x2, noise), label))
    return data


class Moons:
    """The demo's network, on whatever class of scalars it is given."""

    def __init__(self, scalar: Callable[[float], Any], wrap: Callable[[float], Any]) -> None:
        rng = random.Random(0)
        self.wrap = wrap
        self.layers = [
            [([scalar(rng.uniform(-1.0, 1.0)) for _ in range(inputs)], scalar(0.0)) for _ in range(outputs)]
            for inputs, outputs in pairwise(SIZES)
        ]
        self.parameters = [p for layer in self.layers for weights, bias in layer for p in (*weights, bias)]

    def score(self, x: list[Any]) -> Any:
        """The output of the network for one point."""
        for i, layer in enumerate(self.layers):
            x = [sum((w * each for w, each in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            if i < len(self.layers) - 1:
                x = [each.relu() for each in x]
        return x[0]

    def step(self, data: Points, rate: float) -> float:
        """One step of gradient descent; returns the loss before it."""
        scores = [self.score([self.wrap(x1), self.wrap(x2)]) for x1, x2, _ in data]
        losses = [(1 + -label * score).relu() for (_, _, label), score in zip(data, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in self.parameters)
        for p in self.parameters:
            p.grad = 0.0
        loss.backward()
        for p in self.parameters:
            p.data -= rate * p.grad
        return float(loss.data)


def serve(engine: str, pipe: Connection) -> None:
    """In a process of its own: for every learning rate that arrives, take a step and send (seconds, loss)."""
    model, data = Moons(*ENGINES[engine]), two_moons(100)
    while (rate := pipe.recv()) is not None:
        start = time.perf_counter()
        loss = model.step(data, rate)
        pipe.send((time.perf_counter() - start, loss))


def main() -> None:
    """Take turns, compare the losses, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=30, help="steps of each, default 30")
    pairs = parser.parse_args().pairs

    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for engine in ENGINES:
        pipes[engine], theirs = context.Pipe()
        context.Process(target=serve, args=(engine, theirs), daemon=True).start()
    seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    loss = 0.0
    for step in range(-3, pairs):  # the first three are for warming up
        losses = []
        for engine, pipe in pipes.items():
            pipe.send(1.0 - 0.9 * max(step, 0) / 100)
            spent, loss = pipe.recv()
            losses.append(loss)
            if step >= 0:
                seconds[engine].append(spent)
        if max(losses) - min(losses) > 1e-9:
            sys.exit(f"micrograd_moons: step {step}: the losses differ: {losses}")
    for pipe in pipes.values():
        pipe.send(None)

    print(f"Two moons, 100 points, 2-16-16-1: one step, median of {pairs} (Python {platform.python_version()})\n")
    print(f"{'':24}{'ms':>8}{'micrograd takes, times':>26}")
    for engine, spent in seconds.items():
        ratios = [micrograd / own for micrograd, own in zip(seconds["micrograd"], spent, strict=True)]
        print(f"{engine:24}{1000 * statistics.median(spent):8.1f}{statistics.median(ratios):26.2f}")
    print(f"\nlosses equal to 1e-9 in every step; the last: {loss:.6f}")


if __name__ == "__main__":
    main()
