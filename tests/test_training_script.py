"""Training scripts written for PyTorch run on minigrad with their imports changed, and give the same losses.

Dropout's masks are drawn from streams that differ: PyTorch's are recorded, and minigrad is given the same.
"""

import contextlib
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import minigrad

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


def for_minigrad(source: str) -> str:
    """The script with its imports changed, and nothing else."""
    source = re.sub(r"^import torch$", "import minigrad as torch", source, flags=re.MULTILINE)
    return re.sub(r"^(import|from) torch\b", r"\1 minigrad", source, flags=re.MULTILINE)


def printed(source: str, name: str) -> list[list[float]]:
    """What the script prints, as numbers: a list for each line."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, name, "exec"), {"__name__": "__main__"})
    finally:
        torch.set_default_dtype(torch.float32)
        minigrad.set_default_dtype(minigrad.float32)
    return [[float(word) for word in line.split()] for line in out.getvalue().splitlines()]


class Masks:
    """Records what PyTorch's dropout keeps, then stands in for minigrad's stream of random numbers."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.dropout = torch.nn.functional.dropout

    def record(self, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        """PyTorch's dropout; it draws, and scales."""
        if not training:
            return self.dropout(input, p, training)
        scale = self.dropout(torch.ones_like(input), p)
        self.kept.append(scale.numpy() > 0)
        return input * scale

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        """Draws from [0, 1) below any p where PyTorch dropped, and above it where it did not."""
        kept = self.kept.pop(0)
        assert kept.shape == shape
        return np.where(kept, np.nextafter(1, 0), 0)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_same_losses_with_only_the_imports_changed(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = script.read_text(encoding="utf-8")
    ours = for_minigrad(theirs)
    changed = [a for a, b in zip(theirs.splitlines(), ours.splitlines(), strict=True) if a != b]
    assert changed == [line for line in theirs.splitlines() if line.startswith(("import torch", "from torch"))]

    masks = Masks()
    monkeypatch.setattr(torch.nn.functional, "dropout", masks.record)
    monkeypatch.setattr(minigrad.nn.functional, "stream", lambda generator: masks)
    numbers = printed(theirs, script.name)
    assert bool(masks.kept) == ("Dropout" in theirs)
    assert numbers[0][0] > 1.5 * numbers[-2][0]  # it learns, so there is something to agree on
    mine = printed(ours, script.name)
    assert [len(line) for line in mine] == [len(line) for line in numbers]
    for line, expected in zip(mine, numbers, strict=True):
        assert line == pytest.approx(expected, rel=0, abs=1e-6)
    assert not masks.kept


def test_a_wrong_engine_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients that are not clipped make other losses."""
    clip = minigrad.nn.utils.clip_grad_norm_
    monkeypatch.setattr(minigrad.nn.utils, "clip_grad_norm_", lambda parameters, norm: clip(parameters, math.inf))
    script = next(path for path in SCRIPTS if path.stem == "char_model")
    source = script.read_text(encoding="utf-8").replace("range(6)", "range(2)")
    (first, *_), (expected, *_) = printed(for_minigrad(source), script.name), printed(source, script.name)
    assert abs(first[0] - expected[0]) > 1e-6
