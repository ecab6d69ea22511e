"""The tangle: cells into modules, classes that grow, imports worked out, drift seen, every mistake named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import tangle
from tools.chapters import read_chapters

INIT = ('"""The package."""', "__init__")


def write_notebook(folder: Path, name: str, title: str, cells: list) -> None:
    """A chapter: its title, then code cells; a pair is (source, module it is exported to)."""
    blocks = [{"cell_type": "markdown", "metadata": {}, "source": [f"# {title}\n"]}]
    for cell in cells:
        source, module = cell if isinstance(cell, tuple) else (cell, None)
        metadata = {"tags": [f"export:{module}"]} if module else {}
        blocks.append({"cell_type": "code", "metadata": metadata, "source": source, "outputs": []})
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"cells": blocks, "metadata": {}}), encoding="utf-8")


FIRST = [
    "from __future__ import annotations\nimport math, os\nimport numpy as np",
    (
        '"""Let a class grow."""\n\ndef more(cls):\n    """Copy a body into `cls`."""\n    return lambda body: cls',
        "more",
    ),
    (
        '"""Scalars."""\n\n# one number\nclass Scalar:\n    """A number."""\n\n'
        "    def __init__(self, data: float) -> None:\n        self.data = data",
        "scalar",
    ),
    INIT,
    (
        '@more(Scalar)\nclass Scalar:\n    # the exponential\n    def exp(self) -> Scalar:\n        """Exp."""\n'
        "        return Scalar(math.exp(self.data))\n",
        "scalar",
    ),
]
SECOND = [
    "from minigrad.more import more\nfrom minigrad.scalar import Scalar",
    (
        '"""Backward."""\n\ndef propagate(x: Scalar) -> list[str]:\n    """Walk."""\n'
        "    return [str(n) for n in [x.data]]",
        "autograd",
    ),
    (
        "@more(Scalar)\nclass Scalar:\n    def backward(self) -> None:\n"
        '        """Go back."""\n        propagate(self)',
        "scalar",
    ),
]


@pytest.fixture
def book(tmp_path):
    """Two chapters: the second grows a class of the first."""
    folder = tmp_path / "book"
    write_notebook(folder, "01_one.ipynb", "Compute on a graph", FIRST)
    write_notebook(folder, "02_two.ipynb", "Send derivatives backward", SECOND)
    return folder


def made(folder: Path) -> dict[str, str]:
    return {path.as_posix(): text for path, text in tangle.tangle(read_chapters(folder)).items()}


def one(tmp_path: Path, *cells) -> dict[str, str]:
    """What a book of one chapter with these cells makes."""
    write_notebook(tmp_path / "book", "01_one.ipynb", "One", [*cells, INIT])
    return made(tmp_path / "book")


def refused(tmp_path: Path, *cells) -> str:
    """The message with which a book of one chapter is refused."""
    with pytest.raises(tangle.TangleError) as caught:
        one(tmp_path, *cells)
    return str(caught.value)


def test_a_module_reads_as_if_written_by_hand(tmp_path):
    write_notebook(tmp_path / "book", "01_one.ipynb", "Compute on a graph", FIRST)
    assert made(tmp_path / "book")["minigrad/scalar.py"] == (
        '"""Scalars.\n\nMade from chapter 1, Compute on a graph.\n"""\n\n'
        "from __future__ import annotations\n\n"
        "import math\n\n\n"
        "# one number\n"
        'class Scalar:\n    """A number."""\n\n'
        "    def __init__(self, data: float) -> None:\n        self.data = data\n\n"
        "    # the exponential\n"
        '    def exp(self) -> Scalar:\n        """Exp."""\n        return Scalar(math.exp(self.data))\n'
    )


def test_a_class_grows_in_a_later_chapter(book):
    text = made(book)["minigrad/scalar.py"]
    assert "Made from chapter 1, Compute on a graph; and chapter 2, Send derivatives backward." in text
    assert text.count("class Scalar") == 1 and "@more" not in text and "import more" not in text
    assert text.endswith('    def backward(self) -> None:\n        """Go back."""\n        propagate(self)\n')
    assert "from minigrad.autograd import propagate" in text


def test_an_import_that_only_an_annotation_needs_closes_no_circle(book):
    files = made(book)
    assert "if TYPE_CHECKING:\n    from minigrad.scalar import Scalar\n" in files["minigrad/autograd.py"]
    assert "from __future__ import annotations" in files["minigrad/autograd.py"]  # chapter 2 has none of its own
    assert "from minigrad.autograd import propagate" in files["minigrad/scalar.py"]


def test_an_annotation_that_closes_no_circle_is_a_plain_import(tmp_path):
    files = one(tmp_path, ('"""A."""\nclass A:\n    x: int', "a"), ('"""B."""\ndef f(a: "A | None") -> None: ...', "b"))
    assert "TYPE_CHECKING" not in files["minigrad/b.py"]
    assert "from minigrad.a import A" in files["minigrad/b.py"]


def test_imports_are_gathered_sorted_and_only_those_used(tmp_path):
    cells = [
        "import os.path, sys, math",
        "from collections import Counter, deque\nimport numpy as np",
        ('"""A."""\n\ndef one(x=math.pi):\n    return np.array(x)', "a"),
        "%matplotlib inline\nimport json  # this cell is not plain Python: it does not count",
        ("def two(sys: int):\n    for deque in []:\n        pass\n    return [Counter() for _ in ()], sys, deque", "a"),
        ('"""B."""\n\ndef three():\n    return one(os.path.join("a"))', "b"),
    ]
    files = one(tmp_path, *cells)
    a, b = files["minigrad/a.py"], files["minigrad/b.py"]
    assert a.split('"""\n\n')[1].startswith(
        "import math\nfrom collections import Counter\n\nimport numpy as np\n\n\ndef one"
    )
    assert "import os.path\n\nfrom minigrad.a import one\n" in b
    assert "sys\n" not in a and "import deque" not in a


def test_names_in_every_position_are_found(tmp_path):
    source = '''"""A."""

@cache
def f(x: Sequence[int] = DEFAULT, *rest: "Iterable[str]", key=lambda v: math.pi + v) -> Literal["not a name"]:
    global_one: Final = [ceil(i) for i in rest]
    return {**{k: floor(v) for k, v in x}, "n": (w := tau)} and w


class C(Base, metaclass=Meta):
    field: ClassVar[int] = 3
    double = field * e
'''
    imports = (
        "from functools import cache\nfrom collections.abc import Iterable, Sequence\nimport math\n"
        "from math import ceil, floor, tau, e\nfrom typing import ClassVar, Final, Literal\n"
        "from abc import ABC as Base, ABCMeta as Meta\n"
    )
    text = one(tmp_path, imports, "DEFAULT = ()", ("DEFAULT = ()", "a"), (source, "a"))["minigrad/a.py"]
    for wanted in (
        "from abc import ABC as Base, ABCMeta as Meta",
        "from collections.abc import Iterable, Sequence",
        "from math import ceil, e, floor, tau",
        "from typing import ClassVar, Final, Literal",
        "from functools import cache",
        "import math\n",
    ):
        assert wanted in text


def test_packages_and_public_imports(tmp_path):
    cells = [
        ('"""Layers."""\n\nclass Linear:\n    """L."""', "nn.layers"),
        ('"""Networks."""\n\nfrom minigrad.nn.layers import Linear', "nn.__init__"),
    ]
    files = one(tmp_path, *cells)
    assert files["minigrad/nn/__init__.py"].endswith('"""\n\nfrom minigrad.nn.layers import Linear as Linear\n')
    assert files["minigrad/py.typed"] == ""


def test_a_function_may_import_late_and_comments_stay(tmp_path):
    cells = [
        ('"""A."""\n\ndef a():\n    from minigrad.b import b\n\n    return b()\n# the end', "a"),
        ('"""B."""\n\n# why\nLIMIT = 3\nOTHER = 4\n\n\ndef b():\n    return a(), LIMIT', "b"),
    ]
    files = one(tmp_path, *cells)
    assert files["minigrad/a.py"].endswith("    return b()\n\n\n# the end\n")
    assert "# why\nLIMIT = 3\nOTHER = 4\n" in files["minigrad/b.py"]


def test_through_writes_the_package_after_a_chapter_and_it_imports(book, tmp_path, capsys):
    out = tmp_path / "out"
    assert tangle.main(["--through", "1", "--out", str(out)], book) == 0
    assert sorted(p.name for p in (out / "minigrad").iterdir()) == ["__init__.py", "more.py", "py.typed", "scalar.py"]
    assert "backward" not in (out / "minigrad/scalar.py").read_text()
    program = "import minigrad.scalar as s; print(s.__file__, s.Scalar(0.0).exp().data, hasattr(s.Scalar, 'backward'))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(out / "minigrad/scalar.py"), "1.0", "False"]
    assert tangle.main(["--out", str(out)], book) == 0
    assert "backward" in (out / "minigrad/scalar.py").read_text()
    assert tangle.main(["--through", "1", "--out", str(out)], book) == 0  # and back again: autograd.py is removed
    assert not (out / "minigrad/autograd.py").exists()
    assert "removed minigrad/autograd.py" in capsys.readouterr().out


def test_check_prints_the_drift_and_fails(book, tmp_path, capsys):
    out = str(tmp_path)
    assert tangle.main(["--out", out], book) == 0
    assert tangle.main(["--out", out, "--check"], book) == 0
    path = tmp_path / "minigrad/scalar.py"
    path.write_text(path.read_text().replace("math.exp", "math.log"))
    capsys.readouterr()
    assert tangle.main(["--out", out, "--check"], book) == 1
    printed = capsys.readouterr()
    assert "-        return Scalar(math.log(self.data))\n+        return Scalar(math.exp(self.data))" in printed.out
    assert "run `python -m tools.tangle`" in printed.err


@pytest.mark.parametrize("name", ["minigrad/more.py", "minigrad/py.typed"])
def test_check_sees_a_missing_file(book, tmp_path, capsys, name):
    tangle.main(["--out", str(tmp_path)], book)
    (tmp_path / name).unlink()
    assert tangle.main(["--out", str(tmp_path), "--check"], book) == 1
    assert name in capsys.readouterr().out


def test_a_file_written_by_hand_is_seen_and_never_removed(book, tmp_path, capsys):
    tangle.main(["--out", str(tmp_path)], book)
    stray = tmp_path / "minigrad/own.py"
    stray.write_text("x = 1\n")
    assert tangle.main(["--out", str(tmp_path), "--check"], book) == 1
    assert "-x = 1" in capsys.readouterr().out
    assert tangle.main(["--out", str(tmp_path)], book) == 1
    assert "minigrad/own.py was not made from the book" in capsys.readouterr().err
    assert stray.exists()


def test_the_style_sheet_names_the_file_of_each_module(tmp_path):
    cells = [('"""F."""', "nn.functional"), ('"""N."""', "nn.__init__")]
    sheet = one(tmp_path, *cells)["web/export.css"]
    assert r'div.cell.tag_export\:nn\.functional::before { content: "→ minigrad/nn/functional.py"; }' in sheet
    assert r'div.cell.tag_export\:__init__::before { content: "→ minigrad/__init__.py"; }' in sheet


A = '"""A."""\n\n'
CLASS_A = (f'{A}class A:\n    """A."""\n\n    def f(self): ...', "a")
MISTAKES = {
    "a name from nowhere": ([(f"{A}x = unheard_of(1)", "a")], "cell 1: unheard_of comes from nowhere"),
    "a magic": ([(f"{A}%time x = 1", "a")], "cell 1: an exported cell must be plain Python; line 3"),
    "two homes": ([(f"{A}x = 1", "a"), ("x = 2", "a")], "cell 2: minigrad/a.py has x already"),
    "two summaries": ([(f"{A}x = 1", "a"), ('"""More."""\ny = 2', "a")], "cell 2: minigrad/a.py has a summary already"),
    "no summary": ([("x = 1", "a")], "minigrad/a.py has no summary"),
    "no package": ([(f"{A}x = 1", "b.a")], "minigrad/b/a.py lies in a package without a face"),
    "not a module": ([(f"{A}x = 1", "b-a")], "export:b-a is not the name of a module"),
    "star": ([("from math import *", "a")], "list them"),
    "relative": ([("from . import a", "a")], "write the full name"),
    "two meanings": (["from math import log", "from cmath import log"], "an earlier cell has `from math import log`"),
    "defined and imported": (["from math import log", (f"{A}def log(): ...\n\n\nlog()", "a")], "and imported too"),
    "two candidates": (
        [(f"{A}x = 1", "a"), (f"{A}x = 2", "b"), (f"{A}y = x", "c")],
        "x is exported to minigrad/a.py and minigrad/b.py",
    ),
    "a circle": (
        [(f"{A}def f():\n    return g()", "a"), (f"{A}def g():\n    return f()", "b")],
        "closes a circle of imports: minigrad/b.py → minigrad/a.py → minigrad/b.py",
    ),
    "the front door": (
        ["from minigrad import A", CLASS_A, ('"""B."""\nA()', "b")],
        "asks the package for itself; write `from minigrad.a import A`",
    ),
    "the whole package": (["import minigrad", CLASS_A, ('"""B."""\nminigrad.A()', "b")], "asks the package for itself"),
    "a later module": (["import minigrad.z as z", (f"{A}z.f()", "a")], "no chapter up to 1 makes that module"),
    "a later name": (
        ["from minigrad.a import z", CLASS_A, ('"""B."""\nz()', "b")],
        "z is not in what chapters up to 1",
    ),
    "a later name, late": ([(f"{A}def f():\n    from minigrad.z import g", "a")], "g is not in what chapters up to 1"),
    "growing the unknown": ([("@more(B)\nclass B:\n    x = 1", "a")], "no cell before it exports a class B"),
    "growing elsewhere": ([CLASS_A, ("@more(A)\nclass A:\n    x = 1", "b")], "exports a class A to minigrad/b.py"),
    "redefining": ([CLASS_A, ("@more(A)\nclass A:\n    def f(self): ...", "a")], "A.f is there already"),
    "slots": ([CLASS_A, ("@more(A)\nclass A:\n    __slots__ = ()", "a")], "__slots__ cannot be added"),
    "docstring": ([CLASS_A, ('@more(A)\nclass A:\n    """B."""\n    x = 1', "a")], "has its docstring already"),
    "super": ([CLASS_A, ("@more(A)\nclass A:\n    def g(self): super().g()", "a")], "super() needs its arguments here"),
    "other class": ([CLASS_A, ("@more(A)\nclass B:\n    x = 1", "a")], "@more(A) stands over class B"),
    "bases": ([CLASS_A, ("@more(A)\nclass A(int):\n    x = 1", "a")], "takes a plain `class A:`"),
    "comment": ([CLASS_A, ("# lost\n@more(A)\nclass A:\n    x = 1", "a")], "the comment above @more(A) would be lost"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(tmp_path, mistake):
    cells, message = MISTAKES[mistake]
    assert message in refused(tmp_path, *cells)


def test_one_cell_goes_to_one_module(tmp_path):
    write_notebook(tmp_path / "book", "01_one.ipynb", "One", [('"""A."""', "a")])
    path = tmp_path / "book/01_one.ipynb"
    path.write_text(path.read_text().replace('"export:a"', '"export:a", "export:b"'))
    with pytest.raises(tangle.TangleError, match="goes to one module; this one is tagged for a, b"):
        made(path.parent)


def test_a_chapter_may_not_use_what_a_later_one_exports(book):
    cells = [*FIRST, "from minigrad.autograd import propagate", ("def early(x):\n    propagate(x)", "scalar")]
    write_notebook(book, "01_one.ipynb", "Compute on a graph", cells)
    message = "01_one.ipynb, cell 7: .*propagate is not in what chapters up to 1 export to minigrad.autograd"
    with pytest.raises(tangle.TangleError, match=message):
        made(book)


@pytest.mark.parametrize(("name", "message"), [("01_One.ipynb", "NN_stem"), ("01_one.ipynb", "has a title")])
def test_a_notebook_needs_a_name_and_a_title(tmp_path, capsys, name, message):
    write_notebook(tmp_path / "book", name, "", ["x = 1"])
    assert tangle.main(["--out", str(tmp_path)], tmp_path / "book") == 1
    assert message in capsys.readouterr().err
