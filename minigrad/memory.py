"""How the process handles memory.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

import ctypes


def tune_allocator() -> bool:
    """Ask the C library to keep freed memory instead of handing it back: large arrays are then not faulted in anew.

    Changes the whole process, so it is done only where it is asked for. Returns whether it was done (glibc only).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    trim_threshold, mmap_max = -1, -4
    return bool(mallopt(mmap_max, 0) and mallopt(trim_threshold, 2**31 - 1))
