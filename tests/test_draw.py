"""Drawings of graphs, read back from their SVG: every node and edge once, in place, legible, in words too."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from minigrad.draw import LIMIT, draw, layers
from minigrad.scalar import Scalar

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Box:
    """A box of a drawing and the lines of text inside it."""

    left: int
    top: int
    wide: int
    tall: int
    lines: list[str]
    style: dict[str, str]

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.left + self.wide and self.top < y < self.top + self.tall


@dataclass
class Picture:
    """What a drawing shows, read back."""

    root: ET.Element
    boxes: list[Box]
    edges: list[str]
    heads: int
    pills: list[str]

    def box(self, *lines: str) -> Box:
        (found,) = [box for box in self.boxes if box.lines[: len(lines)] == list(lines)]
        return found


def read(drawing) -> Picture:
    """Parse the SVG. A text belongs to the last frame before it: a box is framed by a line, a pill is not."""
    root = ET.fromstring(drawing._repr_svg_())
    assert root.tag == f"{SVG}svg"
    boxes, pills, edges, heads = [], [], [], 0
    for element in root:
        style = element.attrib
        if element.tag == f"{SVG}rect" and "stroke" in style:
            boxes.append(Box(*(int(style[key]) for key in ("x", "y", "width", "height")), [], dict(style)))
        elif element.tag == f"{SVG}text" and style["font-size"] == "13":
            boxes[-1].lines.append(element.text)
        elif element.tag == f"{SVG}text":
            pills.append(element.text)
        elif element.tag == f"{SVG}path" and style["fill"] == "none":
            edges.append(style["d"])
        elif element.tag == f"{SVG}path":
            heads += 1
    return Picture(root, boxes, edges, heads, pills)


def graph(seed: int, size: int) -> Scalar:
    """A random graph in which results are used again, of at most `size` operations behind its output."""
    rng = random.Random(seed)
    nodes = [Scalar(rng.uniform(-1, 1)) for _ in range(3)]
    for _ in range(size):
        a, b = rng.choice(nodes[-6:]), rng.choice(nodes)
        nodes.append(rng.choice([a + b, a * b, a.tanh(), a - b]))
    return nodes[-1]


def everything_behind(output: Scalar) -> list[Scalar]:
    """All nodes of the graph, each once."""
    found = [output]
    for node in found:
        found += [p for p in dict.fromkeys(node.parents) if not any(p is f for f in found)]
    return found


def longest(output: Scalar, node: Scalar) -> int:
    """Steps of the longest road from node to output, by trying all of them; -1 if there is none."""
    if node is output:
        return 0
    return max((1 + further for p in set(output.parents) if (further := longest(p, node)) >= 0), default=-1)


# --------------------------------------------------------------------------------------------------------------- layers


@given(st.integers(0, 2**32), st.integers(0, 12))
def test_layers_are_the_longest_roads(seed, size):
    output = graph(seed, size)
    steps = layers(output)
    assert len(steps) == len(everything_behind(output))
    assert all(steps[node] == longest(output, node) for node in steps)


def test_a_leaf_is_its_own_graph():
    x = Scalar(1.0)
    assert layers(x) == {x: 0}
    assert len(read(draw(x, x=x)).boxes) == 1


# -------------------------------------------------------------------------------------------------------- what is shown


def test_the_square_plus_x():
    x = Scalar(3.0)
    picture = read(draw(x * x + x, x=x, slopes=True))
    assert sorted(box.lines for box in picture.boxes) == [["*", "9"], ["+", "12"], ["x", "3"]]
    assert (len(picture.edges), picture.heads) == (4, 4)
    assert sorted(picture.pills) == ["1", "1", "3", "3"]


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_every_node_and_every_edge_is_shown_once(seed, size):
    output = graph(seed, size)
    picture, nodes = read(draw(output)), everything_behind(output)
    assert sorted(box.lines[1] for box in picture.boxes) == sorted(f"{node.data:.4g}" for node in nodes)
    assert len(picture.edges) == picture.heads == sum(len(node.parents) for node in nodes)


def test_gradients_are_shown_when_asked_for():
    x = Scalar(3.0)
    y = x * x + x
    y.backward(retain_graph=True)
    assert read(draw(y, x=x, grad=True)).box("x").lines == ["x", "3", "grad 7"]
    assert read(draw(y, x=x)).box("x").lines == ["x", "3"]


def test_slopes_are_not_shown_unasked():
    assert read(draw(Scalar(1.0) + 2)).pills == []


def test_slopes_of_a_freed_graph_are_refused_in_a_sentence():
    y = Scalar(3.0) * 2
    y.backward()
    with pytest.raises(RuntimeError, match="freed"):
        draw(y, slopes=True)
    draw(y)


# ---------------------------------------------------------------------------------------------------------------- names


def test_names_by_keyword_and_by_dict():
    x, w = Scalar(3.0), Scalar(2.0)
    y = w * x
    by_keyword, by_dict = draw(y, x=x, w=w), draw(y, {"x": x, "w": w})
    assert by_keyword.svg == by_dict.svg
    assert read(by_keyword).box("x", "3") and read(by_keyword).box("w", "2")


def test_names_that_are_also_options_go_into_the_dict():
    x = Scalar(3.0)
    assert read(draw(x + 1, {"grad": x, "slopes": x, "output": x})).box("grad, slopes, output", "3")


def test_an_inner_node_keeps_its_operation_beside_its_name():
    z = Scalar(0.5) * 2
    assert read(draw(z.tanh(), z=z)).box("z: * c", "1")


def test_names_are_escaped():
    x = Scalar(3.0)
    drawing = draw(x + 1, {'<b>&"': x})
    assert read(drawing).box('<b>&"', "3")
    assert '<b>&" is 3.' in read(drawing).root.find(f"{SVG}desc").text


def test_equal_values_are_told_apart():
    x, w = Scalar(1.0), Scalar(1.0)
    picture = read(draw(x * w, x=x, w=w))
    assert picture.box("x", "1") and picture.box("w", "1")


@pytest.mark.parametrize("stranger", [Scalar(1.0), 1.0, "x", [1.0], None], ids=lambda s: type(s).__name__)
def test_a_name_for_something_else_is_refused(stranger):
    with pytest.raises(
        ValueError, match="draw: z is not in the graph of the output; name only what the output came from"
    ):
        draw(Scalar(1.0) + 1, z=stranger)


@pytest.mark.parametrize("stranger", [1.0, "x", None, [Scalar(1.0)]], ids=lambda s: type(s).__name__)
def test_only_scalars_are_drawn(stranger):
    with pytest.raises(TypeError, match=r"^draw: found .*, expected a Scalar$"):
        draw(stranger)


# ----------------------------------------------------------------------------------------------------------------- size


def chain(length: int) -> Scalar:
    x = Scalar(1.0)
    for _ in range(length - 1):
        x = x * 1.0
    return x


def test_sixty_nodes_are_drawn_and_one_more_is_not():
    assert LIMIT == 60
    assert len(read(draw(chain(60))).boxes) == 60
    with pytest.raises(
        ValueError, match="draw: found more than 60 nodes, expected at most 60; draw an inner node instead"
    ):
        draw(chain(61))


def test_nodes_are_visited_not_roads():
    y = Scalar(1.0)
    for _ in range(50):
        y = y + y  # 2^50 roads
    assert len(read(draw(y)).edges) == 100


def test_many_leaves_are_too_many_as_well():
    with pytest.raises(ValueError, match="more than 60 nodes"):
        draw(sum(Scalar(1.0) for _ in range(40)))


def test_a_huge_graph_is_refused_after_a_glance():
    class Counting(Scalar):
        looked = 0

        @property
        def parents(self):
            Counting.looked += 1
            return (Counting(1.0),)

        @parents.setter
        def parents(self, value):
            pass

    with pytest.raises(ValueError, match="more than 60 nodes"):
        draw(Counting(1.0))
    assert Counting.looked <= 61


# --------------------------------------------------------------------------------------------------------------- places


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_boxes_stand_apart_and_inside(seed, size):
    picture = read(draw(graph(seed, size), slopes=True, grad=True))
    width, height = int(picture.root.get("width")), int(picture.root.get("height"))
    for i, a in enumerate(picture.boxes):
        assert a.left >= 0 and a.top >= 0 and a.left + a.wide <= width and a.top + a.tall <= height
        for b in picture.boxes[:i]:
            beside = a.left >= b.left + b.wide or b.left >= a.left + a.wide
            below = a.top >= b.top + b.tall or b.top >= a.top + a.tall
            assert beside or below


def stretches(path: str) -> list[list[tuple[float, float]]]:
    """An edge piece by piece, each as eleven points along it: curves (C) and level lines (H)."""
    (x, y), pieces = map(int, re.match(r"M(\d+) (\d+)", path).groups()), []
    for letter, numbers in re.findall(r"([CH])([\d ]+)", path):
        ends = [int(n) for n in numbers.split()]
        (ax, ay), (bx, by), (cx, cy) = zip(*[iter(ends)] * 2, strict=True) if letter == "C" else [(ends[0], y)] * 3
        weights = [((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3) for t in (k / 10 for k in range(11))]
        pieces.append([(i * x + j * ax + k * bx + m * cx, i * y + j * ay + k * by + m * cy) for i, j, k, m in weights])
        x, y = cx, cy
    return pieces


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_edges_lead_to_the_right_from_box_to_box_and_through_none(seed, size):
    picture = read(draw(graph(seed, size)))
    for path in picture.edges:
        way = [point for piece in stretches(path) for point in piece]
        assert all(a[0] <= b[0] for a, b in pairwise(way))
        (x, y), (end_x, end_y) = way[0], way[-1]
        assert any(b.left + b.wide == x and b.top < y < b.top + b.tall for b in picture.boxes)
        assert any(b.left == end_x + 7 and b.top < end_y < b.top + b.tall for b in picture.boxes)
        assert not any(box.holds(*point) for box in picture.boxes for point in way)


def test_operands_stand_in_their_order():
    leaves = {name: Scalar(1.0) for name in "abcd"}
    a, b, c, d = leaves.values()
    picture = read(draw((a - b) - (c - d), leaves))
    tops = [picture.box(name).top for name in "abcd"]
    assert tops == sorted(tops) and len(set(tops)) == 4


def test_the_two_edges_of_a_square_arrive_apart():
    x = Scalar(3.0)
    ends = {stretches(path)[-1][-1] for path in read(draw(x * x)).edges}
    assert len(ends) == 2


@given(st.integers(0, 2**32))
def test_the_same_graph_is_the_same_text(seed):
    assert draw(graph(seed, 20)).svg == draw(graph(seed, 20)).svg


# ----------------------------------------------------------------------------------------------------------- legibility


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_are_told_from_light_and_from_dark_pages():
    x = Scalar(1.0)
    root = read(draw(x.tanh() * x, slopes=True)).root
    frames = {rect.get("fill") for rect in root.iter(f"{SVG}rect")}
    texts = {text.get("fill") for text in root.iter(f"{SVG}text")}
    lines = {path.get("stroke") or path.get("fill") for path in root.iter(f"{SVG}path")}
    assert len(frames) == 3  # leaf, operation, pill: every text stands on one of them
    assert min(contrast(text, frame) for text in texts for frame in frames) >= 4.5
    assert min(contrast(line, page) for line in lines for page in ("#ffffff", "#121212")) >= 3


def test_leaves_operations_and_the_output_look_different():
    x = Scalar(1.0)
    y = x.tanh()
    picture = read(draw(y * 2, x=x, y=y))
    leaf, inner, output = picture.box("x"), picture.box("y: tanh"), picture.box("* c")
    assert leaf.style["rx"] != inner.style["rx"]  # not by colour alone
    assert inner.style["rx"] == output.style["rx"]
    assert output.style["stroke-width"] != inner.style["stroke-width"]


def test_the_drawing_says_in_words_what_it_shows():
    x, w = Scalar(3.0), Scalar(2.0)
    y = w * x + 1
    root = read(draw(y, x=x, w=w, y=y)).root
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Graph of 4 nodes and 3 edges"
    words = root.find(f"{SVG}desc").text
    assert set(words.rstrip(".").split(". ")) == {
        "w is 2", "x is 3", "* is 6, by * from w and x", "y is 7, by + c from *",
    }  # fmt: skip
    assert words.endswith("y is 7, by + c from *.")


def test_as_text_a_drawing_is_one_sentence_without_an_address():
    assert repr(draw(Scalar(1.0) + 1)) == "<Graph of 2 nodes and 1 edges>"
