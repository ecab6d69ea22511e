"""The small tools: the lock, the environment, the build and the look at its pages."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import build_book, check_pages, lock
from tools.chapters import ROOT

# ------------------------------------------------------------------------------------------------------------- the lock


def found(**versions: str) -> lock.Found:
    return lock.Found(versions=dict(versions))


@pytest.mark.parametrize(
    ("locked", "met", "message"),
    [
        ({}, found(), "the lock has no such package"),
        ({"numpy": "2.3.0"}, found(numpy="2.3.0"), "the lock has 2.3.0"),
        ({"numpy": "2.4.1"}, found(numpy="2.4.2"), "installed here is 2.4.2"),
        ({"numpy": "2.4.1"}, found(numpy="2.4.1", six="1"), "six 1 is needed"),
        ({"numpy": "2.4.1", "six": "1"}, found(numpy="2.4.1"), "six is locked; nothing needs it"),
        ({"numpy": "2.4.1"}, lock.Found({"numpy": "2.4.1"}, ["x needs y"]), "x needs y"),
    ],
)
def test_a_lock_that_does_not_answer_is_refused(locked, met, message):
    assert message in "\n".join(lock.differences(locked, [Requirement("numpy>=2.4")], met))


def test_a_lock_that_answers_passes():
    assert lock.differences({"numpy": "2.4.1"}, [Requirement("numpy>=2.4")], found(numpy="2.4.1")) == []


def test_the_walk_follows_extras_and_names_what_is_missing():
    met = lock.walk([Requirement("minigrad[run]"), Requirement("no-such-package"), Requirement("numpy<1")])
    assert {"numpy", "matplotlib"} <= met.versions.keys()  # a dependency, and one that only the extra asks for
    assert "matplotlib" not in lock.walk([Requirement("minigrad")]).versions
    assert any("no-such-package, which is not installed" in problem for problem in met.problems)
    assert any("needs numpy<1, but" in problem for problem in met.problems)


def test_the_lock_has_no_local_version_and_no_cuda(tmp_path):
    text = lock.render(lock.walk([Requirement("torch")]).versions)
    assert "torch==2.13.0\n" in text and "nvidia" not in text
    path = tmp_path / "requirements.txt"
    for line in ("torch==2.13.0+cpu", "torch", "Torch==2.13.0", "-e ."):
        path.write_text(f"# comment\n{line}\n")
        with pytest.raises(lock.LockError, match="without a local version"):
            lock.read(path)


def test_every_requirement_says_why_it_is_there():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project]")[1].split("[tool.")[0].splitlines()
    requirements = [line for line in lines if line.startswith('    "') and "::" not in line]
    assert len(requirements) > 30
    assert [line for line in requirements if not line.partition("#")[2].strip()] == []


# ------------------------------------------------------------------------------------------------------ the environment


def environment(*extras: str, start: str = "", cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Run tools/environment.py of `cwd`, after `start`."""
    program = f"import sys, runpy; sys.argv = ['environment', *{extras!r}]\n{start}\n"
    program += "runpy.run_path('tools/environment.py', run_name='__main__')"
    env = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")} | variables
    return subprocess.run([sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, env=env)


def test_an_old_python_is_told_so():
    done = environment("book", start="sys.version_info = (3, 9, 2); import shutil; shutil.which = lambda name: None")
    assert done.returncode == 1
    assert "this is Python 3.9" in done.stderr and "needs 3.11 or newer" in done.stderr


def test_a_newer_python_is_taken_where_there_is_one():
    start = "import os, shutil; sys.version_info = (3, 9, 2); shutil.which = lambda name: sys.executable\n"
    done = environment("book", start=start + "os.execv = lambda path, words: sys.exit(f'goes on with {path}')")
    assert f"goes on with {sys.executable}" in done.stderr


@pytest.fixture
def project(tmp_path):
    """A project with nothing to install, beside its own environment."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/environment.py", tmp_path / "tools")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'nothing'\nversion = '1'\n")
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def test_a_missing_venv_module_is_named(project):
    start = (
        "import subprocess\n"
        "subprocess.run = lambda *a, **k: subprocess.CompletedProcess(a, 1, b'ensurepip is not available')"
    )
    done = environment("book", start=start, cwd=project)
    assert done.returncode == 1 and "no venv module" in done.stderr and "apt install python3" in done.stderr


def test_without_the_network_it_says_so(project):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    done = environment("book", cwd=project, **nowhere)
    assert done.returncode == 1 and "the network is away" in done.stderr
    assert "Traceback" not in done.stderr
    again = environment("book", cwd=project, **nowhere)  # half an environment is not taken for a whole one
    assert again.returncode == 1 and "making .venv" not in again.stdout


def test_the_second_time_nothing_is_installed(project):
    first = environment("book", start=FAKE_PIP, cwd=project)
    assert first.returncode == 0 and "environment: ready" in first.stdout, first.stderr
    again = environment("book", start=FAKE_PIP, cwd=project)
    assert again.returncode == 0 and again.stdout == ""
    (project / "requirements.txt").write_text("# changed\n")
    assert "environment: ready" in environment("book", start=FAKE_PIP, cwd=project).stdout


FAKE_PIP = """
import subprocess
real = subprocess.Popen
subprocess.Popen = lambda command, **k: real([sys.executable, "-c", ""] if "pip" in command else command, **k)
"""


# ------------------------------------------------------------------------------------------------ the book, its pages


def test_a_port_that_is_taken_is_named(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert build_book.main(["--serve", "--port", port]) == 1
    assert f"port {port} is taken" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["eighty", "-1", "99999999"])
def test_a_port_that_is_none_is_named(capsys, port):
    assert build_book.main(["--serve", f"--port={port}"]) == 1
    assert "make book PORT=8765" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["book/01_one.ipynb", "minigrad/scalar.py", "_toc.yml", "web/book.css", "web/new.js"])
def test_a_change_of_any_source_is_a_new_build(tmp_path, monkeypatch, name):
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    for folder in ("book", "minigrad", "web/vendor"):
        (tmp_path / folder).mkdir(parents=True)
    for source in ("book/01_one.ipynb", "minigrad/scalar.py", "_toc.yml", "web/book.css"):
        (tmp_path / source).write_text("a")
    before = build_book.fingerprint()
    (tmp_path / "web/vendor/x.js").write_text("brought by npm, pinned by its lock")
    assert build_book.fingerprint() == before
    (tmp_path / name).write_text("b")
    assert build_book.fingerprint() != before


PAGE = """<html><head><title>One &amp; only — the book</title><link rel="stylesheet" href="_static/a.css?v=1"></head>
<body><h1><span>1. </span>One <em>&amp;</em> only<a href="#x">#</a></h1>
<img src="../_images/a.png" alt="A line rises."></body></html>"""


@pytest.fixture
def site(tmp_path):
    """A built book of one page, beside its sources."""
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "aGVsbG8="}}
    mystnb = {"mystnb": {"image": {"alt": "A line rises."}}}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# One & only\n"]},
        {"cell_type": "code", "metadata": mystnb, "source": "plot()", "outputs": [output]},
    ]
    html = tmp_path / "_build/html"
    for name, text in {
        "_toc.yml": "format: jb-book\nroot: book/01_one\n",
        "book/01_one.ipynb": json.dumps({"cells": cells}),
        "_build/html/book/01_one.html": PAGE,
        "_build/html/book/_static/a.css": "",
        "_build/html/_images/a.png": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path, html / "book/01_one.html"


def test_a_page_with_title_and_figures_passes(site):
    assert check_pages.main(site[0]) == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<h1>", "<h2>", "no heading reads 'One & only'"),
        ("<title>One", "<title>Two", "the window's title"),
        ("<img", "<span", "hold 1 pictures, the page shows 0"),
        ('alt="A line rises."', "", "no picture has the alternative text 'A line rises.'"),
        (
            "_static/a.css?v=1",
            "https://elsewhere.example/a.css",
            "loads https://elsewhere.example/a.css from elsewhere",
        ),
        ("_static/a.css?v=1", "_static/b.css", "loads _static/b.css, which is not there"),
    ],
)
def test_what_a_page_misses_is_named(site, capsys, old, new, message):
    root, page = site
    page.write_text(PAGE.replace(old, new))
    assert check_pages.main(root) == 1
    assert message in capsys.readouterr().err


def test_a_missing_page_is_named(site, capsys):
    root, page = site
    page.unlink()
    assert check_pages.main(root) == 1
    assert "there is no html/book/01_one.html" in capsys.readouterr().err
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/none\n")
    assert check_pages.main(root) == 1
    assert "neither a notebook nor a Markdown file" in capsys.readouterr().err


def test_the_table_of_contents_is_read_in_order():
    toc = {"root": "a", "parts": [{"caption": "x", "chapters": [{"file": "b", "sections": [{"file": "c"}]}]}]}
    assert list(check_pages.pages(toc)) == ["a", "b", "c"]


# --------------------------------------------------------------------------------------------------------------- skips


@pytest.mark.parametrize(
    ("required", "status", "said"), [("", 0, "1 test(s): no Chromium"), ("all", 1, "nothing may be skipped")]
)
def test_a_skip_is_named_and_under_require_all_a_failure(tmp_path, required, status, said):
    shutil.copy(Path(__file__).parent / "conftest.py", tmp_path)
    (tmp_path / "test_skip.py").write_text("import pytest\n\ndef test_a():\n    pytest.skip('no Chromium')\n")
    environment = {**os.environ, "REQUIRE": required}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == status and said in done.stdout, done.stdout


def test_a_file_that_skips_itself_is_a_failure_too(tmp_path):
    shutil.copy(Path(__file__).parent / "conftest.py", tmp_path)
    (tmp_path / "test_skip.py").write_text("import pytest\n\npytest.skip('no Chromium', allow_module_level=True)\n")
    environment = {**os.environ, "REQUIRE": "all"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode not in (0, 5) and "nothing may be skipped" in done.stdout, done.stdout
