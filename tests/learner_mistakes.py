"""Mistakes that learners make, and what each of them is told. ``python -m tests.learner_mistakes`` prints the table."""

import io
import warnings
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.utils.data import DataLoader, TensorDataset


class Mistake(NamedTuple):
    """A mistake, and words that its message must hold: what was found, and what to do."""

    title: str
    make: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


def leaf(*shape: int) -> Any:
    """Ones of this shape that want their gradient."""
    return mg.ones(*shape, requires_grad=True)


def backward_twice() -> None:
    x = leaf(3)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def overwrite_a_leaf() -> None:
    w = leaf(2)
    w -= 0.1 * mg.ones(2)


def overwrite_what_a_rule_needs() -> None:
    w, x = leaf(2), mg.ones(2)
    y = (w * x).sum()
    x.zero_()
    y.backward()


class NoSuper(nn.Module):
    """A module whose author forgot a line."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)


class NoForward(nn.Module):
    """A module whose author misspelled a method."""

    def forwards(self, x: Any) -> Any:
        return x


def nan_in_gradcheck() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mg.autograd.gradcheck(lambda x: (x - 1).sqrt(), (mg.ones(2, dtype=mg.float64, requires_grad=True),))


def state_without_detach() -> None:
    layer, h = nn.GRU(1, 2), None
    for _ in range(2):
        out, h = layer(leaf(3, 1, 1), h)
        out.sum().backward()


def state_of_another_optimizer() -> None:
    state = optim.SGD([leaf(2)], lr=0.1).state_dict()
    optim.Adam([leaf(2)]).load_state_dict(state)


def state_of_a_larger_model() -> None:
    small, large = (optim.Adam(nn.Linear(n, 1, bias=False).parameters()) for n in (2, 3))
    for group in large.param_groups:
        for p in group["params"]:
            p.grad = mg.ones(1, 3)
    large.step()
    small.load_state_dict(large.state_dict())


def file_of_pytorch() -> Any:
    """A file that PyTorch wrote: its first bytes, and the name of its only part."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02")
    file.seek(0)
    return mg.load(file)


def file_cut_short() -> Any:
    file = io.BytesIO()
    mg.save({"weight": mg.ones(3)}, file)
    return mg.load(io.BytesIO(file.getvalue()[:300]))


MISTAKES = [
    Mistake("shapes that do not broadcast", lambda: leaf(3) + leaf(4), ValueError, ("(3,)", "(4,)")),
    Mistake(
        "inner sizes of a matrix product", lambda: leaf(32, 64) @ leaf(128, 10), ValueError, ("64", "128", "inner")
    ),
    Mistake("a layer with the wrong input size", lambda: nn.Linear(64, 10)(mg.ones(8, 32)), ValueError, ("32", "64")),
    Mistake("`backward()` on a matrix", lambda: (leaf(2, 2) * 2).backward(), RuntimeError, ("(2, 2)", "sum()")),
    Mistake(
        "`backward()` where nothing requires grad",
        lambda: mg.ones(2).sum().backward(),
        RuntimeError,
        ("requires_grad=True",),
    ),
    Mistake("`backward()` twice", backward_twice, RuntimeError, ("freed", "retain_graph=True")),
    Mistake("integer weights", lambda: mg.tensor([1, 2], requires_grad=True), RuntimeError, ("int64", "3.0")),
    Mistake("an update without `no_grad`", overwrite_a_leaf, RuntimeError, ("leaf", "no_grad")),
    Mistake(
        "data overwritten before `backward()`", overwrite_what_a_rule_needs, RuntimeError, ("mul", "in place", "(2,)")
    ),
    Mistake("`.numpy()` of a tensor with history", lambda: leaf(2).numpy(), RuntimeError, ("detach()",)),
    Mistake("`.item()` of many elements", lambda: leaf(2, 3).item(), ValueError, ("6 elements", "tolist()")),
    Mistake("`if` on many elements", lambda: bool(leaf(3) > 0), ValueError, ("(3,)", ".any()")),
    Mistake("NaN in a gradient check", nan_in_gradcheck, ValueError, ("NaN", "another point")),
    Mistake(
        "a gradient check in float32",
        lambda: mg.autograd.gradcheck(lambda x: x * x, (leaf(2),)),
        ValueError,
        ("float64", "float32"),
    ),
    Mistake(
        "a class out of range",
        lambda: F.cross_entropy(leaf(2, 3), mg.tensor([0, 3])),
        ValueError,
        ("class 3", "0 to 2"),
    ),
    Mistake(
        "targets as a column",
        lambda: F.cross_entropy(leaf(2, 3), mg.tensor([[0], [1]])),
        ValueError,
        ("(2, 1)", "(2,)"),
    ),
    Mistake(
        "float class indices",
        lambda: F.cross_entropy(leaf(2, 3), mg.tensor([0.0, 1.0])),
        ValueError,
        ("float32", "int64"),
    ),
    Mistake(
        "(N, 1) against (N,) in a loss",
        lambda: F.mse_loss(leaf(4, 1), mg.ones(4)),
        ValueError,
        ("(4, 1)", "(4,)", "reshape"),
    ),
    Mistake(
        "two dtypes in a matrix product",
        lambda: leaf(2, 2) @ mg.ones(2, 2, dtype=mg.float64),
        TypeError,
        ("float32", "float64", ".to("),
    ),
    Mistake("ragged lists", lambda: mg.tensor([[1.0, 2.0], [3.0]]), ValueError, ("ragged", "same length")),
    Mistake("text instead of numbers", lambda: mg.tensor(["1.0"]), TypeError, ("1.0", "numbers")),
    Mistake("a tensor times a list", lambda: leaf(2) * [1.0, 2.0], TypeError, ("list", "tensor(")),
    Mistake("an index of floats", lambda: leaf(3)[mg.tensor([0.0])], IndexError, ("float32", ".long()")),
    Mistake("an axis that is not there", lambda: leaf(2, 3).sum(2), IndexError, ("2", "(2, 3)")),
    Mistake("no `super().__init__()`", NoSuper, AttributeError, ("super().__init__()", "layer")),
    Mistake("no `forward`", lambda: NoForward()(mg.ones(2)), NotImplementedError, ("NoForward", "forward")),
    Mistake(
        "a plain tensor in the place of a parameter",
        lambda: setattr(nn.Linear(2, 2), "weight", mg.ones(2, 2)),
        TypeError,
        ("weight", "Parameter"),
    ),
    Mistake(
        "parameters that were used up", lambda: optim.SGD(iter([])), ValueError, ("no parameters", "model.parameters()")
    ),
    Mistake(
        "a tensor that does not require grad, optimised", lambda: optim.SGD([mg.ones(2)]), TypeError, ("require grad",)
    ),
    Mistake(
        "float64 data into a float32 layer",
        lambda: nn.Linear(2, 2)(mg.ones(3, 2, dtype=mg.float64)),
        TypeError,
        ("float64", "float32", ".to("),
    ),
    Mistake(
        "a function where a module belongs",
        lambda: nn.Sequential(nn.Linear(2, 2), F.relu),
        TypeError,
        ("modules", "place 1", "nn.ReLU()"),
    ),
    Mistake("a list into a layer", lambda: nn.Linear(2, 2)([1.0, 2.0]), TypeError, ("list", "tensor(...)")),
    Mistake("one tensor to an optimiser", lambda: optim.SGD(leaf(2)), TypeError, ("[p]",)),
    Mistake("a parameter given twice", lambda: optim.SGD([p := leaf(2), p]), ValueError, ("twice",)),
    Mistake("a negative learning rate", lambda: optim.SGD([leaf(2)], lr=-0.1), ValueError, ("lr=-0.1",)),
    Mistake(
        "an argument that PyTorch has", lambda: optim.SGD([leaf(2)], lr=0.1, foreach=True), TypeError, ("foreach",)
    ),
    Mistake(
        "a state without a key",
        lambda: nn.Linear(2, 2).load_state_dict({"weight": mg.ones(2, 2)}),
        ValueError,
        ("bias", "nothing was loaded"),
    ),
    Mistake(
        "a state of another shape",
        lambda: nn.Linear(2, 2, bias=False).load_state_dict({"weight": mg.ones(3, 2)}),
        ValueError,
        ("(3, 2)", "(2, 2)"),
    ),
    Mistake(
        "data and labels of different length",
        lambda: TensorDataset(mg.ones(3, 2), mg.ones(4)),
        ValueError,
        ("(3, 2)", "(4,)"),
    ),
    Mistake(
        "a batch size of 0", lambda: DataLoader(TensorDataset(mg.ones(3)), batch_size=0), ValueError, ("batch_size=0",)
    ),
    Mistake("betas as one number", lambda: optim.Adam([leaf(2)], betas=0.9), ValueError, ("betas=0.9", "two numbers")),
    Mistake("a beta of 1", lambda: optim.Adam([leaf(2)], betas=(0.9, 1.0)), ValueError, ("(0.9, 1.0)", "[0, 1)")),
    Mistake("momentum for Adam", lambda: optim.Adam([leaf(2)], momentum=0.9), TypeError, ("Adam", "momentum")),
    Mistake(
        "a schedule over a number", lambda: optim.lr_scheduler.StepLR(0.1, 10), TypeError, ("float", "an optimiser")
    ),
    Mistake(
        "the state of another optimiser", state_of_another_optimizer, ValueError, ("nothing was loaded", "'betas'")
    ),
    Mistake(
        "the optimiser's state of a larger model",
        state_of_a_larger_model,
        ValueError,
        ("nothing was loaded", "(1, 3)", "(1, 2)"),
    ),
    Mistake(
        "the model's state for the optimiser",
        lambda: optim.Adam([leaf(2)]).load_state_dict(nn.Linear(2, 2).state_dict()),
        ValueError,
        ("nothing was loaded", "param_groups"),
    ),
    Mistake("one example into BatchNorm1d", lambda: nn.BatchNorm1d(3)(leaf(1, 3)), ValueError, ("(1, 3)", "eval()")),
    Mistake(
        "channels last in BatchNorm1d",
        lambda: nn.BatchNorm1d(3)(leaf(8, 5, 3)),
        ValueError,
        ("(8, 5, 3)", "(5,)", "(3,)"),
    ),
    Mistake("LayerNorm of another axis", lambda: nn.LayerNorm(3)(leaf(8, 3, 5)), ValueError, ("(8, 3, 5)", "(3,)")),
    Mistake(
        "Glorot's start for a bias", lambda: nn.init.xavier_uniform_(leaf(3)), ValueError, ("(3,)", "(out, in", "bias")
    ),
    Mistake(
        "a gain for an unknown activation",
        lambda: nn.init.kaiming_normal_(leaf(3, 2), nonlinearity="gelu"),
        ValueError,
        ("'gelu'", "'relu'"),
    ),
    Mistake(
        "a first state for another batch (`batch_first` mixed up)",
        lambda: nn.GRU(3, 4, batch_first=True)(leaf(5, 2, 3), mg.zeros(1, 2, 4)),
        ValueError,
        ("(1, 2, 4)", "(1, 5, 4)", "batch_first"),
    ),
    Mistake(
        "a first state for another number of layers",
        lambda: nn.RNN(3, 4, num_layers=2)(leaf(5, 2, 3), mg.zeros(1, 2, 4)),
        ValueError,
        ("(1, 2, 4)", "(2, 2, 4)"),
    ),
    Mistake(
        "one state where an LSTM has two",
        lambda: nn.LSTM(3, 4)(leaf(5, 2, 3), mg.zeros(1, 2, 4)),
        TypeError,
        ("Tensor", "pair (h, c)"),
    ),
    Mistake("features of another number", lambda: nn.GRU(3, 4)(leaf(5, 2, 7)), ValueError, ("(5, 2, 7)", "size 3")),
    Mistake(
        "characters as integers into a GRU",
        lambda: nn.GRU(3, 4)(mg.zeros(5, 2, 3).long()),
        TypeError,
        ("int64", "Embedding"),
    ),
    Mistake(
        "a recurrent layer's pair into the next layer",
        lambda: nn.Linear(4, 2)(nn.GRU(3, 4)(leaf(5, 2, 3))),
        TypeError,
        ("tuple", "output"),
    ),
    Mistake(
        "a state carried over without `detach()`", state_without_detach, RuntimeError, ("freed", "gru", "detach()")
    ),
    Mistake(
        "clipping a module",
        lambda: nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0),
        TypeError,
        ("Linear", "parameters()"),
    ),
    Mistake("floats into Embedding", lambda: nn.Embedding(4, 3)(leaf(2)), TypeError, ("float32", ".long()")),
    Mistake(
        "a word that the table has not",
        lambda: nn.Embedding(4, 3)(mg.tensor([1, 4])),
        IndexError,
        ("4", "0 to 3"),
    ),
    Mistake("dropout in per cent", lambda: nn.Dropout(50), ValueError, ("p=50", "0 to 1")),
    Mistake(
        "saving the model itself", lambda: mg.save(nn.Linear(2, 2), "m.npz"), TypeError, ("Linear", "state_dict()")
    ),
    Mistake(
        "a file that is not there", lambda: mg.load("no_such_file.npz"), FileNotFoundError, ("no_such_file.npz", "path")
    ),
    Mistake("a file of `torch.save`", file_of_pytorch, OSError, ("pickle", "numpy.savez")),
    Mistake("a file that is cut short", file_cut_short, OSError, ("cut short", "older copy")),
    Mistake("a name that the book has not built", lambda: mg.einsum, AttributeError, ("einsum", "dir(minigrad)")),
]


def message(mistake: Mistake) -> str:
    """What somebody who makes the mistake is told. Raises AssertionError if nothing is said, or another error."""
    try:
        mistake.make()
    except mistake.error as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError(f"{mistake.title}: no {mistake.error.__name__}")


def forgotten_zero_grad() -> str:
    """The one mistake that no message can catch: what happens."""
    x = mg.tensor(3.0, requires_grad=True)
    seen = []
    for _ in range(3):
        (x * x).backward()
        seen.append(x.grad.item())
    return f"no error: gradients add up, {', '.join(map(str, seen))} for x * x at 3 (as in PyTorch)"


def forgotten_eval() -> str:
    """Nor this one: predictions of a network that is still in training."""
    mg.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    x = mg.randn(4, 2)
    answers = [net(x).sum(1).tolist() for _ in range(2)]
    counted = net[2].num_batches_tracked.item()
    net.eval()
    calm = [net(x).sum(1).tolist() for _ in range(2)]
    return (
        f"no error: the same input gets {'one answer' if answers[0] == answers[1] else 'two answers'}, and BatchNorm1d "
        f"learned from {counted} test batches; after eval() {'one answer' if calm[0] == calm[1] else 'two answers'}"
    )


def clipped_too_early() -> str:
    """Nor clipping before `backward()`."""
    layer = nn.Linear(2, 2)
    norm = nn.utils.clip_grad_norm_(layer.parameters(), 1.0).item()
    return f"no error: there is nothing to clip yet, the norm is {norm}"


if __name__ == "__main__":
    print("| mistake | what happens |\n|---|---|")
    print(f"| forgetting `zero_grad()` | {forgotten_zero_grad()} |")
    print(f"| forgetting `eval()` | {forgotten_eval()} |")
    print(f"| clipping before `backward()` | {clipped_too_early()} |")
    for mistake in MISTAKES:
        print(f"| {mistake.title} | {message(mistake)} |".replace("\n", " "))
