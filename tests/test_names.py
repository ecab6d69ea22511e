"""The page of names: made from the exports, complete, each name once, and drift is seen."""

import re

import minigrad
from minigrad import nn, optim
from tools import names
from tools.chapters import BOOK, read_chapters

PAGE = names.page(read_chapters())
ROWS = re.findall(r"^\| (.+?) \| (`.*`) \|$", PAGE, re.MULTILINE)


def listed(place: str) -> list[str]:
    return [name for where, row in ROWS if where == place for name in re.findall(r"`(\w+)`", row)]


def test_the_page_is_what_the_notebooks_make(capsys):
    assert names.main(["--check"]) == 0, capsys.readouterr().out
    assert (BOOK / names.PAGE).read_text(encoding="utf-8") == PAGE


def test_every_public_name_is_listed_once():
    modules = {"autograd", "nn", "optim", "utils", "functional", "init", "lr_scheduler", "__version__"}
    for package in (minigrad, nn, optim):
        assert sorted(listed(f"`{package.__name__}`")) == sorted(set(dir(package)) - modules)
    for place in {where for where, _ in ROWS}:
        assert len(set(listed(place))) == len(listed(place)), place


def test_what_only_chapters_need_is_not_listed():
    assert "cross_entropy" in listed("`minigrad.nn.functional`")
    assert "fused_entropy" not in PAGE and "pull" not in listed("methods of `Scalar`")
    assert "backward" in listed("methods of `Scalar`")


def test_a_class_that_grows_has_its_methods_where_they_were_added():
    chapter = PAGE.split("\n## ")
    assert "| methods of `Scalar` | `backward` |" in next(part for part in chapter if part.startswith("2 "))
    assert "`state_dict`" in next(part for part in chapter if part.startswith("5 "))


def test_drift_is_printed_and_mended(tmp_path, capsys):
    target = tmp_path / "names.md"
    target.write_text(PAGE.replace("`GELU`, ", ""), encoding="utf-8")
    assert names.main(["--check"], target) == 1
    assert "+| `minigrad.nn` | `BatchNorm1d`, `GELU`, `LayerNorm` |" in capsys.readouterr().out
    assert "GELU" not in target.read_text(encoding="utf-8")
    assert names.main([], target) == 0 and target.read_text(encoding="utf-8") == PAGE
