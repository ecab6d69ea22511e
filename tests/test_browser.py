"""The rendered book as a reader meets it: headless Chromium over ``_build/html``, every other address blocked.

Skipped where there is no Chromium; under REQUIRE=all that is a failure. What the controls show is compared with what
Python computes, so a control that draws nicely and computes wrongly fails.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("playwright", reason="playwright is not installed: the rendered pages were not opened")

from playwright.sync_api import Browser, Locator, Page

from tools import shots
from web import assets

pytestmark = pytest.mark.skipif(shots.chromium() is None, reason="no Chromium: the rendered pages were not opened")

# (width, theme): between them both widths and both themes
VIEWS = [(1280, "light"), (390, "dark")]
# Not ours to mend: the theme leaves its skip link and the buttons above the article outside of any landmark, and its
# search field is called "Search" while it also shows the keys that open it.
THEME_VIOLATIONS = {"region", "label-content-name-mismatch"}
# Three elements of a page in four are Pygments' colours within code: axe sees the text only. It does not read MathML,
# in which a formula says what it is: a table header that is a formula stands there as its source.
AXE = """async () => {
  for (const node of document.querySelectorAll("th:has(math annotation)"))
    node.textContent = node.querySelector("annotation").textContent;
  for (const node of document.querySelectorAll(".highlight pre")) node.textContent = node.textContent;
  const where = (nodes) => nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ");
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map((each) => [each.id, where(each.nodes)]);
}"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the book is served; it is built first if it was not."""
    if not (shots.HTML / "index.html").is_file():
        subprocess.run([sys.executable, "-m", "tools.build_book"], cwd=shots.ROOT, check=True)
    with shots.serve() as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with shots.browser() as started:
        yield started


@pytest.mark.parametrize("page", shots.pages())
@pytest.mark.parametrize(("width", "theme"), VIEWS, ids=[f"{width}-{theme}" for width, theme in VIEWS])
def test_page(browser: Browser, address: str, page: str, width: int, theme: str) -> None:
    """Nothing sticks out, nothing comes from elsewhere, no error, all pictures have words and all controls a name."""
    window = shots.context(browser, width, theme)
    tab, found = shots.visit(window, address, page, width, theme)
    assert not found.lines(), "\n".join(found.lines())
    assert tab.evaluate("() => document.documentElement.dataset.theme") == theme
    broken = "() => [...document.images].filter((each) => each.complete && !each.naturalWidth).map((each) => each.src)"
    assert tab.evaluate(broken) == []
    tab.add_script_tag(path=assets.VENDOR / "tools" / "axe.min.js")
    violations = [(name, where) for name, where in tab.evaluate(AXE) if name not in THEME_VIOLATIONS]
    window.close()
    assert not violations, "\n".join(f"{page}, {width} px, {theme}: {name}: {where}" for name, where in violations)


@pytest.fixture
def tab(browser: Browser, request: pytest.FixtureRequest, address: str) -> Iterator[Page]:
    """The page named by the test's parameter, at a phone's width."""
    window = shots.context(browser, 390, "light")
    opened, _ = shots.visit(window, address, request.param, 390, "light")
    yield opened
    window.close()


def number(place: Locator) -> float:
    """The number that `place` shows."""
    return float((place.text_content() or "").replace("−", "-"))


def read(control: Locator, name: str) -> float:
    """The number that a control shows under this name."""
    return number(control.locator(f'[data-value="{name}"]'))


def move(control: Locator, name: str, value: float) -> None:
    """Move the slider called `name` as a reader would, so that it says so."""
    control.locator(f'input[name="{name}"]').evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def neuron(x1: float, w1: float, x2: float, w2: float, b: float) -> float:
    """What the neuron of chapter 1 computes."""
    return math.tanh(w1 * x1 + w2 * x2 + b)


@pytest.mark.parametrize("tab", ["book/01_scalar_graph"], indirect=True)
def test_neuron(tab: Page) -> None:
    """Chapter 1: the value, and how far it moves for a nudge of each input, are those of Python."""
    control = tab.locator(".mg-neuron").first
    values = {"x1": 0.5, "w1": -1.2, "x2": 1.1, "w2": 0.7, "b": -0.3}
    for name, value in values.items():
        move(control, name, value)
    move(control, "nudge", 0.2)
    out = neuron(**values)
    assert read(control, "out") == pytest.approx(out, abs=5.1e-5)
    for name in values:
        control.locator('select[name="nudged"]').select_option(name)
        delta = neuron(**values | {name: values[name] + 0.2}) - out
        assert read(control, "delta") == pytest.approx(delta, abs=5.1e-5)
        assert read(control, "ratio") == pytest.approx(delta / 0.2, abs=5.1e-5)
    assert f"tanh is {out:.2f}".replace("-", "−") in (control.locator("svg").get_attribute("aria-label") or "")


@pytest.mark.parametrize("tab", ["book/01_scalar_graph"], indirect=True)
def test_keyboard(tab: Page) -> None:
    """A slider moves with the arrow keys and has a name that a screen reader can say."""
    control = tab.locator(".mg-neuron").first
    slider = control.get_by_role("slider", name="x1", exact=True)
    before = number(control.locator("output").nth(1))
    slider.focus()
    tab.keyboard.press("ArrowRight")
    after = number(control.locator("output").nth(1))
    assert after == pytest.approx(before + 0.1)


# what each graph of the control computes: its derivative, and how many edges it has
GRAPHS: dict[str, tuple[Callable[[float], float], int]] = {
    "square": (lambda x: 2 * x + 1, 4),
    "diamond": (lambda x: 8 * x, 6),
    "doubling": (lambda x: 8.0, 6),
}


@pytest.mark.parametrize("tab", ["book/02_chain_rule"], indirect=True)
def test_walk(tab: Page) -> None:
    """Chapter 2: each edge is walked once, the gradient of x comes with the last of them, and it is right."""
    control = tab.locator(".mg-walk").first
    onward = control.get_by_role("button", name="Next")
    again = control.get_by_role("button", name="Start again")
    for graph, (slope, edges) in GRAPHS.items():
        for x in (3.0, -2.5):
            control.locator('select[name="graph"]').select_option(graph)
            if again.is_enabled():
                again.click()
            move(control, "x", x)
            steps = 0
            while onward.is_enabled():
                assert control.get_attribute("data-gradient") == ""
                onward.click()
                steps += 1
            assert steps == 1 + edges
            assert float(control.get_attribute("data-gradient") or "nan") == pytest.approx(slope(x))
    control.get_by_role("button", name="Back").click()
    assert control.get_attribute("data-gradient") == ""


# the cotangents that the control shows, in C order
COTANGENTS = [2, -1, 1, 3, 0, 1, -2, 4, 1, 2, -3, 1]


SHAPES = [((3, 1), (4,)), ((3, 4), ()), ((1, 4), (3, 1)), ((2, 1, 4), (3, 1)), ((2, 3, 1), (3, 4))]


@pytest.mark.parametrize("tab", ["book/03_tensors"], indirect=True)
def test_broadcast(tab: Page) -> None:
    """Chapter 3: the gradient of a cell is the sum of the cotangents of the cells that numpy copies it to."""
    control = tab.locator(".mg-broadcast").first
    for left, right in SHAPES:
        control.locator('select[name="left"]').select_option(",".join(map(str, left)))
        control.locator('select[name="right"]').select_option(",".join(map(str, right)))
        shape = np.broadcast_shapes(left, right)
        size = math.prod(shape)
        g = np.array([COTANGENTS[i % 12] + (i >= 12) for i in range(size)]).reshape(shape)
        shown = [int(text.replace("−", "-")) for text in control.locator(".mg-out").all_text_contents()]
        assert shown == g.ravel().tolist()
        for name, own in (("a", left), ("b", right)):
            lead = len(shape) - len(own)
            axes = (*range(lead), *(lead + i for i, n in enumerate(own) if n == 1))
            want = g.sum(axis=axes).reshape(own)
            for index in np.ndindex(own):
                control.locator(f'[data-cell="{name}{",".join(map(str, index))}"]').dispatch_event("click")
                assert read(control, "gradient") == want[index]
                assert control.locator(".mg-out.mg-picked").count() == size // math.prod(own)


@pytest.mark.parametrize("tab", ["book/03_tensors"], indirect=True)
def test_broadcast_refused(tab: Page) -> None:
    """Shapes that do not broadcast get a sentence."""
    control = tab.locator(".mg-broadcast").first
    control.locator('select[name="left"]').select_option("3,4")
    control.locator('select[name="right"]').select_option("3")
    assert "(3, 4) and (3,) do not broadcast" in (control.locator(".mg-say").text_content() or "")
    assert control.locator(".mg-cell").count() == 0


def random_numbers(seed: int) -> Iterator[float]:
    """The generator of the page (mulberry32): numbers in [0, 1)."""
    mask = 0xFFFFFFFF
    state = seed & mask
    while True:
        state = (state + 0x6D2B79F5) & mask
        t = ((state ^ (state >> 15)) * (state | 1)) & mask
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
        yield ((t ^ (t >> 14)) & mask) / 2**32


def train_xor(hidden: int, rate: float, seed: int, steps: int) -> tuple[float, float]:
    """Loss and accuracy of the page's network on XOR after `steps` steps, computed with numpy."""
    draw = random_numbers(seed)
    weights = np.array([2 * next(draw) - 1 for _ in range(4 * hidden + 1)])
    w, b, v, c = weights[:-1].reshape(hidden, 4)[:, :2], weights[2:-1:4], weights[3:-1:4], weights[-1]
    x = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]], dtype=float)
    y = np.array([0.0, 0.0, 1.0, 1.0])
    for _ in range(steps):
        act = np.tanh(x @ w.T + b)
        g = (1 / (1 + np.exp(-(act @ v + c))) - y) / 4
        back = g[:, None] * v * (1 - act**2)
        w, b, v, c = w - rate * back.T @ x, b - rate * back.sum(0), v - rate * act.T @ g, c - rate * g.sum()
    z = np.tanh(x @ w.T + b) @ v + c
    return float(np.mean(np.logaddexp(0, z) - y * z)), float(np.mean((z > 0) == (y == 1)))


@pytest.mark.parametrize("tab", ["book/04_mlp"], indirect=True)
def test_boundary(tab: Page) -> None:
    """Chapter 4: after forty steps in the page, loss and accuracy are those of the same network in numpy."""
    control = tab.locator(".mg-boundary").first
    control.locator('select[name="data"]').select_option("xor")
    move(control, "hidden", 4)
    move(control, "rate", 0)  # the slider holds the power of ten
    weights = control.get_by_role("button", name="Other weights")
    weights.click()
    seed = int(control.get_attribute("data-seed") or "0")
    for steps in range(10, 50, 10):
        control.get_by_role("button", name="10 steps").click()
        loss, accuracy = train_xor(hidden=4, rate=1.0, seed=seed, steps=steps)
        assert read(control, "step") == steps
        assert read(control, "loss") == pytest.approx(loss, abs=1e-4)
        shown = control.locator('[data-value="accuracy"]').text_content() or ""
        assert float(shown.removesuffix(" %")) == pytest.approx(100 * accuracy)


@pytest.mark.parametrize("tab", ["book/04_mlp"], indirect=True)
def test_boundary_runs(tab: Page) -> None:
    """Chapter 4: Run trains until it is paused, the words say how far it came, Reset starts again."""
    control = tab.locator(".mg-boundary").first
    control.get_by_role("button", name="Run").click()
    tab.wait_for_function("() => Number(document.querySelector('.mg-boundary [data-value=step]').textContent) >= 30")
    control.get_by_role("button", name="Pause").click()
    steps = read(control, "step")
    assert re.search(
        rf"step {steps:.0f}\b.*accuracy", control.locator("canvas").first.get_attribute("aria-label") or ""
    )
    control.get_by_role("button", name="Reset").click()
    assert read(control, "step") == 0
