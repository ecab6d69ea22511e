"""The gate over the notebooks (nbval with tools/strict_nbval.py): break one thing in a notebook, and it has to fail."""

import copy
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tools.chapters import ROOT
from tools.notebooks import dumps, execute

SOURCES = [
    ("from minigrad_demo import square\nimport sys, warnings", []),
    ("square(3.0)", []),
    ("print('a line', 7)", []),
    ("square('three')", ["raises-exception"]),
    ("from PIL import Image\nImage.new('L', (2, 2))", []),
    ("object()", []),
    ("sys.stderr.write('\\r 50%|█████     | 1/2 [00:01<00:01,  1.0s/it]\\r       \\r'); print('trained')", []),
]
ENGINE = "def square(x):\n    return x ** 2\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A small notebook as it would be committed, beside the engine that it imports."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "minigrad_demo.py").write_text(ENGINE)
    cells = [
        {"cell_type": "code", "metadata": {"tags": tags}, "source": source, "execution_count": None, "outputs": []}
        for source, tags in SOURCES
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"c{number}"
    return folder, execute({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, folder)


def gate(folder, **notebooks) -> dict[str, str]:
    """Run the gate over notebooks; the answer is what each failed with, empty where it passed."""
    for name, notebook in notebooks.items():
        (folder / f"{name}.ipynb").write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-p", "tools.strict_nbval", "--nbval", "--nbval-current-env"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider", "--color=no"]
    command += ["--junitxml", str(folder / "report.xml"), *(str(folder / f"{name}.ipynb") for name in notebooks)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    verdicts = dict.fromkeys(notebooks, "")
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        name = case.attrib["classname"].removesuffix(".ipynb")
        verdicts[name] += "".join(failure.text or "" for failure in case)
    return verdicts


def number(cells):
    cells[1]["outputs"][0]["data"]["text/plain"] = "9.1"


def line(cells):
    cells[2]["outputs"][0]["text"] = "a line 8\n"


def unexecuted(cells):
    cells[2].update(execution_count=None, outputs=[])


def out_of_order(cells):
    cells[2]["execution_count"] = 9


def missing_output(cells):
    cells[2]["outputs"] = []


def no_error(cells):
    cells[3].update(source="x = square(3)", outputs=[])


def other_error(cells):
    cells[3]["source"] = "square(None) or 1 / 0"


def no_picture(cells):
    cells[4]["source"] = "print(end='')\nprint"
    cells[4]["outputs"][0]["data"]["text/plain"] = "<function print>"


def picture_gone(cells):
    cells[5]["outputs"][0]["data"]["image/png"] = "aGVsbG8="


def warning(cells):
    cells[2]["source"] += "\nwarnings.warn('mind the gap')"


def warning_where_output_is_ignored(cells):
    cells[2]["source"] += "\nwarnings.warn('mind the gap')"
    cells[2]["metadata"]["tags"] = ["nbval-ignore-output"]


def skipped_by_tag(cells):
    cells[2]["metadata"]["tags"] = ["nbval-skip"]


def skipped_by_comment(cells):
    cells[2]["source"] = "# NBVAL_SKIP\n" + cells[2]["source"]


def ignored_by_comment(cells):
    cells[2]["source"] = "# NBVAL_IGNORE_OUTPUT\n" + cells[2]["source"]


BREAKS = [
    (number, "9.1"),
    (line, "a line 8"),
    (unexecuted, "execution count is None, not 3"),
    (out_of_order, "execution count is 9, not 3"),
    (missing_output, "Unexpected output fields"),
    (no_error, "nothing was raised"),
    (other_error, "mismatch 'evalue'"),
    (no_picture, "pictures drawn: [], stored: ['image/png', 'image/jpeg']"),
    (picture_gone, "pictures drawn: [], stored: ['image/png']"),
    (warning, "Unexpected output fields"),
    (warning_where_output_is_ignored, "a warning perhaps"),
    (skipped_by_tag, "no cell may be skipped"),
    (skipped_by_comment, "NBVAL_SKIP: no cell may be skipped"),
    (ignored_by_comment, "NBVAL_IGNORE_OUTPUT: no cell may be skipped"),
]


@pytest.fixture(scope="module")
def verdicts(good):
    """What the gate says of the good notebook and of each broken one."""
    folder, notebook = good
    broken = {}
    for change, _ in BREAKS:
        broken[change.__name__] = copy.deepcopy(notebook)
        change(broken[change.__name__]["cells"])
    return gate(folder, good=dumps(notebook), **broken)


def test_a_good_notebook_passes(verdicts):
    assert verdicts["good"] == ""


@pytest.mark.parametrize(("change", "message"), BREAKS)
def test_a_break_is_caught(verdicts, change, message):
    assert message in verdicts[change.__name__]


def test_a_broken_engine_is_caught(good):
    folder, notebook = good
    (folder / "minigrad_demo.py").write_text(ENGINE.replace("x ** 2", "x ** 2 + 1e-9"))
    said = gate(folder, engine=dumps(notebook))["engine"]
    (folder / "minigrad_demo.py").write_text(ENGINE)
    assert "9.000000001" in said
