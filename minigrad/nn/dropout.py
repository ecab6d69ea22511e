"""Dropout as a layer.

Made from chapter 8, Generalise beyond the training set.
"""

from __future__ import annotations

from minigrad.nn.functional import check_probability, dropout
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Dropout(Module):
    """While training, each element is 0 with probability `p`, else divided by 1 - p; after `eval()`, the identity."""

    def __init__(self, p: float = 0.5) -> None:
        Module.__init__(self)
        check_probability("Dropout", p)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace=False"
