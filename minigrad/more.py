"""Grow a class a few methods at a time, so that a chapter shows only what is new.

Made from chapter 1, Compute on a graph.
"""

from __future__ import annotations

from collections.abc import Callable

# What Python itself puts into the body of a class.
BOOKKEEPING = frozenset(
    "__module__ __doc__ __dict__ __weakref__ __firstlineno__ __static_attributes__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__".split()
)


def more(cls: type) -> Callable[[type], type]:
    """Copy what the decorated class body defines into `cls`, and return `cls`."""

    def grow(body: type) -> type:
        for name, member in vars(body).items():
            if name not in BOOKKEEPING:
                setattr(cls, name, member)
        return cls

    return grow
