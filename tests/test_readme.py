"""The README: its programs print what it says they print, and it stays short."""

import contextlib
import io
import re
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_both_programs_print_what_stands_beside_them() -> None:
    programs = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    outputs = re.findall(r"</td><td>\n\n```text\n(.*?)```|<tr><td>\n\n```text\n(.*?)```", TEXT, re.DOTALL)
    shown = [a or b for a, b in outputs]
    assert len(programs) == len(shown) == 2
    for program, expected in zip(programs, shown, strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, "README.md", "exec"), {})
        assert printed.getvalue() == expected


def test_the_programs_differ_in_their_imports_alone() -> None:
    ours, theirs = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert ours.replace("minigrad as mg", "torch").replace("mg.", "torch.") == theirs


def test_it_stays_short() -> None:
    assert len(TEXT.splitlines()) <= 120
