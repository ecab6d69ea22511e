"""A training script written for PyTorch runs on minigrad with its imports changed, and gives the same losses."""

import contextlib
import io
from pathlib import Path

import pytest
import torch

import minigrad

SCRIPT = Path(__file__).parent / "scripts" / "train.py"
IMPORTS = {
    "import torch\n": "import minigrad as torch\n",
    "import torch.nn.functional as F\n": "import minigrad.nn.functional as F\n",
    "from torch import nn, optim\n": "from minigrad import nn, optim\n",
    "from torch.utils.data import": "from minigrad.utils.data import",
}


def printed(source: str) -> list[float]:
    """What the script prints, as numbers."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, str(SCRIPT), "exec"), {"__name__": "__main__"})
    finally:
        torch.set_default_dtype(torch.float32)
        minigrad.set_default_dtype(minigrad.float32)
    return [float(line) for line in out.getvalue().split()]


def test_same_losses_with_only_the_imports_changed() -> None:
    theirs = SCRIPT.read_text(encoding="utf-8")
    ours = theirs
    for before, after in IMPORTS.items():
        assert ours.count(before) == 1
        ours = ours.replace(before, after)
    changed = [a for a, b in zip(theirs.splitlines(), ours.splitlines(), strict=True) if a != b]
    assert len(changed) == len(IMPORTS)
    assert all(line.startswith(("import ", "from ")) for line in changed)

    losses = printed(theirs)
    assert losses[0] > 2 * losses[-2]  # it learns, so there is something to agree on
    assert losses[-1] > 0.9
    assert printed(ours) == pytest.approx(losses, rel=0, abs=1e-6)
