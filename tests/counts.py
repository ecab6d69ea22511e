"""How the samples of one of PyTorch's databases fared: counted, and printed as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Row:
    """What became of the samples of one operator, module or optimiser. `of_these` counts parts of `passed`."""

    name: str
    passed: int = 0
    of_these: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    @property
    def samples(self) -> int:
        return self.passed + self.unsupported.total() + len(self.failed)

    def numbers(self, columns: tuple[str, ...]) -> list[int]:
        return [self.samples, self.passed, *(self.of_these[name] for name in columns)]


def table(kind: str, rows: list[Row], *columns: str) -> str:
    """The rows as a Markdown table, with their sum; `columns` are names of `of_these`."""
    names = [kind, "samples", "passed", *(f"of these {name}" for name in columns), "unsupported", "failed"]
    lines = [f"| {' | '.join(names)} |", f"|---|{'--:|' * (2 + len(columns))}---|--:|"]
    for row in rows:
        reasons = "; ".join(f"{count}: {why}" for why, count in row.unsupported.items()) or "0"
        lines.append(f"| `{row.name}` | {cells(row.numbers(columns))} | {reasons} | {len(row.failed)} |")
    sums = [sum(column) for column in zip(*(row.numbers(columns) for row in rows), strict=True)]
    sums += [sum(row.unsupported.total() for row in rows), sum(len(row.failed) for row in rows)]
    return "\n".join([*lines, f"| **{len(rows)} {kind}s** | {cells(sums)} |"])


def cells(numbers: list[int]) -> str:
    return " | ".join(map(str, numbers))


def report(kind: str, rows: list[Row], *columns: str) -> int:
    """Print the table, then what failed. Returns whether anything did, as an exit status."""
    print(table(kind, rows, *columns))
    for row in rows:
        print(*row.failed, sep="\n", end="\n" if row.failed else "")
    return 1 if any(row.failed for row in rows) else 0


def described(value: Any) -> str:
    """A sample's argument in a few characters: tensors by their shape."""
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(described, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {described(part)}' for key, part in value.items())}}}"
    return repr(value)
