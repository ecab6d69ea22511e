"""`more`: a class that grows is the class that would have been written at once."""

from __future__ import annotations

import pytest

from minigrad.more import more


def base() -> type:
    class Point:
        """A point."""

        __slots__ = ("x",)

        def __init__(self, x: float) -> None:
            self.x = x

    return Point


def test_methods_arrive_and_the_class_stays_the_same_object():
    Point = base()
    before = Point

    @more(Point)
    class Point:
        def double(self):
            return 2 * self.x

    assert Point is before
    assert Point(3.0).double() == 6.0


def test_objects_made_before_grow_too():
    Point = base()
    p = Point(3.0)

    @more(Point)
    class Point:
        def __neg__(self):
            return type(self)(-self.x)

    assert (-p).x == -3.0


def test_everything_a_body_can_define_arrives():
    Point = base()

    @more(Point)
    class Point:
        limit = 10

        @property
        def half(self):
            return self.x / 2

        @classmethod
        def origin(cls):
            return cls(0.0)

        @staticmethod
        def add(a, b):
            return a + b

        def __eq__(self, other):
            return self.x == other.x

        __hash__ = object.__hash__
        __radd__ = __eq__

    p = Point(4.0)
    assert (p.limit, p.half, Point.origin().x, p.add(1, 2)) == (10, 2.0, 0.0, 3)
    assert p == Point(4.0) and hash(p) == object.__hash__(p)
    assert Point.__radd__ is Point.__eq__


def test_equality_without_a_hash_makes_unhashable_as_in_one_body():
    Point = base()

    @more(Point)
    class Point:
        def __eq__(self, other):
            return True

    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1.0))


def test_what_the_class_is_stays_untouched():
    Point = base()
    Point.__module__ = "elsewhere"
    kept = {name: getattr(Point, name) for name in ("__doc__", "__module__", "__qualname__", "__slots__", "__init__")}

    @more(Point)
    class Point:
        note: int

        def double(self):
            self.x *= 2

    assert {name: getattr(Point, name) for name in kept} == kept
    with pytest.raises(AttributeError):
        Point(1.0).y = 2.0  # no dictionary came in through the body


def test_a_grown_class_is_the_class_written_at_once():
    class Whole:
        def __init__(self, x):
            self.x = x

        def double(self):
            return 2 * self.x

    class Grown:
        def __init__(self, x):
            self.x = x

    @more(Grown)
    class Grown:
        def double(self):
            return 2 * self.x

    assert set(vars(Grown)) == set(vars(Whole))
    assert list(vars(Grown)).index("double") > list(vars(Grown)).index("__init__")


def test_subclasses_see_what_is_new():
    Point = base()

    class Special(Point):
        pass

    @more(Point)
    class Point:
        def double(self):
            return 2 * self.x

    assert Special(2.0).double() == 4.0
