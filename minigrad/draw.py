"""Draw the graph behind a Scalar as SVG, without any other program.

Made from chapter 1, Compute on a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from statistics import fmean

from minigrad.scalar import Scalar

LIMIT = 60  # nodes; beyond that a drawing shows a thicket


def layers(output: Scalar, limit: int = LIMIT) -> dict[Scalar, int]:
    """How many steps each node lies before `output`, on the longest road between them.

    Raises ValueError as soon as it has met more than `limit` nodes.
    """
    steps: dict[Scalar, int] = {}
    layer, step = [output], 0
    while layer:
        steps |= dict.fromkeys(layer, step)
        if len(steps) > limit:
            found = f"found more than {limit} nodes, expected at most {limit}"
            raise ValueError(f"draw: {found}; draw an inner node instead")
        layer = list(dict.fromkeys(parent for node in layer for parent in node.parents))
        step += 1
    return steps


Edge = tuple[Scalar, int]  # a node, and which of its parents
Stop = Scalar | tuple[Scalar, int, int]  # a node, or a bend: an edge, and the step at which it passes other nodes


def routes(steps: dict[Scalar, int]) -> dict[Edge, list[Stop]]:
    """The stops of each edge, from the node back to its parent, with a bend in every layer that it passes."""
    return {
        (node, i): [node, *((node, i, step) for step in range(steps[node] + 1, steps[parent])), parent]
        for node in steps
        for i, parent in enumerate(node.parents)
    }


def ranks(steps: dict[Scalar, int], roads: dict[Edge, list[Stop]]) -> dict[Stop, float]:
    """The row of each stop, layer by layer: sorted by the mean row of the stops that it leads to, spread around 0."""
    row: dict[Stop, float] = {node: 0.0 for node, step in steps.items() if step == 0}
    for step in range(1, max(steps.values()) + 1):
        wishes: dict[Stop, list[float]] = {}
        for (node, _), stops in roads.items():
            at = step - steps[node]
            if 0 < at < len(stops):
                wishes.setdefault(stops[at], []).append(row[stops[at - 1]])
        ranked = sorted(wishes, key=lambda stop: fmean(wishes[stop]))
        row |= {stop: i - (len(ranked) - 1) / 2 for i, stop in enumerate(ranked)}
    return row


def box_lines(node: Scalar, name: str, grad: bool) -> list[str]:
    """The lines of text in a node's box: its name and operation, its value, its gradient if asked for."""
    what = f"{name}: {node.op}" if name and node.op else name or node.op or "leaf"
    return [what, f"{node.data:.4g}"] + ([f"grad {node.grad:.4g}"] if grad else [])


def in_words(node: Scalar, names: Mapping[Scalar, str]) -> str:
    """The node as a sentence, for those who hear the drawing instead of seeing it."""
    inputs = " and ".join(names.get(parent) or parent.op or "a leaf" for parent in node.parents)
    name = names.get(node) or node.op or "a leaf"
    return f"{name} is {node.data:.4g}" + (f", by {node.op} from {inputs}." if node.op else ".")


def text_at(x: int, y: int, line: str, size: int = 13) -> str:
    """One line of text, centred at x."""
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" fill="#1a1a1a" font-size="{size}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace">{escape(line)}</text>'
    )


def pill(right: int, y: int, line: str) -> str:
    """A small label that ends at `right`."""
    wide = 7 * len(line) + 6
    frame = f'<rect x="{right - wide}" y="{y - 7}" width="{wide}" height="14" rx="7" fill="#f2f2f2"/>'
    return frame + text_at(right - wide // 2, y + 4, line, 11)


def curve_to(x: int, y: int, to_x: int, to_y: int) -> str:
    """A road from one point to another that leaves and arrives level."""
    middle = (x + to_x) // 2
    return f"C{middle} {y} {middle} {to_y} {to_x} {to_y}"


class Canvas:
    """Where the stops of a drawing stand, in pixels, and how boxes and edges are written as SVG."""

    margin, gap = 8, 64

    def __init__(self, steps: dict[Scalar, int], row: dict[Stop, float], boxes: dict[Scalar, list[str]]) -> None:
        self.steps, self.row, self.boxes = steps, row, boxes
        widest = [0] * (max(steps.values()) + 1)
        for node, step in steps.items():
            widest[step] = max(widest[step], *(len(line) for line in boxes[node]))
        self.wide = [20 + 8 * letters for letters in widest]
        self.tall = 12 + 18 * max(len(lines) for lines in boxes.values())
        self.width = sum(self.wide) + self.gap * (len(self.wide) - 1) + 2 * self.margin
        self.height = max(self.y(stop) for stop in row) + self.tall // 2 + self.margin

    def column(self, stop: Stop) -> tuple[int, int]:
        """The left and the right side of a stop's column."""
        step = stop[2] if isinstance(stop, tuple) else self.steps[stop]
        left = self.margin + sum(self.wide[step + 1 :]) + self.gap * (len(self.wide) - 1 - step)
        return left, left + self.wide[step]

    def y(self, stop: Stop) -> int:
        """The middle of a stop's row."""
        return self.margin + self.tall // 2 + int((self.row[stop] - min(self.row.values())) * (self.tall + 18))

    def box(self, node: Scalar) -> str:
        """A node: round and blue if an operation made it, square and warm if it is a leaf, the output framed thick."""
        (left, right), y = self.column(node), self.y(node)
        fill, stroke, radius = ("#e3f0fb", "#0072b2", 10) if node.op else ("#fff3d6", "#b35c00", 0)
        lines = self.boxes[node]
        first = y - 9 * (len(lines) - 1) + 5
        return (
            f'<rect x="{left}" y="{y - self.tall // 2}" width="{right - left}" height="{self.tall}" rx="{radius}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="{1 if self.steps[node] else 3}"/>'
        ) + "".join(text_at((left + right) // 2, first + 18 * i, line) for i, line in enumerate(lines))

    def edge(self, edge: Edge, stops: list[Stop], slopes: bool) -> str:
        """An arrow from a parent to the node that uses it, with the slope beside its head if asked for."""
        node, i = edge
        x, y = self.column(stops[-1])[1], self.y(stops[-1])
        path = f"M{x} {y}"
        for bend in stops[-2:0:-1]:
            left, right = self.column(bend)
            path += curve_to(x, y, left, self.y(bend)) + f"H{right}"
            x, y = right, self.y(bend)
        tip, at = self.column(node)[0], self.y(node) + 16 * i - 8 * (len(node.parents) - 1)
        path += curve_to(x, y, tip - 7, at)
        arrow = f'<path d="{path}" fill="none" stroke="#767676" stroke-width="1.5"/>'
        arrow += f'<path d="M{tip} {at}l-8 -4v8z" fill="#767676"/>'
        return arrow + (pill(tip - 10, at, f"{tuple(node.slopes)[i]:.4g}") if slopes else "")


class Drawing:
    """A drawn graph: a notebook shows `svg`, the picture; as text it is one sentence."""

    def __init__(self, canvas: Canvas, about: str, words: str, parts: list[str]) -> None:
        self.about = about
        self.svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{canvas.width}" height="{canvas.height}" '
            f'viewBox="0 0 {canvas.width} {canvas.height}" role="img" style="max-width: 100%; height: auto">'
            f"<title>{escape(about)}</title><desc>{escape(words)}</desc>{''.join(parts)}</svg>"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<{self.about}>"


def names_by_node(steps: dict[Scalar, int], names: Mapping[str, Scalar]) -> dict[Scalar, str]:
    """What each named node is called. Raises ValueError for a name whose Scalar is not in the graph."""
    called: dict[Scalar, str] = {}
    for name, node in names.items():
        if not isinstance(node, Scalar) or node not in steps:
            raise ValueError(f"draw: {name} is not in the graph of the output; name only what the output came from")
        called[node] = f"{called[node]}, {name}" if node in called else name
    return called


def draw(
    output: Scalar,
    names: Mapping[str, Scalar] | None = None,
    /,
    *,
    grad: bool = False,
    slopes: bool = False,
    **named: Scalar,
) -> Drawing:
    """The graph behind `output`, leaves on the left: ``draw(y, x=x)`` or ``draw(y, {"x": x})``.

    A box shows a node's name and operation, its value, and its `grad` if asked for; an edge its `slopes` if asked for.

    Raises TypeError if `output` is no Scalar, and ValueError if the graph has more than 60 nodes or if a named Scalar
    is not in it.
    """
    if not isinstance(output, Scalar):
        raise TypeError(f"draw: found {output!r:.60} ({type(output).__name__}), expected a Scalar")
    steps = layers(output)
    called = names_by_node(steps, {**(names or {}), **named})
    roads = routes(steps)
    canvas = Canvas(steps, ranks(steps, roads), {node: box_lines(node, called.get(node, ""), grad) for node in steps})
    about = f"Graph of {len(steps)} nodes and {len(roads)} edges"
    words = " ".join(in_words(node, called) for node in reversed(steps))
    edges = [canvas.edge(edge, stops, slopes) for edge, stops in roads.items()]
    return Drawing(canvas, about, words, edges + [canvas.box(node) for node in steps])
