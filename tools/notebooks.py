"""Read, run and normalise the notebooks, so that what is committed is executed and a second run changes no byte.

``python -m tools.notebooks read SOURCE.py…`` turns percent text into ``book/SOURCE.ipynb`` and runs it; ``run`` runs
notebooks again; both write nothing when a cell goes wrong. ``text`` prints a notebook as percent text (for diffs);
``normalise`` brings notebooks saved by an editor into their committed form, and ``normalise --check`` only looks.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.chapters import BOOK, ROOT

Node = dict[str, Any]

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MODEL = re.compile(r"IPY_MODEL_([0-9a-f]+)")
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")
# What a progress bar writes, once carriage returns and line ends have cut it into pieces.
BAR = re.compile(r"\s*|.*\d+%\|.*\| *\S+/\S+ \[.*\].*|.*\d+\S* ?\[\d\d+:\d\d, .*\].*")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
# What editors and converters leave behind: how a cell was shown, when it ran, where it came from.
NOISE = {
    *("collapsed", "colab", "editable", "execution", "ExecuteTime", "id", "jp-MarkdownHeadingCollapsed"),
    *("jupyter", "jupytext", "lines_to_next_cell", "outputId", "scrolled", "toc", "trusted", "varInspector", "vscode"),
    *("celltoolbar", "widgets"),
}


class NotebookError(Exception):
    """A notebook is not fit to be committed; the message names the cell."""


def is_bar(text: str) -> bool:
    """Is this nothing but what a progress bar writes?"""
    return all(BAR.fullmatch(piece) for piece in re.split(r"[\r\n]", text))


def calm(text: str) -> str:
    """The text without what differs from machine to machine: addresses of objects, folders of this checkout."""
    for folder in (str(ROOT), str(ROOT).replace(str(Path.home()), "~", 1)):
        text = text.replace(f"{folder}/", "")
    return ADDRESS.sub("0x0", text)


# ------------------------------------------------------------------------------------------------------- normalising


def _lines(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def normal_outputs(outputs: list[Node]) -> list[Node]:
    """The outputs of a cell: no progress bars, no addresses, neighbouring streams of one name made one."""
    kept: list[Node] = []
    for output in outputs:
        output = copy.deepcopy(output)
        if output["output_type"] == "stream":
            text = _lines(output["text"])
            if output["name"] == "stderr" and is_bar(text):
                continue
            if kept and kept[-1].get("name") == output["name"]:
                kept[-1]["text"] += calm(text)
                continue
            output["text"] = calm(text)
        elif output["output_type"] == "error":
            output["evalue"] = calm(output["evalue"])
            output["traceback"] = [calm(line) for line in output["traceback"]]
        else:
            for kind, data in output["data"].items():
                if kind.startswith("text/") or kind == "image/svg+xml":
                    output["data"][kind] = calm(_lines(data))
        kept.append(output)
    return kept


def models_shown(cells: list[Node], state: Node) -> list[str]:
    """The widget models that the outputs show, and those that these refer to, in order of appearance."""
    order: list[str] = []

    def visit(model: str) -> None:
        if model in state and model not in order:
            order.append(model)
            for inner in MODEL.findall(json.dumps(state[model], sort_keys=True)):
                visit(inner)

    for cell in cells:
        for output in cell.get("outputs", ()):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view is not None:
                visit(view["model_id"])
    return order


def renumber(cells: list[Node], widgets: Node) -> Node:
    """Number the widget models by order of appearance, in `cells` and in the state; the answer is the new state."""
    saved = widgets.get(WIDGET_STATE, {"version_major": 2, "version_minor": 0})
    state = saved.get("state", {})
    names = {old: f"{new:032x}" for new, old in enumerate(models_shown(cells, state), start=1)}
    for cell in cells:
        for output in cell.get("outputs", ()):
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view is not None:
                if view["model_id"] not in names:
                    raise NotebookError("a widget is shown whose state was not saved; run the notebook again")
                view["model_id"] = names[view["model_id"]]
    renamed: Node = {}
    for old, new in names.items():
        text = MODEL.sub(lambda match: "IPY_MODEL_" + names.get(match[1], match[1]), json.dumps(state[old]))
        renamed[new] = json.loads(text)
        if "msg_id" in renamed[new].get("state", {}):
            renamed[new]["state"]["msg_id"] = ""  # an Output widget remembers the message it listened to
    return {**saved, "state": renamed}


def number_cells(cells: list[Node]) -> None:
    """Give each cell an id made from its content; the second and later ones of the same content get a suffix."""
    seen: dict[str, int] = {}
    for cell in cells:
        digest = hashlib.sha1(f"{cell['cell_type']}\n{cell['source']}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def normalised(notebook: Node) -> Node:
    """The form in which a notebook is committed; normalising that again changes nothing."""
    cells = []
    for old in notebook["cells"]:
        cell = {key: value for key, value in old.items() if key in {"cell_type", "source", "metadata", "attachments"}}
        cell["source"] = _lines(old["source"]).rstrip()
        cell["metadata"] = {key: value for key, value in old["metadata"].items() if key not in NOISE}
        if old["cell_type"] == "code":
            cell["execution_count"] = old["execution_count"]
            cell["outputs"] = normal_outputs(old["outputs"])
        if cell["source"]:
            cells.append(cell)
    metadata = {key: value for key, value in notebook["metadata"].items() if key not in NOISE} | KERNEL
    widgets = renumber(cells, notebook["metadata"].get("widgets", {}))
    if widgets["state"]:
        metadata["widgets"] = {WIDGET_STATE: widgets}
    number_cells(cells)
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def dumps(notebook: Node) -> str:
    """The notebook as the text of its file: keys sorted, one line end at the end."""
    node = nbformat.from_dict(copy.deepcopy(notebook))
    nbformat.validate(node)
    return str(nbformat.writes(node, version=4)).rstrip("\n") + "\n"


def loads(text: str) -> Node:
    """A notebook from the text of its file, whatever its minor version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about cell ids: `normalised` makes them anew
        return cast(Node, nbformat.reads(text, as_version=4))


# ------------------------------------------------------------------------------------------------------------ running


def complaints(notebook: Node) -> Iterator[str]:
    """What makes the outputs of an executed notebook unfit to be committed."""
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        raises = "raises-exception" in cell["metadata"].get("tags", ())
        if raises and not any(output["output_type"] == "error" for output in cell["outputs"]):
            yield f"cell {index} is tagged raises-exception, but nothing was raised"
        for output in cell["outputs"]:
            if output["output_type"] == "error" and not raises:
                yield f"cell {index} raised {output['ename']}: {output['evalue']}"
            if output.get("name") == "stderr":
                yield f"cell {index} wrote to stderr, a warning perhaps: {output['text'].strip()[:300]}"


def execute(notebook: Node, folder: Path, label: str = "notebook", timeout: int = 900) -> Node:
    """Run every cell in a fresh kernel in `folder`; the answer is the normalised notebook.

    Raises NotebookError when a cell raises without the tag ``raises-exception``, when one with it does not raise, or
    when a cell writes to stderr anything but a progress bar.
    """
    node = nbformat.from_dict(copy.deepcopy(notebook))
    node["metadata"].pop("widgets", None)
    environment = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client = NotebookClient(node, timeout=timeout, kernel_name="python3", record_timing=False)
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    client.resources = {"metadata": {"path": str(folder)}}
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        index = next(i for i, cell in enumerate(node["cells"]) if _raised(cell))
        raise NotebookError(f"{label}: cell {index} raised\n{error}") from error
    except Exception as error:  # the kernel died, or a cell ran out of time
        raise NotebookError(f"{label}: {type(error).__name__}: {error}") from error
    result = normalised(cast(Node, node))
    problems = list(complaints(result))
    if problems:
        raise NotebookError("\n".join(f"{label}: {problem}" for problem in problems))
    return result


def _raised(cell: Node) -> bool:
    tags = cell["metadata"].get("tags", ())
    return "raises-exception" not in tags and any(o["output_type"] == "error" for o in cell.get("outputs", ()))


# -------------------------------------------------------------------------------------------------------- percent text


def from_text(text: str) -> Node:
    """A notebook from percent text, its code laid out by ruff."""
    import jupytext

    notebook = normalised(cast(Node, jupytext.reads(text, fmt="py:percent")))
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(BOOK / "notebook.ipynb"), "-"]
    done = subprocess.run(command, input=dumps(notebook), capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise NotebookError(f"ruff cannot lay out its code:\n{done.stderr.strip()}")
    return loads(done.stdout)


def to_text(notebook: Node) -> str:
    """A notebook as percent text, without outputs."""
    import jupytext

    bare = copy.deepcopy(notebook)
    bare["metadata"] = {key: value for key, value in bare["metadata"].items() if key not in {"widgets", *KERNEL}}
    bare["metadata"]["jupytext"] = {"notebook_metadata_filter": "-jupytext"}
    return str(jupytext.writes(nbformat.from_dict(bare), fmt="py:percent"))


# ---------------------------------------------------------------------------------------------------- the command line


def read_and_run(source: Path, folder: Path, run: bool = True) -> Path:
    """Make ``folder/STEM.ipynb`` from percent text."""
    target = folder / f"{source.stem}.ipynb"
    notebook = from_text(source.read_text(encoding="utf-8"))
    target.write_text(dumps(execute(notebook, folder, source.name) if run else normalised(notebook)), encoding="utf-8")
    return target


def normalise(path: Path, check: bool) -> bool:
    """Normalise a file, or only look; the answer is whether it was normal already."""
    text = path.read_text(encoding="utf-8")
    try:
        wanted = dumps(normalised(loads(text)))
    except NotebookError as error:
        raise NotebookError(f"{path.name}: {error}") from error
    if wanted != text and not check:
        path.write_text(wanted, encoding="utf-8")
        print(f"{path.name}: normalised")
    return wanted == text


def main(argv: list[str] | None = None) -> int:
    """Read, run, print or normalise notebooks."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    reader = commands.add_parser("read", help="percent text → book/STEM.ipynb, executed")
    reader.add_argument("--no-run", action="store_true", help="write the notebook without running it")
    reader.add_argument("--out", type=Path, default=BOOK, metavar="DIR", help="the folder that gets the notebook")
    runner = commands.add_parser("run", help="run notebooks again and write them")
    printer = commands.add_parser("text", help="print a notebook as percent text")
    normaliser = commands.add_parser("normalise", help="bring notebooks into their committed form")
    normaliser.add_argument("--check", action="store_true", help="write nothing; fail if any is not in that form")
    for command in (reader, runner, printer, normaliser):
        command.add_argument("paths", nargs="*", type=Path, help="default: every notebook of the book")
    arguments = parser.parse_args(argv)
    paths: list[Path] = arguments.paths or sorted(BOOK.glob("*.ipynb"))
    failed = 0
    for path in paths:
        start = time.monotonic()
        try:
            if arguments.command == "text":
                print(to_text(loads(path.read_text(encoding="utf-8"))), end="")
            elif arguments.command == "read":
                target = read_and_run(path, arguments.out, run=not arguments.no_run)
                print(f"{path.name} → {target.name} ({time.monotonic() - start:.1f} s)")
            elif arguments.command == "run":
                made = execute(loads(path.read_text(encoding="utf-8")), path.resolve().parent, path.name)
                path.write_text(dumps(made), encoding="utf-8")
                print(f"{path.name} ran ({time.monotonic() - start:.1f} s)")
            elif not normalise(path, arguments.check) and arguments.check:
                print(f"{path.name}: not in its committed form; run `make notebooks`", file=sys.stderr)
                failed += 1
        except (NotebookError, OSError, ValueError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
