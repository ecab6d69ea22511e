"""Every sample that PyTorch's operator database has for the operators that minigrad offers.

The table, with the counts, is what ``python -m tests.opdb`` prints.
"""

from collections import Counter

import pytest

from tests.counts import Row, table
from tests.opdb import OPERATORS, UNSUPPORTED, run


@pytest.mark.parametrize("name", OPERATORS)
def test_every_sample_passes(name: str) -> None:
    row = run(name)
    assert row.failed == []
    assert row.samples > 0
    assert row.unsupported.total() <= 0.1 * row.samples


def test_each_unsupported_sample_has_a_reason() -> None:
    assert all(name in OPERATORS and len(reason) > 20 for name, _, reason in UNSUPPORTED)


def test_a_wrong_operator_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value, a wrong gradient, a wrong second derivative and an accident each count as failures."""
    value, gradient, second, accident = (
        lambda x: x.exp() + 1e-6,
        lambda x: x.detach().exp() + x * 0,
        lambda x: x.detach().exp() * (1 + x - x.detach()),
        lambda x: x.exp(base=2),
    )
    expected = ["value off", "gradient of input 0 off", "second derivative off", "TypeError"]
    for wrong, complaint in zip((value, gradient, second, accident), expected, strict=True):
        monkeypatch.setitem(OPERATORS, "exp", wrong)
        row = run("exp")
        assert row.passed < row.samples == 3
        assert all(complaint in problem for problem in row.failed), row.failed


def test_the_table_counts() -> None:
    rows = [Row("exp", 3, Counter(twice=2)), Row("log", 1, failed=["log: off"])]
    rows[0].unsupported["no complex numbers"] += 1
    lines = table("operator", rows, "twice").splitlines()
    assert lines[0] == "| operator | samples | passed | of these twice | unsupported | failed |"
    assert lines[2] == "| `exp` | 4 | 3 | 2 | 1: no complex numbers | 0 |"
    assert lines[4] == "| **2 operators** | 6 | 4 | 2 | 1 | 1 |"
