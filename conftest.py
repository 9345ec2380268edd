"""Tests and notebooks alike: what was skipped is told, and fails under CI=true, but for what needs a GPU."""

import os
from collections import Counter
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# Processes and kernels that a test starts elsewhere find this checkout, whether ganlib is installed or not.
_PATH = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATH))

LESSONS = "notebook                 this test   stated: CPU, T4   measured: CPU, T4   where and when"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not _may_skip(item, report):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and under CI=true nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if report.outcome == "skipped" and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and under CI=true nothing may be"
    return report


def _may_skip(item: pytest.Item, report: pytest.TestReport) -> bool:
    return item.get_closest_marker("gpu") is not None or hasattr(report, "wasxfail")


def pytest_terminal_summary(terminalreporter):
    """What was left out and why, how long every notebook took, and what it says of its minutes."""
    _tell_left_out(terminalreporter)
    told = [
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == "lesson"
    ]
    if told:
        terminalreporter.section("notebooks")
        terminalreporter.write_line(LESSONS)
        terminalreporter.write_line("\n".join(sorted(told)))


def _tell_left_out(terminalreporter):
    """A line for each reason for which tests were skipped."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("left out")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} test{'s' if count > 1 else ''}: {reason}")


def _reason(report: pytest.TestReport) -> str:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return why.removeprefix("Skipped: ")
