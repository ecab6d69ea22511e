"""Data sets and loaders against PyTorch's."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import Generator, Tensor
from minigrad.utils import data
from minigrad.utils.data import DataLoader, Dataset, TensorDataset, collate


def plain(value: Any) -> Any:
    """Tensors of either library as lists, so that they can be compared."""
    if isinstance(value, Tensor | torch.Tensor):
        return [str(value.dtype).removeprefix("torch."), value.tolist()]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def modules(library: Any) -> Any:
    return data if library is minigrad else torch.utils.data


def squares(library: Any, kind: str) -> Any:
    """A data set whose samples are of the given kind."""

    class Squares(modules(library).Dataset):  # type: ignore[name-defined, misc]
        def __len__(self) -> int:
            return 7

        def __getitem__(self, i: int) -> Any:
            return {
                "number": i * i,
                "float": i * 0.5,
                "tensor": library.tensor([i, i + 1.0]),
                "array": np.array([i, -i]),
                "pair": (library.tensor([float(i)]), i % 2),
                "dict": {"x": library.tensor(float(i)), "name": f"sample {i}"},
                "nested": (i, (float(i), library.tensor(i))),
            }[kind]

    return Squares()


@pytest.mark.parametrize("kind", ["number", "float", "tensor", "array", "pair", "dict", "nested"])
def test_batches_equal_pytorch(kind: str) -> None:
    def batches(library: Any, **options: Any) -> Any:
        return [plain(b) for b in modules(library).DataLoader(squares(library, kind), **options)]

    for options in ({}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": 9}):
        ours, theirs = batches(minigrad, **options), batches(torch, **options)
        assert ours == theirs


@pytest.mark.parametrize("size", [1, 3, 5, 8])
@pytest.mark.parametrize("drop_last", [False, True])
def test_tensor_dataset_equals_pytorch(size: int, drop_last: bool) -> None:
    def batches(library: Any) -> Any:
        x, y = library.arange(10.0).reshape(5, 2), library.arange(5)
        loader = modules(library).DataLoader(modules(library).TensorDataset(x, y), size, drop_last=drop_last)
        return len(loader), [plain(b) for b in loader]

    assert batches(minigrad) == batches(torch)


def test_a_sample_of_a_tensor_dataset() -> None:
    x, y = minigrad.ones(3, 2), minigrad.arange(3)
    pair = TensorDataset(x, y)
    assert len(pair) == 3 and isinstance(pair, Dataset)
    assert plain(pair[1]) == [["float32", [1.0, 1.0]], ["int64", 1]]
    assert isinstance(next(iter(DataLoader(pair, 2))), list)


def test_shuffling_visits_every_sample_once_in_a_new_order_each_time() -> None:
    loader = DataLoader(TensorDataset(minigrad.arange(50)), 8, shuffle=True, generator=Generator().manual_seed(0))
    orders = [[i for (batch,) in loader for i in batch.tolist()] for _ in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    again = DataLoader(TensorDataset(minigrad.arange(50)), 8, shuffle=True, generator=Generator().manual_seed(0))
    assert [i for (batch,) in again for i in batch.tolist()] == orders[0]


def test_shuffling_a_data_set_of_ones_own() -> None:
    loader = DataLoader(squares(minigrad, "number"), 2, shuffle=True)
    assert sorted(i for batch in loader for i in batch.tolist()) == [i * i for i in range(7)]
    assert len(loader) == 4 and len(DataLoader(squares(minigrad, "number"), 2, drop_last=True)) == 3


def test_gradients_flow_through_batches() -> None:
    x = minigrad.ones(4, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 3):
        (batch * 2).sum().backward()
    assert x.grad.tolist() == [2.0] * 4
    x.grad = None
    collate([x[0], x[1]]).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_found_without_an_import_of_its_own() -> None:
    program = "import minigrad as torch; print(torch.utils.data.DataLoader.__name__, torch.nn.init.__name__)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("DataLoader minigrad.nn.init\n", "")


def test_an_empty_data_set() -> None:
    assert list(DataLoader(TensorDataset(minigrad.zeros(0, 2)), 3)) == []


class Unfinished(Dataset):
    """A data set whose author forgot its methods."""


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (
            lambda: TensorDataset(minigrad.ones(3, 2), minigrad.ones(2)),
            ValueError,
            r"first axes differ .*\(3, 2\), \(2,\)",
        ),
        (lambda: TensorDataset(), ValueError, "TensorDataset: first axes differ or nothing was given"),
        (
            lambda: DataLoader([1, 2], batch_size=0),
            ValueError,
            "DataLoader: found batch_size=0, expected a whole number, at least 1",
        ),
        (lambda: DataLoader([1, 2], batch_size=2.5), ValueError, "DataLoader: found batch_size=2.5, expected a whole"),
        (lambda: TensorDataset([1, 2]), TypeError, r"TensorDataset: expected tensors, found \['list'\]"),
        (lambda: minigrad.utils.foo, AttributeError, "minigrad.utils has no 'foo'"),
        (lambda: DataLoader([1, 2], num_workers=2), TypeError, "'num_workers'"),
        (lambda: len(Unfinished()), NotImplementedError, "Unfinished has no __len__: return the number of samples"),
        (lambda: Unfinished()[0], NotImplementedError, "Unfinished has no __getitem__: return sample number"),
        (lambda: collate([minigrad.ones(2), minigrad.ones(3)]), ValueError, "stack: expected .* one shape for all"),
        (lambda: collate([(1, 2), (1,)]), ValueError, "zip"),
    ],
)
def test_refused(wrong: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        wrong()
