"""A table of learned vectors, looked up by integers.

Made from chapter 7, Backpropagate through time.
"""

from __future__ import annotations

from typing import Any

from minigrad.creation import zeros
from minigrad.nn.functional import embedding
from minigrad.nn.init import normal_
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor


class Embedding(Module):
    """Integers (...) to rows (..., embedding_dim) of a table `weight` (num_embeddings, embedding_dim).

    The table starts as draws from N(0, 1). The row `padding_idx` starts as zeros and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = None
    ) -> None:
        Module.__init__(self)
        for size, value in (("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)):
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"Embedding: found {size}={value!r}, expected a whole number, at least 0")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(
                f"Embedding: found padding_idx={padding_idx}, expected {-num_embeddings} to {num_embeddings - 1}"
            )
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(normal_(zeros(num_embeddings, embedding_dim, dtype=dtype)))
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
