"""The debugging checklist: every item passes on a healthy program, and fails on the fault it is there to find."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "book" / "debugging.md").read_text(encoding="utf-8")
SETUP, *_ = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
ITEMS = dict(re.findall(r"^### (\d+\. .+?)$(?:(?!^### ).)*?^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))

LAYERS = "model = nn.Sequential({}); optimiser = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"


def layers(text: str) -> str:
    """A program that makes another model, and an optimiser for it."""
    return LAYERS.format(text)


def layer(forward: str) -> str:
    """A program that makes a layer called `Odd` which computes `forward` of x."""
    return f"class Odd(nn.Module):\n    def forward(self, x):\n        return {forward}\n"


# The number of an item: programs that plant what it is there to find, each run between the set-up and the item.
FAULTS = {
    1: ["x = x * 16.0", "t = t + 1", "t = t[:-1]", "x = x.double()"],
    2: [layers("nn.Linear(64, 1)"), layers("nn.Linear(64, 10), nn.Flatten(0)")],
    3: ["model[2].weight.data = model[2].weight.data * 30.0"],
    4: [layer("x.softmax(0)") + layers("nn.Linear(64, 10), Odd()"), layers("nn.Linear(64, 10), nn.BatchNorm1d(10)")],
    5: [
        layer("x.detach()") + layers("nn.Linear(64, 32), Odd(), nn.Linear(32, 10)"),
        "model[0].bias.data = model[0].bias.data - 100.0",
    ],
    6: [
        "model.append(nn.Linear(10, 10))",
        "model, _ = fresh()",
        "optimiser = optim.SGD(model[0].parameters(), lr=0.1)",
    ],
    7: ["optimiser.param_groups[0]['lr'] = 0.0", "optimiser = optim.SGD(model.parameters(), lr=0.1, maximize=True)"],
    8: [
        "optimiser.param_groups[0]['lr'] = 1e-5",
        "model[0].bias.data = model[0].bias.data - 100.0",
        layers("nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.9), nn.Linear(32, 10)"),
        "x = x * 0.0",
    ],
    9: ["optimiser.zero_grad = lambda: None"],
    10: ["optimiser.param_groups[0]['lr'] = 1e-4", "optimiser.param_groups[0]['lr'] = 20.0"],
    11: [layers("nn.Linear(64, 10), nn.Softmax(1)")],
    12: ["model[0].bias.data = model[0].bias.data - 100.0"],
    13: ["by_class = np.argsort(t.numpy(), kind='stable'); x, t = x[by_class], t[by_class]"],
    14: [
        "from minigrad.primitive import Primitive\n"
        "wrong = Primitive('wrong', lambda z: z * z, lambda g, out, z: g * z, keep='inputs')\n"
        "right = F.cross_entropy; F.cross_entropy = lambda z, t: right(wrong(z), t)"
    ],
    15: ["x.numpy()[0, 0] = np.inf", "model[2].weight.data = model[2].weight.data * 1e38 * 10"],
    16: [
        "model[2].weight.data.numpy()[0, 0] = np.nan",
        "x.numpy()[0, 0] = np.nan",
        "model[0].bias.data.numpy()[0] = np.inf",
    ],
    17: ["clamp = type(x).clamp; monkeypatch.setattr(type(x), 'clamp', lambda self, min: self)"],
    18: ["x.numpy()[100] *= 1e4"],
    19: [
        layer("F.dropout(x, 0.5)") + layers("nn.Linear(64, 10), Odd()"),
        layer("(x - x.mean(0)) / x.std(0)") + layers("nn.Linear(64, 10), Odd()"),
    ],
    20: ["x_new.numpy()[7] = x.numpy()[8]"],
    21: ["x_new = x_new * 2.0", "x_new = x_new + 0.1", "t_new.numpy()[:200] = 3"],
    22: ["t.numpy()[:] = 3", "t.numpy()[:] = 3; t_new.numpy()[len(t_new) // 10 :] = 3"],
    23: ["rng = np.random.default_rng(0); x, t = x[:100], tensor(rng.integers(0, 10, 100))"],
    24: [layers("*[part for _ in range(10) for part in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 10)")],
    25: [layers("*[part for _ in range(10) for part in (nn.Linear(64, 64), nn.Tanh())], nn.Linear(64, 10)")],
    26: [
        "class Short(nn.RNN):\n    def __init__(self, *sizes):\n        nn.RNN.__init__(self, *sizes)\n"
        "        self.weight_hh_l0.data = self.weight_hh_l0.data * 0.3\nmonkeypatch.setattr(nn, 'LSTM', Short)"
    ],
    27: ["batches = DataLoader(TensorDataset(x, t), batch_size=64)"],
    28: ["rng = np.random.default_rng(0); good = step\ndef step(x, t): return good(x + rng.normal() * 1e-3, t)"],
    29: [
        "good = fresh\ndef fresh(seed):\n    model, optimiser = good(seed)\n"
        "    optimiser.param_groups[0]['lr'] = 3.0\n    return model, optimiser"
    ],
    30: ["x = x + 4096.0", "model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))"],
}


def number(title: str) -> int:
    return int(title.split(".")[0])


def prepared(monkeypatch: pytest.MonkeyPatch, engine: str = "minigrad") -> dict:
    """The names that the page prepares."""
    names: dict = {"monkeypatch": monkeypatch, "__name__": "debugging"}
    exec(compile(SETUP.replace("minigrad", engine), "debugging.md, the names", "exec"), names)
    monkeypatch.setattr(names["F"], "cross_entropy", names["F"].cross_entropy)  # to be put back
    return names


def test_the_items_are_numbered_and_each_has_its_faults():
    assert [number(title) for title in ITEMS] == list(range(1, len(ITEMS) + 1)) == list(FAULTS)
    assert len(re.findall(r"^### ", TEXT, re.MULTILINE)) == len(ITEMS)


def test_every_item_names_a_chapter():
    for text in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        assert re.search(r"\]\(\d\d_\w+\.ipynb\)", text) or text.startswith("16."), text


@pytest.mark.parametrize("engine", ["minigrad", "torch"])
@pytest.mark.parametrize("title", ITEMS)
def test_an_item_passes_on_a_healthy_program(title, engine, monkeypatch):
    names = prepared(monkeypatch, engine)
    exec(compile(ITEMS[title], f"debugging.md, {title}", "exec"), names)


@pytest.mark.parametrize("engine", ["minigrad", "torch"])
def test_the_items_pass_one_after_the_other(engine, monkeypatch):
    names = prepared(monkeypatch, engine)
    for title, code in ITEMS.items():
        exec(compile(code, f"debugging.md, {title}", "exec"), names)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("title", "fault"), [(title, fault) for title in ITEMS for fault in FAULTS[number(title)]])
def test_an_item_finds_its_fault(title, fault, monkeypatch):
    names = prepared(monkeypatch)
    exec(compile(fault, "the fault", "exec"), names)
    with pytest.raises((AssertionError, FloatingPointError, IndexError, ValueError)):
        exec(compile(ITEMS[title], f"debugging.md, {title}", "exec"), names)
