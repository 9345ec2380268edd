"""Tests and notebooks alike: under CI=true a skipped test fails, but for those that need a GPU."""

import os

import pytest

pytest_plugins = ["pytester"]

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
    """How long every notebook took, and what it says of its minutes."""
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
