"""Controls for the chapters: things to move, on the rendered page as well as in JupyterLab.

The logic of each control is JavaScript that lies beside this file and travels in the notebook, so that it works where
no kernel runs. Python only chooses where it starts:

    from widgets import NeuronGraph
    NeuronGraph(x1=2.0)
"""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).resolve().parent


def front_end(stem: str) -> str:
    """The JavaScript of one control: the parts that all share, then its own."""
    return "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("kit", stem))


class Control(anywidget.AnyWidget):
    """What the controls share: style, and a text that stands for the control where none can be shown."""

    _css = (HERE / "kit.css").read_text(encoding="utf-8")
    about = "A control."

    def __repr__(self) -> str:
        """A fixed sentence: no address, so that a notebook's text does not change from run to run."""
        return f"<{type(self).__name__}: {self.about}>"


class NeuronGraph(Control):
    """``out = tanh(w1 * x1 + w2 * x2 + b)`` as a graph: move the inputs, nudge one, watch the change travel."""

    _esm = front_end("neuron_graph")
    about = "move the inputs of tanh(w1*x1 + w2*x2 + b) and nudge one of them"

    x1 = traitlets.Float(2.0).tag(sync=True)
    x2 = traitlets.Float(0.5).tag(sync=True)
    w1 = traitlets.Float(-1.0).tag(sync=True)
    w2 = traitlets.Float(1.0).tag(sync=True)
    b = traitlets.Float(1.0).tag(sync=True)
    nudged = traitlets.Enum(("x1", "w1", "x2", "w2", "b"), default_value="x1").tag(sync=True)
    nudge = traitlets.Float(0.1).tag(sync=True)


class BackwardWalk(Control):
    """The backward pass over a small graph, one edge a step: who still waits for whom, and what has arrived."""

    _esm = front_end("backward_walk")
    about = "step through the backward pass of a small graph"

    graph = traitlets.Enum(("square", "diamond", "doubling"), default_value="square").tag(sync=True)
    x = traitlets.Float(3.0).tag(sync=True)


class BroadcastGrid(Control):
    """Two arrays stretched to a common shape, and which cells of the result each gradient cell is summed from."""

    _esm = front_end("broadcast_grid")
    about = "choose two shapes, see how they stretch, and which cells a gradient is summed from"

    left = traitlets.List(traitlets.Int(min=1, max=4), default_value=[3, 1], maxlen=3).tag(sync=True)
    right = traitlets.List(traitlets.Int(min=1, max=4), default_value=[4], maxlen=3).tag(sync=True)

    def __init__(self, left: tuple[int, ...] = (3, 1), right: tuple[int, ...] = (4,), **kwargs: Any) -> None:
        super().__init__(left=list(left), right=list(right), **kwargs)


class DecisionBoundary(Control):
    """A network of two layers that trains in the reader's browser, with its decision boundary and its loss."""

    _esm = front_end("decision_boundary")
    about = "train a network of two layers on two moons or XOR and watch its decision boundary"

    data = traitlets.Enum(("moons", "xor"), default_value="moons").tag(sync=True)
    hidden = traitlets.Int(8, min=1, max=16).tag(sync=True)
    rate = traitlets.Float(0.5).tag(sync=True)
    seed = traitlets.Int(3).tag(sync=True)


class PolynomialFit(Control):
    """A polynomial through a few noisy points: its degree, a penalty on its coefficients, its error on new points."""

    _esm = front_end("polynomial_fit")
    about = "fit a polynomial to a few points: its degree, their number, a penalty, and the error on new points"

    degree = traitlets.Int(9, min=0, max=14).tag(sync=True)
    points = traitlets.Int(12, min=5, max=100).tag(sync=True)
    power = traitlets.Float(-9.0).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)


class SignalFlow(Control):
    """A deep random network: the size of activations and of derivatives, layer by layer."""

    _esm = front_end("signal_flow")
    about = "choose depth, bend and gain of a random network and see the size of activations and derivatives"

    bend = traitlets.Enum(("none", "sigmoid", "tanh", "relu"), default_value="tanh").tag(sync=True)
    depth = traitlets.Int(20, min=1, max=40).tag(sync=True)
    gain = traitlets.Float(0.6).tag(sync=True)
    skip = traitlets.Bool(False).tag(sync=True)


class Valley(Control):
    """A hundred steps down a valley: learning rate, momentum, how narrow it is, and by how much it is turned."""

    _esm = front_end("valley")
    about = "go down a narrow valley: learning rate, momentum, condition, and the method"

    method = traitlets.Enum(("sgd", "nesterov", "adam"), default_value="sgd").tag(sync=True)
    lr = traitlets.Float(0.075).tag(sync=True)
    momentum = traitlets.Float(0.0).tag(sync=True)
    condition = traitlets.Float(25.0).tag(sync=True)
    angle = traitlets.Float(0.0).tag(sync=True)


class TimeReach(Control):
    """Thirty steps of a recurrent unit: how much of the derivative at the last step arrives at each one before it."""

    _esm = front_end("time_reach")
    about = "move the spectral radius or the forget bias and see how much arrives at each of thirty steps"

    network = traitlets.Enum(("linear", "tanh", "lstm", "lstm1997"), default_value="linear").tag(sync=True)
    radius = traitlets.Float(0.8).tag(sync=True)
    input = traitlets.Float(0.5).tag(sync=True)
    bias = traitlets.Float(0.0).tag(sync=True)
