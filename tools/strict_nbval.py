"""nbval with its traps closed: ``pytest -p tools.strict_nbval --nbval --nbval-current-env book/*.ipynb``.

nbval 0.11 runs each cell and compares its outputs with the stored ones. Left alone it also passes

- a cell whose execution count is missing, without comparing anything;
- a cell tagged ``raises-exception`` that raises nothing, where no error is stored;
- a cell that a comment tells it to skip;
- a cell that no longer draws its picture, when nothing else of the output changes;

and it fails a cell that shows a progress bar, which goes to stderr and is never stored. Here the first four fail, and
a stderr stream that holds nothing but a progress bar is as if it were not there: any other, a warning say, fails.
"""

from __future__ import annotations

import os
import re
from typing import Any

import nbval.plugin
import pytest

from tools.notebooks import calm, is_bar

MARKER = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_\w+)", re.MULTILINE)
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def pictures(outputs: list[Any]) -> list[str]:
    """The kinds of pictures among the outputs, in order."""
    return [kind for output in outputs for kind in PICTURES if kind in output.get("data", {})]


class StrictCell(nbval.plugin.IPyNbCell):  # type: ignore[misc]
    """A code cell that has to do what it did when it was stored."""

    def runtest(self) -> None:
        """Run the cell; fail it where nbval would look away."""
        tags = self.cell.metadata.get("tags", [])
        if self.cell.execution_count != self.cell_num + 1:
            self.raise_cell_error(
                f"Its stored execution count is {self.cell.execution_count}, not {self.cell_num + 1}: the notebook was "
                "not run in order from a fresh kernel. Run `python -m tools.notebooks run`."
            )
        marker = MARKER.search(self.cell.source)
        if marker or "nbval-skip" in tags:
            self.raise_cell_error(f"{marker[1] if marker else 'nbval-skip'}: no cell may be skipped")
        super().runtest()
        outputs = self.test_outputs or []
        if "raises-exception" in tags and not any(out.output_type == "error" for out in outputs):
            self.raise_cell_error("Tagged raises-exception, but nothing was raised")
        for out in outputs:
            if out.output_type == "stream" and out.name == "stderr" and not is_bar(out.text):
                self.raise_cell_error("It writes to stderr, and not a progress bar: a warning perhaps", out.text)

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
        """Compare everything but progress bars, and that pictures are still there."""
        bars = [out for out in test if out.output_type == "stream" and out.name == "stderr" and is_bar(out.text)]
        test = [out for out in test if out not in bars]
        if pictures(test) != pictures(ref):
            self.comparison_traceback = [f"pictures drawn: {pictures(test)}, stored: {pictures(ref)}"]
            return False
        return bool(super().compare_outputs(test, ref, skip_compare))

    def sanitize(self, s: Any) -> Any:
        """Objects' addresses and this checkout's folder are not compared."""
        return calm(s) if isinstance(s, str) else s


def pytest_configure() -> None:
    """Draw figures as a notebook does, whatever the shell says."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Make each of nbval's cells a strict one."""
    if type(item) is nbval.plugin.IPyNbCell:
        item.__class__ = StrictCell
