"""The traversal and `Scalar.backward`: order, cost, depth, accumulation, interrupts, threads; PyTorch is the judge."""

from __future__ import annotations

import dis
import gc
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

from minigrad.autograd import accumulating, consumers_first, propagate, store
from minigrad.scalar import Scalar

FREED_MESSAGE = (
    "backward: this graph was freed by an earlier backward(); "
    "compute the output again, or pass retain_graph=True the first time"
)


def torch_scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


# ----------------------------------------------------------------------------------------------------- random graphs

# Each takes two nodes, Scalars or PyTorch's tensors, and keeps values from growing beyond all bounds.
LINKS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: (a * b).tanh(),
    lambda a, b: a / (b * b + 1.0),
    lambda a, b: (a - b + 0.1234).relu(),  # off the kink, where a last digit would decide
    lambda a, b: (a.tanh() * b.sigmoid()).exp(),
    lambda a, b: ((a * a + 0.5) ** 0.5).log() + b,
    lambda a, b: 2.0 - a,
    lambda a, b: -1.0 / (a.tanh() + 2.0),
)

links = st.lists(st.tuples(st.sampled_from(LINKS), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30)
values = st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=4)


def grow(leaves: list[Any], plan: list[tuple[Callable[[Any, Any], Any], int, int]]) -> list[Any]:
    """All nodes of the graph that `plan` describes, leaves first; an index counts back from the newest node."""
    nodes = list(leaves)
    for link, i, j in plan:
        nodes.append(link(nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]))
    return nodes


def gaps(ours: list[Scalar], theirs: list[torch.Tensor]) -> list[float]:
    """Relative differences between gradients; PyTorch's is None where nothing arrived."""
    wanted = [0.0 if leaf.grad is None else leaf.grad.item() for leaf in theirs]
    return [abs(leaf.grad - grad) / max(1.0, abs(grad)) for leaf, grad in zip(ours, wanted, strict=True)]


@given(values, links)
def test_gradients_equal_pytorch(start: list[float], plan: list[tuple[Callable[[Any, Any], Any], int, int]]) -> None:
    ours, theirs = [Scalar(value) for value in start], [torch_scalar(value) for value in start]
    out, expected = sum(grow(ours, plan)), sum(grow(theirs, plan))
    out.backward()
    expected.backward()
    assert out.data == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    assert max(gaps(ours, theirs)) < 1e-9


def test_four_hundred_random_graphs_equal_pytorch() -> None:
    worst = 0.0
    for seed in range(400):
        rng = random.Random(seed)
        start = [rng.uniform(-2.0, 2.0) for _ in range(4)]
        plan = [(rng.choice(LINKS), rng.randrange(50), rng.randrange(50)) for _ in range(30)]
        ours, theirs = [Scalar(value) for value in start], [torch_scalar(value) for value in start]
        sum(grow(ours, plan)).backward()
        sum(grow(theirs, plan)).backward()
        worst = max(worst, *gaps(ours, theirs))
    assert worst < 1e-9


# ------------------------------------------------------------------------------------------------------ the traversal


@given(values, links, st.sets(st.integers(0, 30), min_size=1, max_size=4))
def test_every_node_comes_once_and_after_its_users(
    start: list[float], plan: list[tuple[Callable[[Any, Any], Any], int, int]], chosen: set[int]
) -> None:
    nodes = grow([Scalar(value) for value in start], plan)
    roots = list(dict.fromkeys(nodes[i % len(nodes)] for i in chosen))
    place = {node: i for i, node in enumerate(consumers_first(roots))}

    reached, stack = set(roots), list(roots)
    while stack:
        fresh = set(stack.pop().parents) - reached
        reached |= fresh
        stack += fresh
    assert place.keys() == reached
    assert len(list(consumers_first(roots))) == len(reached)
    for node in reached:
        assert all(place[node] < place[parent] for parent in node.parents)


def test_a_root_that_another_root_uses_waits_for_it() -> None:
    x = Scalar(2.0)
    inner = x * 3.0
    outer = inner + x
    assert list(map(id, consumers_first([inner, outer]))) == list(map(id, (outer, inner, x)))
    assert list(map(id, consumers_first([outer, inner]))) == list(map(id, (outer, inner, x)))


def test_a_thousand_doublings_cost_a_thousand_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = 0
    pull = Scalar.pull

    def counted(self: Scalar, *arguments: Any) -> None:
        nonlocal pulls
        pulls += 1
        pull(self, *arguments)

    monkeypatch.setattr(Scalar, "pull", counted)
    x = y = Scalar(1.0)
    for _ in range(1000):
        y = y + y
    assert len(list(consumers_first([y]))) == 1001
    y.backward()
    assert x.grad == 2.0**1000
    assert pulls == 1000


@contextmanager
def shallow_stack() -> Iterator[None]:
    """Leave Python room for fifty frames more, so that recursion shows at once."""
    depth, frame, limit = 0, sys._getframe(), sys.getrecursionlimit()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(depth + 50)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def test_a_million_operations_forward_backward_and_freed() -> None:
    gc.collect()
    gc.disable()  # what is left over must go without the cyclic collector: there are no cycles
    try:
        before = sys.getallocatedblocks()
        with shallow_stack():
            x = y = Scalar(1.0)
            for _ in range(500_000):
                y = y * 1.0 + x
            assert y.data == 500_001.0
            y.backward()
            assert x.grad == 500_001.0
            assert sys.getallocatedblocks() - before > 1_000_000
            del y
        assert sys.getallocatedblocks() - before < 10_000  # Python keeps some empty tuples at hand
    finally:
        gc.enable()


def test_propagate_returns_leaves_and_what_is_wanted() -> None:
    x, y = Scalar(3.0), Scalar(3.0)  # equal values, different nodes
    p = x * y
    q = p * 1.0  # equal to p
    out = q + x
    found = propagate({out: 1.0}, wanted=[p])
    assert {id(node): value for node, value in found.items()} == {id(p): 1.0, id(x): 4.0, id(y): 3.0}
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_propagate_takes_several_outputs() -> None:
    x, y = Scalar(2.0), Scalar(5.0)
    u = x * y
    v = u + x
    assert propagate({u: 1.0, v: 10.0}) == {x: 65.0, y: 22.0}


def test_propagate_passes_by_nodes_that_nothing_arrives_at() -> None:
    class Silent(Scalar):
        def pull(self, cotangent: float, cotangents: dict[Scalar, float], create_graph: bool = False) -> None:
            pass

    x = Scalar(2.0)
    middle = x * 3.0
    assert propagate({Silent(6.0, (middle,), (1.0,)): 1.0}) == {}
    assert middle.slopes == (3.0,)


def test_propagate_hands_create_graph_on() -> None:
    asked = []

    class Curious(Scalar):
        def pull(self, cotangent: float, cotangents: dict[Scalar, float], create_graph: bool = False) -> None:
            asked.append(create_graph)

    propagate({Curious(1.0, (Scalar(1.0),), (1.0,)): 1.0}, create_graph=True)
    propagate({Curious(1.0, (Scalar(1.0),), (1.0,)): 1.0})
    assert asked == [True, False]


def test_neither_module_needs_numpy() -> None:
    script = "import sys, minigrad.autograd, minigrad.scalar; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


# --------------------------------------------------------------------------------------------------- adding gradients


def test_roads_that_meet_add() -> None:
    x = Scalar(3.0)
    (x * x + x).backward()
    assert x.grad == 7.0


def test_a_second_graph_adds() -> None:
    x = Scalar(3.0)
    (x * x + x).backward()
    (x * 5.0).backward()
    assert x.grad == 12.0


def test_a_leaf_is_its_own_output() -> None:
    x = Scalar(3.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("gradient", [0.0, 1, -2.5])
def test_gradient_scales_the_result(gradient: float) -> None:
    x, theirs = Scalar(3.0), torch_scalar(3.0)
    (x * x).backward(gradient)
    (theirs * theirs).backward(torch.tensor(gradient, dtype=torch.float64))
    assert theirs.grad is not None
    assert x.grad == theirs.grad.item()


def test_inner_nodes_hold_their_own_derivative() -> None:
    x = Scalar(3.0)
    p = x * x
    y = p * 2.0 + p
    y.backward()
    assert (y.grad, p.grad, x.grad) == (1.0, 3.0, 18.0)


def test_store_sets_every_pair() -> None:
    leaves = [Scalar(0.0) for _ in range(5)]
    store(leaves, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert [leaf.grad for leaf in leaves] == [1.0, 2.0, 3.0, 4.0, 5.0]


# ------------------------------------------------------------------------------------------------------ calling twice


@pytest.mark.parametrize("graph", [lambda x: x * x + x, lambda x: x + x, lambda x: x.tanh()])
def test_a_second_backward_raises_and_changes_nothing(graph: Callable[[Scalar], Scalar]) -> None:
    x = Scalar(3.0)
    y = graph(x)
    y.backward()
    grads = x.grad, y.grad
    with pytest.raises(RuntimeError) as caught:
        y.backward(5.0)
    assert str(caught.value) == FREED_MESSAGE
    assert (x.grad, y.grad) == grads


def test_a_graph_that_shares_a_freed_part_raises_and_changes_nothing() -> None:
    x, w = Scalar(3.0), Scalar(2.0)
    shared = x * x
    first, second = shared + x, shared * w
    first.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        second.backward()
    assert (x.grad, w.grad) == (7.0, 0.0)


def test_retain_graph_doubles_leaves_as_pytorch_does() -> None:
    x, theirs = Scalar(3.0), torch_scalar(3.0)
    p = x * x
    y, expected = p + x, theirs * theirs + theirs
    for again in (True, True, False):
        y.backward(retain_graph=again)
        expected.backward(retain_graph=again)
        assert theirs.grad is not None
        assert x.grad == theirs.grad.item()
        assert (y.grad, p.grad) == (1.0, 1.0)  # inner nodes start afresh
    assert x.grad == 21.0
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


# --------------------------------------------------------------------------------------- exceptions, Ctrl-C and threads


class Failing(Scalar):
    """A node that raises instead of reporting."""

    def pull(self, cotangent: float, cotangents: dict[Scalar, float], create_graph: bool = False) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("where", range(6))
def test_an_exception_in_the_middle_leaves_every_leaf_as_it_was(where: int) -> None:
    leaves = [Scalar(float(i)) for i in range(6)]
    for leaf in leaves:
        leaf.grad = 100.0
    terms = [leaf * 2.0 for leaf in leaves]
    terms[where] = Failing(0.0, (terms[where],), (1.0,))
    with pytest.raises(KeyboardInterrupt):
        sum(terms, start=Scalar(0.0)).backward()
    assert [leaf.grad for leaf in leaves] == [100.0] * 6
    assert not accumulating.locked()


def small_graph() -> tuple[list[Scalar], Scalar]:
    leaves = [Scalar(1.0), Scalar(2.0), Scalar(3.0)]
    return leaves, (leaves[0] * leaves[1] + leaves[2]) * leaves[0]


# After these instructions, and after no others, Python looks whether a signal has come in.
LOOKOUTS = ("RESUME", "JUMP_BACKWARD", "CALL")


def interrupted_at(count: int, run: Callable[[], None]) -> bool:
    """Run it, raise KeyboardInterrupt where Python looks out for signals the `count`-th time, say if it came so far."""
    seen = 0
    before: dict[FrameType, int] = {}

    def tracer(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen
        if not frame.f_globals["__name__"].startswith("minigrad."):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last, before[frame] = before.get(frame), frame.f_lasti
            if last is not None and dis.opname[frame.f_code.co_code[last]].startswith(LOOKOUTS):
                seen += 1
                if seen == count:
                    raise KeyboardInterrupt
        return tracer

    outer = sys.gettrace()
    sys.settrace(tracer)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(outer)
    return False


@pytest.mark.parametrize("retain", [False, True])
def test_an_interrupt_wherever_it_can_come_leaves_all_gradients_old_or_all_new(retain: bool) -> None:
    """Also afterwards: the graph works, or says that it was freed."""
    seen, count = set(), 0
    while True:
        count += 1
        leaves, out = small_graph()
        if not interrupted_at(count, lambda out=out: out.backward(retain_graph=retain)):  # type: ignore[misc]
            break
        assert not accumulating.locked()
        grads = tuple(leaf.grad for leaf in leaves)
        assert grads in {(0.0, 0.0, 0.0), (7.0, 1.0, 1.0)}
        seen.add(grads)
        try:
            out.backward()
        except RuntimeError as error:
            assert str(error) == FREED_MESSAGE and not retain
            assert tuple(leaf.grad for leaf in leaves) == grads
        else:
            assert [leaf.grad - old for leaf, old in zip(leaves, grads, strict=True)] == [7.0, 1.0, 1.0]
    assert count > 50
    assert len(seen) == 2  # some came before the gradients were stored, some after


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_ctrl_c_at_random_moments_leaves_all_gradients_old_or_all_new() -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    rng = random.Random(0)
    leaves = [Scalar(1.0) for _ in range(1000)]
    expected, early, late = 0.0, 0, 0
    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(100):
            out = sum((leaf * 2.0 for leaf in leaves), start=Scalar(0.0))
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 6e-3))
                out.backward()
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                early += 1
            else:
                late += 1
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            grads = {leaf.grad for leaf in leaves}
            assert grads in ({expected}, {expected + 2.0})
            expected = grads.pop()
            assert not accumulating.locked()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
    assert early


@pytest.fixture
def restless() -> Iterator[None]:
    """Switch threads as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable[[], None], threads: int = 8) -> None:
    """Run `work` in so many threads that start together; raises what one of them raised."""
    start = threading.Barrier(threads)

    def run() -> None:
        start.wait()
        work()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(run) for _ in range(threads)]:
            future.result()


class Slow(Scalar):
    """A leaf that lets other threads run whenever its gradient is read."""

    @property
    def grad(self) -> float:
        value = self.kept
        time.sleep(1e-3)
        return value

    @grad.setter
    def grad(self, value: float) -> None:
        self.kept = value


def test_threads_that_meet_at_a_leaf_take_turns() -> None:
    leaf = Slow(3.0)

    def work() -> None:
        for _ in range(5):
            (leaf * leaf).backward()

    at_once(work, threads=4)
    assert leaf.grad == 4 * 5 * 6.0


@pytest.mark.usefixtures("restless")
def test_threads_walk_one_graph_and_lose_nothing() -> None:
    leaves = [Scalar(float(i)) for i in range(50)]
    inner = sum((leaf * leaf for leaf in leaves), start=Scalar(0.0))
    out = inner * 3.0 + inner

    def work() -> None:
        for _ in range(25):
            out.backward(retain_graph=True)

    at_once(work)
    assert [leaf.grad for leaf in leaves] == [8 * 25 * 4 * 2.0 * leaf.data for leaf in leaves]
    assert inner.grad == 4.0


@pytest.mark.usefixtures("restless")
def test_threads_with_graphs_of_their_own_share_leaves() -> None:
    leaves = [Scalar(float(i)) for i in range(50)]

    def work() -> None:
        for _ in range(25):
            sum((leaf * leaf for leaf in leaves), start=Scalar(0.0)).backward()

    at_once(work)
    assert [leaf.grad for leaf in leaves] == [8 * 25 * 2.0 * leaf.data for leaf in leaves]


def test_threads_that_use_up_one_graph_give_its_gradient_once() -> None:
    """One walk at most gets through; the others find the graph freed."""
    for _ in range(20):
        leaves = [Scalar(float(i)) for i in range(20)]
        out = sum((leaf * leaf for leaf in leaves), start=Scalar(0.0))
        finished: list[bool] = []

        def work(out: Scalar = out, finished: list[bool] = finished) -> None:
            try:
                out.backward()
            except RuntimeError as error:
                assert str(error) == FREED_MESSAGE
            else:
                finished.append(True)

        at_once(work, threads=4)
        assert [leaf.grad for leaf in leaves] == [2.0 * leaf.data * len(finished) for leaf in leaves]


# ------------------------------------------------------------------------------------------------------------- errors


def test_gradient_must_be_a_number() -> None:
    x = Scalar(2.0)
    with pytest.raises(TypeError, match=r"Scalar: found 'one' \(str\), expected a real number"):
        (x * x).backward("one")  # type: ignore[arg-type]
    assert x.grad == 0.0


def test_an_argument_that_scalars_do_not_have_is_named() -> None:
    with pytest.raises(TypeError, match="create_graph"):
        Scalar(2.0).backward(create_graph=True)  # type: ignore[call-arg]
