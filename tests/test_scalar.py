"""`Scalar` going forward: values, slopes, operands, errors, comparisons. Going backward: test_autograd.py."""

from __future__ import annotations

import cmath
import gc
import inspect
import math
import operator
import random
import re
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, strategies as st

from minigrad.scalar import Scalar

BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}
UNARY = ("exp", "log", "tanh", "sigmoid", "relu")

real = st.floats(-50, 50)
positive = st.floats(0.1, 20)
away_from_zero = real.filter(lambda x: abs(x) > 0.05)


def agree(ours: float, theirs: float, tolerance: float = 1e-12) -> bool:
    """Equal to `tolerance`, relative above 1 and absolute below; an infinity agrees with itself alone."""
    return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)


def by_torch(f, *at: float) -> tuple[float, list[float]]:
    """Value and slopes of f at `at`, by PyTorch."""
    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in at]
    out = f(*leaves)
    return out.item(), [g.item() for g in torch.autograd.grad(out, leaves)]


def check(f, *at: float) -> Scalar:
    """Compare value and slopes of one operation with PyTorch's; each argument has to be a parent, in order."""
    leaves = [Scalar(a) for a in at]
    ours = f(*leaves)
    value, slopes = by_torch(f, *at)
    assert type(ours.data) is float
    assert agree(ours.data, value)
    assert len(ours.parents) == len(leaves) and all(map(operator.is_, ours.parents, leaves))
    assert len(ours.slopes) == len(slopes) and all(map(agree, ours.slopes, slopes)), (ours.slopes, slopes)
    assert all(type(slope) is float for slope in ours.slopes)
    return ours


# ------------------------------------------------------------------------------------------------------ a Scalar itself


def test_a_leaf_has_a_value_and_no_past():
    x = Scalar(3.0)
    assert (x.data, x.grad, x.parents, x.slopes, x.op) == (3.0, 0.0, (), (), "")


@pytest.mark.parametrize(
    "number",
    [3, True, np.float64(3.25), np.float32(3.25), np.int64(3), Fraction(13, 4)],
    ids=lambda n: type(n).__name__,
)
def test_any_real_number_becomes_a_float(number):
    assert type(Scalar(number).data) is float
    assert Scalar(number).data == float(number)


@pytest.mark.parametrize(
    "value", ["3", None, 3j, [1.0], np.array([1.0, 2.0]), Scalar(1.0)], ids=lambda v: type(v).__name__
)
def test_anything_else_is_refused_in_a_sentence(value):
    with pytest.raises(TypeError, match=r"^Scalar: found .*, expected a real number; convert it first") as caught:
        Scalar(value)
    assert type(value).__name__ in str(caught.value)


def test_what_was_found_is_quoted_briefly():
    with pytest.raises(TypeError) as caught:
        Scalar(["a long list"] * 1000)
    assert len(str(caught.value)) < 200


def test_not_a_number_and_infinity_are_floats_too():
    assert math.isnan(Scalar(math.nan).data)
    assert (Scalar(math.inf) + 1).data == math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "Scalar(3, grad=0)"), (-1 / 3, "Scalar(-0.333333, grad=0)"), (1e-9, "Scalar(1e-09, grad=0)")],
)
def test_repr(value, text):
    assert repr(Scalar(value)) == text


def test_repr_shows_the_gradient():
    x = Scalar(2.0)
    x.grad = 7.0
    assert repr(x) == "Scalar(2, grad=7)"


def test_nothing_else_can_be_stored_on_it():
    with pytest.raises(AttributeError):
        Scalar(1.0).data_ = 2.0


def test_every_public_method_says_what_it_computes():
    methods = [m for name, m in vars(Scalar).items() if inspect.isfunction(m) and not name.startswith("_")]
    assert len(methods) >= len(UNARY)
    assert all(m.__doc__ for m in methods)


# ----------------------------------------------------------------------------------------------------------- operations


@given(real, away_from_zero)
@pytest.mark.parametrize("name", ["+", "-", "*", "/"])
def test_arithmetic_is_pytorchs(name, a, b):
    assert check(BINARY[name], a, b).op == name


@given(positive, st.floats(-4, 4))
def test_powers_of_positive_numbers_are_pytorchs(a, b):
    check(operator.pow, a, b)


@given(away_from_zero, st.floats(-50, 50).filter(lambda c: abs(c) > 0.05))
@pytest.mark.parametrize("name", ["+", "-", "*", "/"])
def test_numbers_stand_on_either_side(name, a, c):
    f = BINARY[name]
    check(lambda x: f(x, c), a)
    check(lambda x: f(c, x), a)


@given(positive, st.floats(-4, 4), positive)
def test_numbers_stand_on_either_side_of_a_power(a, exponent, base):
    check(lambda x: x**exponent, a)
    check(lambda x: base**x, exponent)


@given(away_from_zero.filter(lambda x: abs(x) < 5), st.integers(-6, 6))
def test_whole_powers_of_negative_numbers(a, exponent):
    check(lambda x: x**exponent, a)


@given(real)
def test_minus(a):
    assert check(operator.neg, a).op == "neg"


@given(st.floats(-30, 30))
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "relu"])
def test_functions_are_pytorchs(name, a):
    assert check(operator.methodcaller(name), a).op == name


@given(st.floats(1e-6, 1e6))
def test_log_is_pytorchs(a):
    check(operator.methodcaller("log"), a)


CONSTANTS = {
    "+ c": [lambda x: x + 2, lambda x: 2 + x],
    "- c": [lambda x: x - 2],
    "c -": [lambda x: 2 - x],
    "* c": [lambda x: x * 2, lambda x: 2 * x],
    "/ c": [lambda x: x / 2],
    "c /": [lambda x: 2 / x],
    "** c": [lambda x: x**2],
    "c **": [lambda x: 2**x],
}


@pytest.mark.parametrize(("op", "f"), [(op, f) for op, forms in CONSTANTS.items() for f in forms])
def test_a_plain_number_gets_no_node(op, f):
    x = Scalar(3.0)
    assert f(x).parents == (x,)
    assert f(x).op == op


@pytest.mark.parametrize("name", ["+", "*", "-", "/", "**"])
def test_one_scalar_used_twice_is_twice_a_parent(name):
    x = Scalar(3.0)
    assert all(parent is x for parent in BINARY[name](x, x).parents)
    assert len(BINARY[name](x, x).slopes) == 2


def difference(f, at: list[float], i: int, h: float) -> float:
    """The slope of f in its i-th argument by the central difference."""
    up, down = [*at], [*at]
    up[i] += h
    down[i] -= h
    return (f(*up) - f(*down)) / (2 * h)


@pytest.mark.parametrize("name", [*BINARY, *UNARY])
def test_slopes_are_those_that_nudging_measures(name):
    rng = random.Random(name)
    f = BINARY[name] if name in BINARY else operator.methodcaller(name)
    for _ in range(20):
        at = [rng.uniform(0.3, 3.0) for _ in range(2 if name in BINARY else 1)]
        out = f(*(Scalar(a) for a in at))
        for i, slope in enumerate(out.slopes):
            measured = difference(lambda *a: f(*map(Scalar, a)).data, at, i, 1e-5)
            assert abs(slope - measured) < 1e-7 * max(1.0, abs(slope))


PLAIN = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sigmoid": lambda x: 0.5 * (1 + math.tanh(x / 2)),
    "relu": lambda x: max(x, 0.0),
}


@given(st.floats(0.01, 20))
@pytest.mark.parametrize("name", UNARY)
def test_values_are_those_of_the_math_module(name, a):
    assert math.isclose(getattr(Scalar(a), name)().data, PLAIN[name](a), rel_tol=1e-14)


# -------------------------------------------------------------------------------------------------- corners and far out


@pytest.mark.parametrize("a", [-1e308, -1000.0, -745.0, -37.0, 37.0, 745.0, 1000.0, 1e308, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_functions_are_safe_far_out(name, a):
    check(operator.methodcaller(name), a)


@given(st.floats(-700, 700))
def test_sigmoid_is_symmetric_and_its_slope_exact(a):
    ours, mirrored = Scalar(a).sigmoid(), Scalar(-a).sigmoid()
    assert abs(ours.data + mirrored.data - 1.0) < 1e-15
    assert ours.slopes == mirrored.slopes
    assert math.isclose(ours.slopes[0], 0.25 / cmath.cosh(a / 2).real ** 2, rel_tol=1e-12)


@pytest.mark.parametrize("a", [-1.0, -0.0, 0.0, 5e-324, 1.0])
def test_relu_has_the_slope_0_at_0(a):
    check(operator.methodcaller("relu"), a)


def test_not_a_number_passes_through():
    for name in ("exp", "log", "tanh", "sigmoid", "relu"):
        assert math.isnan(getattr(Scalar(math.nan), name)().data)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_powers_of_0(exponent):
    check(lambda x: x**exponent, 0.0)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 2.0])
def test_a_scalar_exponent_over_0(exponent):
    check(operator.pow, 0.0, exponent)
    check(lambda x: 0.0**x, exponent)


@pytest.mark.parametrize(("a", "exponent"), [(1e-200, -1), (-1e-200, -1), (1e-100, -3), (-1e-100, -3), (-1e-154, -2)])
def test_a_slope_beyond_the_largest_float_is_infinite(a, exponent):
    slope = check(lambda x: x**exponent, a).slopes[0]
    assert abs(slope) == math.inf


@pytest.mark.parametrize("b", [5e-324, 1e-200, -1e-200])
def test_dividing_by_almost_nothing(b):
    check(operator.truediv, 1.0, b)
    check(lambda x: 1.0 / x, b)


# --------------------------------------------------------------------------------------------------------------- errors

MISTAKES = [
    (lambda: Scalar(1.0) / Scalar(0.0), ZeroDivisionError, "/: found 1 / 0, expected a divisor other than 0; "),
    (lambda: Scalar(1.0) / 0, ZeroDivisionError, "/: found 1 / 0, expected a divisor other than 0; "),
    (lambda: 2 / Scalar(0.0), ZeroDivisionError, "/: found 2 / 0, expected a divisor other than 0; "),
    (lambda: Scalar(0.0).log(), ValueError, "log: found 0, expected a number above 0; "),
    (lambda: Scalar(-2.5).log(), ValueError, "log: found -2.5, expected a number above 0; "),
    (lambda: Scalar(710.0).exp(), OverflowError, "exp: found 710, expected at most 709.78, "),
    (lambda: Scalar(-8.0) ** 0.5, ValueError, "**: found -8 ** 0.5, expected a base of at least 0 under a fractional"),
    (
        lambda: (-8.0) ** Scalar(0.5),
        ValueError,
        "**: found -8 ** 0.5, expected a base of at least 0 under a fractional",
    ),
    (lambda: Scalar(0.0) ** -1, ZeroDivisionError, "**: found 0 ** -1, expected a base other than 0 under a negative"),
    (lambda: 0 ** Scalar(-1.0), ZeroDivisionError, "**: found 0 ** -1, expected a base other than 0 under a negative"),
    (lambda: Scalar(10.0) ** 400, OverflowError, "**: found 10 ** 400, expected a result below 1.8e308, "),
    (
        lambda: Scalar(-2.0) ** Scalar(2.0),
        ValueError,
        "**: found the base -2 under a Scalar exponent, expected a base of",
    ),
    (lambda: (-2.0) ** Scalar(2.0), ValueError, "**: found the base -2 under a Scalar exponent, expected a base of"),
]


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_errors_say_what_was_found_what_was_expected_and_what_to_do(mistake, kind, message):
    with pytest.raises(kind, match="^" + re.escape(message)) as caught:
        mistake()
    assert re.search(r"(; |, where .* )(see|scale|use|write)", str(caught.value)), "what to do?"
    assert caught.value.__cause__ is None and (caught.value.__context__ is None or caught.value.__suppress_context__)


@pytest.mark.parametrize("stranger", ["1", None, [1.0], 1j, {}, np.array([1.0, 2.0])], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("f", BINARY.values(), ids=BINARY)
def test_strangers_are_left_to_python(f, stranger):
    for left, right in ((Scalar(1.0), stranger), (stranger, Scalar(1.0))):
        with pytest.raises(TypeError):
            f(left, right)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "eq"])
def test_methods_answer_notimplemented_to_strangers(name):
    assert getattr(Scalar(1.0), f"__{name}__")("1") is NotImplemented
    if name in ("add", "sub", "mul", "truediv", "pow"):
        assert getattr(Scalar(1.0), f"__r{name}__")("1") is NotImplemented


def test_a_class_that_knows_scalars_is_asked_in_turn():
    class Vector:
        def __rmul__(self, other):
            return ("scaled by", other.data)

    assert Scalar(2.0) * Vector() == ("scaled by", 2.0)


# ------------------------------------------------------------------------------------------------------ NumPy's numbers


@pytest.mark.parametrize("number", [np.float64(2.5), np.float32(2.5), np.int64(2)], ids=lambda n: type(n).__name__)
@pytest.mark.parametrize("f", BINARY.values(), ids=BINARY)
def test_numpys_numbers_are_numbers(f, number):
    x, c = Scalar(3.0), float(number)
    for ours, theirs in ((f(x, number), f(x, c)), (f(number, x), f(c, x))):
        assert type(ours) is Scalar and type(ours.data) is float
        assert (ours.data, ours.slopes, ours.op) == (theirs.data, theirs.slopes, theirs.op)
        assert all(type(slope) is float for slope in ours.slopes)


def test_a_float32_does_not_take_digits_away():
    assert (Scalar(1 / 3) + np.float32(0.0)).data == 1 / 3


# ------------------------------------------------------------------------------------------ comparisons and conversions

ORDER = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@given(st.sampled_from([-1.5, 0.0, 2.0, math.inf, math.nan]), st.sampled_from([-1.5, 0.0, 2.0, math.inf, math.nan]))
@pytest.mark.parametrize("compare", ORDER, ids=lambda f: f.__name__)
def test_comparisons_are_those_of_the_values(compare, a, b):
    expected = compare(a, b)
    answers = [
        compare(Scalar(a), Scalar(b)),
        compare(Scalar(a), b),
        compare(a, Scalar(b)),
        compare(np.float64(a), Scalar(b)),
    ]
    assert answers == [expected] * 4
    assert all(type(answer) is bool for answer in answers)


def test_strangers_are_unequal_and_cannot_be_ordered():
    assert Scalar(1.0) != "1"
    for compare in ORDER[:4]:
        with pytest.raises(TypeError, match="not supported between"):
            compare(Scalar(1.0), "1")


def test_equal_values_are_different_nodes():
    nodes = [Scalar(1.0) for _ in range(100)]
    assert len(dict.fromkeys(nodes)) == 100
    assert all(hash(node) == object.__hash__(node) for node in nodes)


def test_conversions():
    assert float(Scalar(2.5)) == 2.5 and type(float(Scalar(2.5))) is float
    assert Scalar(-0.5) and not Scalar(0.0) and not Scalar(-0.0)


# ------------------------------------------------------------------------------------------------------- whole programs


def expression(seed: int, leaves: list, length: int = 40):
    """A random program: every line combines earlier results, so that results are used again; values stay moderate."""
    rng = random.Random(seed)
    nodes = [*leaves]
    for _ in range(length):
        a, b, c = rng.choice(nodes), rng.choice(nodes), rng.uniform(-2.0, 2.0)
        nodes.append(
            rng.choice(
                [
                    lambda a, b, c: a + b,
                    lambda a, b, c: c - a,
                    lambda a, b, c: -a * 0.5,
                    lambda a, b, c: (a * b).tanh(),
                    lambda a, b, c: a / (b * b + 1.5),
                    lambda a, b, c: c / (1 + a * a),
                    lambda a, b, c: (a.tanh() - b).relu(),
                    lambda a, b, c: a.tanh().exp() - 1,
                    lambda a, b, c: (a * a + 0.1).log(),
                    lambda a, b, c: (b.sigmoid() + 0.5) ** a.tanh(),
                    lambda a, b, c: (abs(c) + 0.1) ** b.tanh(),
                ]
            )(a, b, c)
        )
    return nodes


@given(st.integers(0, 2**32), st.lists(st.floats(-2, 2), min_size=1, max_size=4))
def test_random_programs_are_pytorchs(seed, at):
    ours = expression(seed, [Scalar(a) for a in at])
    theirs = [t.item() for t in expression(seed, [torch.tensor(a, dtype=torch.float64) for a in at])]
    assume(max(map(abs, theirs)) < 1e6)
    assert all(agree(node.data, value, 1e-9) for node, value in zip(ours, theirs, strict=True))


def test_running_the_program_again_leaves_the_first_graph_as_it_was():
    w = Scalar(-1.0)
    out = (w * 2).tanh()
    before = (out.data, out.slopes, out.parents[0].slopes)
    w.data = 5.0
    assert (w * 2).tanh().data == math.tanh(10.0)
    assert (out.data, out.slopes, out.parents[0].slopes) == before


def test_a_long_chain_is_freed_without_recursion_or_collector():
    x = leaf = Scalar(1.0)
    gc.disable()
    try:
        for _ in range(200_000):
            x = x * 1.000001 + leaf
        assert sys.getrefcount(leaf) > 200_000
        del x
        assert sys.getrefcount(leaf) < 10, "the nodes were not freed at once: do they refer to each other in a circle?"
    finally:
        gc.enable()
