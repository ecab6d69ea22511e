"""Notebooks in their committed form: normalising is stable, running is strict."""

import copy
import json

import pytest

from tools import notebooks
from tools.notebooks import NotebookError, dumps, execute, loads, normalised

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def code(source: str, *outputs: dict, count: int = 1, **metadata) -> dict:
    return {
        "cell_type": "code",
        "id": "abc",
        "execution_count": count,
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
    }


def notebook(*cells: dict, **metadata) -> dict:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


def result(**data) -> dict:
    return {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": data}


def widget(model: str) -> dict:
    return result(**{"text/plain": "W()", VIEW: {"model_id": model, "version_major": 2, "version_minor": 0}})


def first(whole: dict) -> dict:
    return normalised(whole)["cells"][0]


MESSY = notebook(
    code("print(1)  \n\n", stream("a\n"), stream("b 0x7f00deadbeef\n"), execution={"iopub.execute_input": "now"}),
    code("print(1)", stream("\r 50%|█████     | 2/4 [00:01<00:01,  1.9it/s]\r          \r", "stderr"), scrolled=True),
    code("w", widget("f00d"), tags=["native"]),
    code("", count=None),
    {"cell_type": "markdown", "id": "m", "metadata": {"editable": True}, "source": ["# T\n", "\n", "text\n"]},
    kernelspec={"name": "mine", "display_name": "My kernel"},
    language_info={"name": "python", "version": "3.11.7"},
    widgets={
        STATE: {
            "version_major": 2,
            "version_minor": 0,
            "state": {
                "dead": {"model_name": "Old", "state": {}},
                "cafe": {"model_name": "LayoutModel", "state": {}},
                "f00d": {"model_name": "OutputModel", "state": {"layout": "IPY_MODEL_cafe", "msg_id": "1234"}},
            },
        }
    },
)


def test_a_second_run_changes_no_byte():
    once = dumps(normalised(MESSY))
    assert dumps(normalised(loads(once))) == once
    assert once.endswith("}\n") and not once.endswith("\n\n")


def test_the_input_is_left_alone():
    before = copy.deepcopy(MESSY)
    normalised(MESSY)
    assert before == MESSY


def test_timing_view_state_and_versions_go():
    text = dumps(normalised(MESSY))
    for noise in ("iopub", "scrolled", "editable", "3.11.7", "My kernel", "0x7f00deadbeef"):
        assert noise not in text
    assert normalised(MESSY)["metadata"]["kernelspec"]["name"] == "python3"
    assert normalised(MESSY)["cells"][2]["metadata"] == {"tags": ["native"]}


def test_keys_are_sorted_and_sources_are_lists_of_lines():
    saved = json.loads(dumps(normalised(MESSY)), object_pairs_hook=lambda pairs: pairs)
    assert [key for key, _ in saved] == ["cells", "metadata", "nbformat", "nbformat_minor"]
    markdown = dict(dict(saved)["cells"][3])
    assert list(markdown) == ["cell_type", "id", "metadata", "source"] and markdown["source"] == ["# T\n", "\n", "text"]


def test_streams_are_merged_and_progress_bars_dropped():
    cells = normalised(MESSY)["cells"]
    assert cells[0]["outputs"] == [stream("a\nb 0x0\n")]
    assert cells[1]["outputs"] == []


def test_other_streams_stay_apart():
    kept = first(notebook(code("x", stream("a"), stream("careful", "stderr"), stream("b"))))["outputs"]
    assert [output["text"] for output in kept] == ["a", "careful", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r  0%|          | 0/10 [00:00<?, ?it/s]",
        "\r100%|██████████| 10/10 [00:00<00:00, 1234.56it/s]\n",
        "\repoch 3:  40%|████      | 4/10 [00:00<00:00, 39.9it/s, loss=0.123]\r      \r",
        "12it [00:00, 119.56it/s]\n",
    ],
)
def test_a_progress_bar_is_known(text):
    assert notebooks.is_bar(text)


@pytest.mark.parametrize(
    "text",
    [
        "UserWarning: x",
        "\r  0%|   | 0/10 [00:00<?, ?it/s]\nRuntimeWarning: overflow encountered in exp\n  return np.exp(x)\n",
        "50% of the weights are zero",
    ],
)
def test_anything_else_on_stderr_is_no_progress_bar(text):
    assert not notebooks.is_bar(text)


def test_cell_ids_come_from_content():
    ids = [cell["id"] for cell in normalised(MESSY)["cells"]]
    assert ids[1] == f"{ids[0]}-2"  # the same source twice
    assert len(set(ids)) == len(ids)
    again = copy.deepcopy(MESSY)
    again["cells"].insert(0, code("new"))
    assert [cell["id"] for cell in normalised(again)["cells"]][1:] == ids


def test_empty_cells_go():
    assert [cell["source"] for cell in normalised(MESSY)["cells"]] == ["print(1)", "print(1)", "w", "# T\n\ntext"]


def test_widget_models_are_numbered_by_appearance_and_the_unreachable_dropped():
    made = normalised(MESSY)
    one, two = f"{1:032x}", f"{2:032x}"
    assert made["cells"][2]["outputs"][0]["data"][VIEW]["model_id"] == one
    state = made["metadata"]["widgets"][STATE]["state"]
    assert list(state) == [one, two] and state[two]["model_name"] == "LayoutModel"
    assert state[one]["state"] == {"layout": f"IPY_MODEL_{two}", "msg_id": ""}


def test_a_widget_without_its_state_is_refused():
    with pytest.raises(NotebookError, match="run the notebook again"):
        normalised(notebook(code("w", widget("f00d"))))


def test_no_widgets_leave_no_trace():
    assert "widgets" not in normalised(notebook(code("x"), widgets={STATE: {"state": {}}}))["metadata"]


def test_tracebacks_lose_addresses_and_folders():
    line = f"File {notebooks.ROOT}/minigrad/scalar.py:12, in <Scalar at 0x7f00deadbeef>"
    error = {"output_type": "error", "ename": "E", "evalue": "at 0x7f00deadbeef", "traceback": [line]}
    assert first(notebook(code("x", error)))["outputs"][0] == {
        "output_type": "error",
        "ename": "E",
        "evalue": "at 0x0",
        "traceback": ["File minigrad/scalar.py:12, in <Scalar at 0x0>"],
    }


def test_colours_and_short_numbers_are_no_addresses():
    assert notebooks.calm("#0x12 0xff 0x7f00deadbeefz color 0072B2") == "#0x12 0xff 0x7f00deadbeefz color 0072B2"


PERCENT = """\
# %% [markdown]
# # A title

# %% tags=["export:scalar"]
x = {'a':1}

# %% mystnb={"image": {"alt": "A line."}}
print(x)
"""


def test_percent_text_goes_in_and_comes_out():
    made = notebooks.from_text(PERCENT)
    assert made["cells"][1]["metadata"] == {"tags": ["export:scalar"]}
    assert made["cells"][1]["source"] == 'x = {"a": 1}'  # laid out by ruff
    assert notebooks.to_text(normalised(made)) == PERCENT.replace("{'a':1}", '{"a": 1}')


def test_code_that_is_no_python_is_named():
    with pytest.raises(NotebookError, match="cannot lay out"):
        notebooks.from_text("# %%\nx = (1\n")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook with all that is allowed, run twice."""
    cells = [
        code(
            "import sys\nfrom pathlib import Path\n\nprint(Path.cwd().name)\n"
            "sys.stderr.write('\\r 50%|██  | 1/2 [00:01<00:01]')"
        ),
        code("1 / 0", tags=["raises-exception"]),
        code("import ipywidgets\nipywidgets.IntSlider(3)"),
        code("object()"),
        code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
    ]
    folder = tmp_path_factory.mktemp("here")
    once = execute(notebook(*cells), folder)
    return folder, once, execute(once, folder)


def test_running_twice_changes_no_byte(executed):
    _, once, twice = executed
    assert dumps(once) == dumps(twice)


def test_cells_are_numbered_from_one_and_run_in_the_folder(executed):
    folder, once, _ = executed
    assert [cell["execution_count"] for cell in once["cells"]] == [1, 2, 3, 4, 5]
    assert once["cells"][0]["outputs"][0]["text"] == f"{folder.name}\n"
    assert once["cells"][3]["outputs"][0]["data"]["text/plain"] == "<object at 0x0>"
    assert "image/png" in once["cells"][4]["outputs"][0]["data"]
    assert len(once["metadata"]["widgets"][STATE]["state"]) == 3


def test_everything_wrong_with_outputs_is_named(tmp_path):
    cells = [
        code("1", tags=["raises-exception"]),
        code("import warnings\nwarnings.warn('mind the gap')"),
    ]
    with pytest.raises(NotebookError) as caught:
        execute(notebook(*cells), tmp_path)
    assert "cell 0 is tagged raises-exception, but nothing was raised" in str(caught.value)
    assert "cell 1 wrote to stderr" in str(caught.value) and "mind the gap" in str(caught.value)


def test_nothing_is_written_when_a_cell_raises(tmp_path, capsys):
    source = tmp_path / "07_bad.py"
    source.write_text("# %%\nx = 1\n\n# %%\nx / 0\n")
    assert notebooks.main(["read", str(source), "--out", str(tmp_path)]) == 1
    assert "cell 1 raised" in (said := capsys.readouterr().err) and "ZeroDivisionError" in said
    assert not (tmp_path / "07_bad.ipynb").exists()


def test_normalise_check_looks_and_normalise_mends(tmp_path, capsys):
    path = tmp_path / "01_messy.ipynb"
    path.write_text(json.dumps(MESSY))
    before = path.read_bytes()
    assert notebooks.main(["normalise", "--check", str(path)]) == 1
    assert "run `make notebooks`" in capsys.readouterr().err and path.read_bytes() == before
    assert notebooks.main(["normalise", str(path)]) == 0
    assert notebooks.main(["normalise", "--check", str(path)]) == 0
    assert notebooks.main(["normalise", "--check", str(tmp_path / "none.ipynb")]) == 1
