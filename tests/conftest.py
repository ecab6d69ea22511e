"""What all tests share: one thread each, the same examples every time, and no skip that nobody sees.

A tool that a machine lacks (Chromium, say) skips the tests that need it, and the run's last lines name it. With
``REQUIRE=all`` in the environment, as in .ci/run, a skip is a failure.
"""

import os
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share two cores; set before numpy and torch start
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

REQUIRE_ALL = os.environ.get("REQUIRE") == "all"


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, under REQUIRE=all."""
    if REQUIRE_ALL and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"REQUIRE=all: nothing may be skipped here. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that was skipped."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that was skipped."""
    report = yield
    refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name, at the very end, what was missing."""
    skipped = [r for r in terminalreporter.getreports("skipped") if isinstance(r.longrepr, tuple)]
    reasons = Counter(r.longrepr[2].removeprefix("Skipped: ") for r in skipped)
    if reasons:
        terminalreporter.write_sep("-", "not tested on this machine")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} test(s): {reason}")
