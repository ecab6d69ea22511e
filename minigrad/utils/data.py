"""Data sets, and batches of them.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.functions import stack
from minigrad.random import Generator, stream
from minigrad.tensor import Tensor


class Dataset:
    """Anything with `__len__` and `__getitem__`: the number of samples, and sample i."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__: return sample number `index`")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__: return the number of samples")


class TensorDataset(Dataset):
    """Tensors whose first axis counts the samples: sample i is ``(x[i], y[i], ...)``."""

    def __init__(self, *tensors: Tensor) -> None:
        if not all(isinstance(t, Tensor) for t in tensors):
            raise TypeError(f"TensorDataset: expected tensors, found {[type(t).__name__ for t in tensors]}")
        if len({len(t) for t in tensors}) != 1:
            raise ValueError(f"TensorDataset: first axes differ or nothing was given: {[t.shape for t in tensors]}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class DataLoader:
    """Go through `dataset` in batches, in a new order each time if `shuffle`.

    The last batch may be smaller unless `drop_last`. Draws from `generator`, or from everybody's stream.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        generator: Generator | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1 or batch_size % 1:
            raise ValueError(f"DataLoader: found batch_size={batch_size}, expected a whole number, at least 1")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.generator, self.drop_last = generator, drop_last

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = stream(self.generator).permutation(n) if self.shuffle else np.arange(n)
        for i in range(len(self)):
            picked = order[i * self.batch_size : (i + 1) * self.batch_size]
            if isinstance(self.dataset, TensorDataset):
                yield list(self.dataset[picked])
            else:
                yield collate([self.dataset[int(k)] for k in picked])


def collate(samples: list[Any]) -> Any:
    """One batch of a list of samples: tensors and arrays are stacked, numbers become a tensor, tuples go in order."""
    first = samples[0]
    if isinstance(first, tuple | list):
        return [collate(list(column)) for column in zip(*samples, strict=True)]
    if isinstance(first, dict):
        return {key: collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, Tensor):
        return stack(samples)
    if isinstance(first, str):
        return samples
    if isinstance(first, np.ndarray):
        return Tensor(np.stack(samples))
    return Tensor(samples, dtype=np.float64 if isinstance(first, float) else None)  # float64, as PyTorch makes it
