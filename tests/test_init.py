"""The package's front door: public names, found when they are asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from types import ModuleType

import pytest
import torch

import minigrad
from tools.chapters import ROOT


def in_a_fresh_python(program: str) -> str:
    """What the program prints. Fails if it fails."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_scalars_need_no_numpy():
    program = (
        "import sys, minigrad; from minigrad import Scalar; from minigrad.draw import draw; import minigrad.autograd\n"
        "x = Scalar(3.0); y = x * x + x; draw(y); y.backward(); print(x.grad, 'numpy' in sys.modules)"
    )
    assert in_a_fresh_python(program) == "7.0 False"


def test_importing_the_package_imports_none_of_its_modules():
    program = "import sys, minigrad; print([m for m in sys.modules if m.startswith('minigrad.')])"
    assert in_a_fresh_python(program) == "[]"


@pytest.mark.parametrize("name", sorted(minigrad.HOME))
def test_every_public_name_is_found_in_its_home(name):
    found = getattr(minigrad, name)
    home = importlib.import_module(f"minigrad.{minigrad.HOME[name]}")
    assert found is (home if minigrad.HOME[name] == name else getattr(home, name))
    assert isinstance(found, ModuleType) == (minigrad.HOME[name] == name)
    assert vars(minigrad)[name] is found  # the next time it is simply there


@pytest.mark.parametrize("name", {home: name for name, home in minigrad.HOME.items()}.values())
def test_any_home_can_be_the_first_that_is_opened(name):
    in_a_fresh_python(f"from minigrad import {name}")


@pytest.mark.parametrize("module", sorted(set(minigrad.HOME) & {p.stem for p in (ROOT / "minigrad").glob("*.py")}))
def test_a_public_name_wins_over_a_module_of_the_same_spelling_in_any_order(module):
    is_module = minigrad.HOME[module] == module
    program = f"import minigrad.{module}, minigrad, types; print(isinstance(minigrad.{module}, types.ModuleType))"
    assert in_a_fresh_python(program) == str(is_module)


def test_dir_lists_the_public_names():
    assert dir(minigrad) == sorted([*minigrad.HOME, "__version__"])


@pytest.mark.parametrize("name", ["einsum", "no_such_name"])
def test_an_unknown_name_is_refused_in_a_sentence(name):
    assert name not in minigrad.HOME
    with pytest.raises(AttributeError, match=f"^minigrad has no '{name}': .* dir\\(minigrad\\) lists them$"):
        getattr(minigrad, name)
    with pytest.raises(ImportError, match=name):
        exec(f"from minigrad import {name}")


def test_unknown_names_include_those_that_pytorch_has():
    assert hasattr(torch, "einsum")
    assert not hasattr(minigrad, "einsum")


def test_a_public_name_wins_over_a_module_of_the_same_spelling(monkeypatch):
    """As `minigrad.tensor` will: a function, in spite of a module minigrad/tensor.py."""
    monkeypatch.setitem(minigrad.HOME, "draw", "more")
    monkeypatch.setattr(importlib.import_module("minigrad.more"), "draw", "the public one", raising=False)
    monkeypatch.delitem(sys.modules, "minigrad.draw", raising=False)
    monkeypatch.delattr(minigrad, "draw", raising=False)
    module = importlib.import_module("minigrad.draw")
    assert isinstance(module, ModuleType) and module.__name__ == "minigrad.draw"
    assert minigrad.draw == "the public one"


def test_a_public_name_can_be_replaced(monkeypatch):
    monkeypatch.setattr(minigrad, "Scalar", "another")
    assert minigrad.Scalar == "another"


def test_other_modules_are_bound_as_always():
    module = importlib.import_module("minigrad.scalar")
    assert minigrad.scalar is module


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert minigrad.__version__ == project["version"]


# ------------------------------------------------------------------------------------------ every name that is promised

# By chapter 8. Each is looked up as a script does it, after `import minigrad` alone.
PROMISED = {
    "minigrad": (
        "Scalar Tensor tensor zeros ones full arange rand randn randint zeros_like ones_like manual_seed no_grad "
        "is_grad_enabled from_numpy linspace gather multinomial tune_allocator stack cat where maximum minimum exp log "
        "sqrt sin cos tanh sigmoid relu abs clamp matmul logsumexp softmax log_softmax allclose float32 float64 int64 "
        "set_default_dtype save load autograd nn optim utils Generator"
    ),
    "minigrad.Scalar": "backward exp log tanh sigmoid relu __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ "
    "__truediv__ __rtruediv__ __pow__ __rpow__ __neg__ __lt__ __le__ __gt__ __ge__ __repr__",
    "minigrad.Tensor": (
        "data grad requires_grad requires_grad_ shape ndim dtype size numel item numpy tolist detach clone backward "
        "sum mean var std max min argmax argmin reshape view flatten transpose permute T squeeze unsqueeze expand pow "
        "exp log sqrt sin cos tanh sigmoid relu abs clamp matmul logsumexp softmax log_softmax zero_ copy_ normal_ "
        "uniform_ fill_ __getitem__ __setitem__ __iadd__ __isub__ __imul__ __matmul__ __eq__ __lt__"
    ),
    "minigrad.autograd": "backward grad gradcheck gradgradcheck",
    "minigrad.nn": (
        "Module Parameter Sequential ModuleList Linear Identity Flatten ReLU Tanh Sigmoid GELU Softmax MSELoss "
        "CrossEntropyLoss BCEWithLogitsLoss Dropout BatchNorm1d LayerNorm Embedding RNN LSTM GRU RNNCell LSTMCell "
        "GRUCell functional init utils"
    ),
    "minigrad.nn.Module": (
        "parameters named_parameters modules state_dict load_state_dict train eval zero_grad requires_grad_ "
        "register_buffer register_parameter __repr__"
    ),
    "minigrad.nn.functional": (
        "linear relu tanh sigmoid gelu softmax log_softmax mse_loss cross_entropy binary_cross_entropy_with_logits "
        "batch_norm layer_norm dropout embedding"
    ),
    "minigrad.nn.init": (
        "uniform_ normal_ constant_ zeros_ ones_ calculate_gain xavier_uniform_ xavier_normal_ kaiming_uniform_ "
        "kaiming_normal_ orthogonal_"
    ),
    "minigrad.nn.utils": "clip_grad_norm_ clip_grad_value_",
    "minigrad.optim": "Optimizer SGD RMSprop Adam AdamW lr_scheduler",
    "minigrad.optim.Optimizer": "zero_grad step state_dict load_state_dict add_param_group",
    "minigrad.optim.lr_scheduler": "LRScheduler StepLR CosineAnnealingLR LambdaLR",
    "minigrad.utils.data": "Dataset TensorDataset DataLoader",
}


def as_a_script_does(dotted: str) -> object:
    """The thing at the end of ``minigrad.nn.Module``."""
    found: object = minigrad
    for part in dotted.split(".")[1:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("home", PROMISED)
def test_every_promised_name_is_there(home):
    """And those of them that PyTorch has too are where PyTorch has them."""
    place = as_a_script_does(home)
    assert [name for name in PROMISED[home].split() if not hasattr(place, name)] == []


def test_promised_names_are_pytorchs():
    """What is offered beside them is known: no name was invented where PyTorch has one."""
    own = {"Scalar", "tune_allocator"}
    for home, names in PROMISED.items():
        if home != "minigrad.Scalar":
            place = torch
            for part in home.split(".")[1:]:
                place = getattr(place, part)
            assert {name for name in names.split() if not hasattr(place, name)} <= own, home


@pytest.mark.parametrize("home", ["minigrad", "minigrad.nn", "minigrad.optim"])
def test_what_is_listed_is_what_is_promised(home):
    listed = set(dir(as_a_script_does(home))) - {"__version__", "enable_grad"}
    assert listed == set(PROMISED[home].split())


@pytest.mark.parametrize("name", ["nn.Conv2d", "nn.Transformer", "optim.Adagrad", "optim.LBFGS"])
def test_a_name_of_pytorch_that_is_not_built_is_refused_in_a_sentence(name):
    home, _, last = name.rpartition(".")
    assert hasattr(getattr(torch, home), last)
    with pytest.raises(AttributeError, match=f"minigrad.{home} has no '{last}': .*dir\\(minigrad.{home}\\) lists"):
        as_a_script_does(f"minigrad.{name}")


def test_looking_at_the_names_needs_no_numpy():
    program = (
        "import sys, minigrad, minigrad.autograd, minigrad.nn, minigrad.optim\n"
        "print(len(dir(minigrad.nn)) > 20, 'Adam' in dir(minigrad.optim), 'numpy' in sys.modules)"
    )
    assert in_a_fresh_python(program) == "True True False"


def test_a_script_needs_one_import():
    program = (
        "import minigrad as torch\n"
        "nn = torch.nn\n"
        "net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.GELU(), nn.Dropout())\n"
        "torch.nn.init.xavier_uniform_(net[0].weight)\n"
        "opt = torch.optim.AdamW(net.parameters())\n"
        "schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 10)\n"
        "net(torch.ones(4, 2)).sum().backward()\n"
        "torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n"
        "opt.step(); schedule.step(); print(len(net.state_dict()))"
    )
    assert in_a_fresh_python(program) == "7"
