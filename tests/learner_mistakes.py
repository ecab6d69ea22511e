"""Mistakes that learners make, and what each of them is told. ``python -m tests.learner_mistakes`` prints the table."""

import warnings
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


if __name__ == "__main__":
    print("| mistake | what happens |\n|---|---|")
    print(f"| forgetting `zero_grad()` | {forgotten_zero_grad()} |")
    for mistake in MISTAKES:
        print(f"| {mistake.title} | {message(mistake)} |".replace("\n", " "))
