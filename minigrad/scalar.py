"""Numbers that remember how they were computed.

Made from chapter 1, Compute on a graph; and chapter 2, Send derivatives backward.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import NoReturn

from minigrad.autograd import accumulating, propagate, store

# A plain number. Real alone would do, but to ask for it is slow: usual answers first.
NUMBER = (float, int, Real)


def number(value: object) -> float:
    """`value` as a float.

    Raises TypeError unless it is a real number: a float, an int, a NumPy number.
    """
    if isinstance(value, NUMBER):
        return float(value)
    found = f"{value!r:.60} ({type(value).__name__})"
    raise TypeError(f"Scalar: found {found}, expected a real number; convert it first")


class Scalar:
    """A float, and the operation that made it.

    `data` is the value, `parents` are the Scalars it was computed from, `slopes[i]` is
    its derivative with respect to `parents[i]`, and `op` names the operation. A Scalar
    that you make yourself has no parents: it is a leaf. `grad` is 0.0 at first.

    Raises TypeError if `data` is not a real number.
    """

    __slots__ = ("data", "grad", "op", "parents", "slopes")
    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to the Scalar

    def __init__(
        self,
        data: float,
        parents: tuple[Scalar, ...] = (),
        slopes: tuple[float, ...] = (),
        op: str = "",
    ) -> None:
        self.data = data if type(data) is float else number(data)
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes
        self.op = op

    def __repr__(self) -> str:
        return f"Scalar({self.data:.6g}, grad={self.grad:.6g})"

    def __add__(self, other: Scalar | float) -> Scalar:
        """a + b, with slopes 1 and 1."""
        if isinstance(other, Scalar):
            return Scalar(self.data + other.data, (self, other), (1.0, 1.0), "+")
        if isinstance(other, NUMBER):
            return Scalar(self.data + float(other), (self,), (1.0,), "+ c")
        return NotImplemented

    def __mul__(self, other: Scalar | float) -> Scalar:
        """a b, with slopes b and a."""
        if isinstance(other, Scalar):
            a, b = self.data, other.data
            return Scalar(a * b, (self, other), (b, a), "*")
        if isinstance(other, NUMBER):
            c = float(other)
            return Scalar(self.data * c, (self,), (c,), "* c")
        return NotImplemented

    def __radd__(self, other: float) -> Scalar:
        """c + a, with slope 1."""
        return self.__add__(other)

    def __rmul__(self, other: float) -> Scalar:
        """c a, with slope c."""
        return self.__mul__(other)

    def tanh(self) -> Scalar:
        """tanh(a), with slope 1 - tanh(a)^2."""
        t = math.tanh(self.data)
        return Scalar(t, (self,), (1.0 - t * t,), "tanh")

    def __neg__(self) -> Scalar:
        """-a, with slope -1."""
        return Scalar(-self.data, (self,), (-1.0,), "neg")

    def __sub__(self, other: Scalar | float) -> Scalar:
        """a - b, with slopes 1 and -1."""
        if isinstance(other, Scalar):
            return Scalar(self.data - other.data, (self, other), (1.0, -1.0), "-")
        if isinstance(other, NUMBER):
            return Scalar(self.data - float(other), (self,), (1.0,), "- c")
        return NotImplemented

    def __rsub__(self, other: float) -> Scalar:
        """c - a, with slope -1."""
        if isinstance(other, NUMBER):
            return Scalar(float(other) - self.data, (self,), (-1.0,), "c -")
        return NotImplemented

    def __truediv__(self, other: Scalar | float) -> Scalar:
        """a / b, with slopes 1 / b and -a / b^2. Raises ZeroDivisionError if b is 0."""
        if isinstance(other, Scalar):
            out = quotient(self.data, other.data)
            return Scalar(out, (self, other), (1.0 / other.data, -out / other.data), "/")
        if isinstance(other, NUMBER):
            c = float(other)
            return Scalar(quotient(self.data, c), (self,), (1.0 / c,), "/ c")
        return NotImplemented

    def __rtruediv__(self, other: float) -> Scalar:
        """c / a, with slope -c / a^2. Raises ZeroDivisionError if a is 0."""
        if isinstance(other, NUMBER):
            out = quotient(float(other), self.data)
            return Scalar(out, (self,), (-out / self.data,), "c /")
        return NotImplemented

    def __pow__(self, exponent: Scalar | float) -> Scalar:
        """a^b, with slopes b a^(b - 1) and a^b log(a).

        Raises ValueError, ZeroDivisionError or OverflowError where a^b is not a float, and ValueError if a is negative
        and b a Scalar.
        """
        a = self.data
        if isinstance(exponent, Scalar):
            out = power(a, exponent.data)
            slopes = base_slope(a, exponent.data, out), exponent_slope(a, out)
            return Scalar(out, (self, exponent), slopes, "**")
        if isinstance(exponent, NUMBER):
            c = float(exponent)
            out = power(a, c)
            return Scalar(out, (self,), (base_slope(a, c, out),), "** c")
        return NotImplemented

    def __rpow__(self, base: float) -> Scalar:
        """c^a, with slope c^a log(c). Raises as `__pow__` does."""
        if isinstance(base, NUMBER):
            out = power(float(base), self.data)
            return Scalar(out, (self,), (exponent_slope(float(base), out),), "c **")
        return NotImplemented

    def exp(self) -> Scalar:
        """e^a, which is its own slope. Raises OverflowError above 709.78."""
        try:
            out = math.exp(self.data)
        except OverflowError:
            raise OverflowError(
                f"exp: found {self.data:g}, expected at most 709.78, where e^a passes the largest float; scale it down "
                "or use sigmoid or tanh, which are safe far out"
            ) from None
        return Scalar(out, (self,), (out,), "exp")

    def log(self) -> Scalar:
        """The natural logarithm of a, with slope 1 / a. Raises ValueError unless a is above 0."""
        if self.data <= 0.0:
            raise ValueError(
                f"log: found {self.data:g}, expected a number above 0; see what made it so small, or add a small number"
            )
        return Scalar(math.log(self.data), (self,), (1.0 / self.data,), "log")

    def sigmoid(self) -> Scalar:
        """1 / (1 + e^-a), with slope e^-a / (1 + e^-a)^2: both by way of e^-|a|, which cannot overflow."""
        e = math.exp(-abs(self.data))
        return Scalar((1.0 if self.data >= 0.0 else e) / (1.0 + e), (self,), (e / (1.0 + e) ** 2,), "sigmoid")

    def relu(self) -> Scalar:
        """max(a, 0), with slope 1 above 0 and 0 elsewhere: at 0 itself the choice is PyTorch's."""
        off = self.data <= 0.0
        return Scalar(0.0 if off else self.data, (self,), (0.0 if off else 1.0,), "relu")

    def __float__(self) -> float:
        return self.data

    def __bool__(self) -> bool:
        return self.data != 0.0

    def __eq__(self, other: object) -> bool:
        return self.data == float(other) if isinstance(other, COMPARABLE) else NotImplemented

    __hash__ = object.__hash__  # equal values are still different nodes: a dict keeps them apart

    def __lt__(self, other: Scalar | float) -> bool:
        return self.data < float(other) if isinstance(other, COMPARABLE) else NotImplemented

    def __le__(self, other: Scalar | float) -> bool:
        return self.data <= float(other) if isinstance(other, COMPARABLE) else NotImplemented

    def __gt__(self, other: Scalar | float) -> bool:
        return self.data > float(other) if isinstance(other, COMPARABLE) else NotImplemented

    def __ge__(self, other: Scalar | float) -> bool:
        return self.data >= float(other) if isinstance(other, COMPARABLE) else NotImplemented

    def pull(self, cotangent: float, cotangents: dict[Scalar, float], create_graph: bool = False) -> None:
        """Add cotangent x slope to each parent's entry, and keep `cotangent` as `grad`."""
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            cotangents[parent] = cotangents.get(parent, 0.0) + cotangent * slope
        self.grad = cotangent

    def release(self) -> None:
        """Forget the slopes; a second `backward` over this node says so."""
        self.slopes = FREED

    def backward(self, gradient: float = 1.0, retain_graph: bool = False) -> None:
        """Add `gradient` x d(self)/d(leaf) to the `grad` of every leaf.

        Nodes in between get theirs afresh. Frees the graph unless `retain_graph` is true.
        Raises RuntimeError if an earlier `backward` has freed it.
        """
        leaves = propagate({self: number(gradient)}, retain_graph)
        with accumulating:
            store(leaves, [leaf.grad + grad for leaf, grad in leaves.items()])


def quotient(a: float, b: float) -> float:
    """a / b. Raises ZeroDivisionError if b is 0."""
    try:
        return a / b
    except ZeroDivisionError:
        raise ZeroDivisionError(
            f"/: found {a:g} / 0, expected a divisor other than 0; see what made it 0, or add a small number to it"
        ) from None


def power(base: float, exponent: float) -> float:
    """base^exponent.

    Raises ValueError for a negative base under a fractional exponent, ZeroDivisionError for 0 under a negative one, and
    OverflowError if the result is beyond the largest float.
    """
    try:
        return math.pow(base, exponent)
    except OverflowError:
        raise OverflowError(
            f"**: found {base:g} ** {exponent:g}, expected a result below 1.8e308, the largest float; scale the base"
        ) from None
    except ValueError:
        found = f"**: found {base:g} ** {exponent:g}, expected a base"
        if base == 0.0:
            raise ZeroDivisionError(f"{found} other than 0 under a negative exponent; see what made it 0") from None
        raise ValueError(
            f"{found} of at least 0 under a fractional exponent; use a whole exponent, or see what made it negative"
        ) from None


def base_slope(base: float, exponent: float, out: float) -> float:
    """d(base^exponent)/d(base) = exponent base^(exponent - 1); infinite where a float cannot hold it, as in PyTorch."""
    if exponent == 0.0:
        return 0.0
    if base == 0.0 and exponent < 1.0:
        return math.inf
    try:
        return exponent * math.pow(base, exponent - 1.0)
    except OverflowError:
        return exponent * (out / base)  # overflows as well, to an infinity of the right sign


def exponent_slope(base: float, out: float) -> float:
    """d(base^exponent)/d(exponent) = out log(base), and 0 for base 0. Raises ValueError if the base is negative."""
    if base < 0.0:
        raise ValueError(
            f"**: found the base {base:g} under a Scalar exponent, expected a base of at least 0, because the result "
            "has no slope in that exponent; write the exponent as a plain number"
        )
    return out * math.log(base) if base else 0.0


COMPARABLE = (Scalar, *NUMBER)


class Freed(tuple[float, ...]):
    """The slopes of a Scalar whose graph is used up: going through them raises RuntimeError."""

    def __iter__(self) -> NoReturn:
        raise RuntimeError(
            "backward: this graph was freed by an earlier backward(); "
            "compute the output again, or pass retain_graph=True the first time"
        )


FREED = Freed()
