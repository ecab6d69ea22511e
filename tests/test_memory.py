"""`tune_allocator`: asked for, it changes this process and says whether it could; nobody calls it unasked."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from minigrad import memory


def test_it_says_whether_it_was_done() -> None:
    program = (
        "import minigrad; done = minigrad.tune_allocator(); x = minigrad.ones(1000, 1000); print(done, x.sum().item())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    glibc = platform.libc_ver()[0] == "glibc"
    assert (result.stdout.split(), result.stderr) == ([str(glibc), "1000000.0"], "")


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_other_c_libraries_are_no_harm(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def library(name: object) -> object:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert memory.tune_allocator() is False


def test_a_library_without_mallopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.tune_allocator() is False


def test_a_library_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        mallopt = staticmethod(lambda option, value: 0)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    assert memory.tune_allocator() is False
