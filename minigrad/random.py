"""Streams of random numbers.

Made from chapter 3, Differentiate arrays.
"""

from __future__ import annotations

import numpy as np


class Generator:
    """A stream of random numbers of its own, to be handed to what draws."""

    def __init__(self) -> None:
        self.numpy = np.random.default_rng()

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream again at `seed`."""
        self.numpy = np.random.default_rng(seed)
        return self


everybody = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the stream that everybody draws from again at `seed`, and return it."""
    return everybody.manual_seed(seed)


def stream(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator behind `generator`, or behind everybody's."""
    return (generator or everybody).numpy
