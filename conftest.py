"""Tests and notebooks alike: what was skipped is told, and fails under CI=true, but for what needs a GPU."""

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytest_plugins = ["pytester"]

# Processes and kernels that a test starts elsewhere find this checkout, whether ganlib is installed or not.
_PATH = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATH))

# What was recorded on one machine is found on another: processors that are faster in bf16 compute as all do.
os.environ.setdefault("GANLIB_PRECISION", "fp32")

_KAGGLE = pytest.StashKey[dict[str, str]]()
LESSONS = "notebook                 this test   stated: CPU, T4   measured: CPU, T4   where and when"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item):
    """The kernel of lesson 01 starts here: what it downloads from Kaggle comes from a stand-in."""
    if item.path.name != "01_dataset.ipynb":
        return (yield)
    if _KAGGLE not in item.config.stash:
        item.config.stash[_KAGGLE] = _stand_in(item.config)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in item.config.stash[_KAGGLE].items():
            patch.setenv(name, value)
        return (yield)


def _stand_in(config: pytest.Config) -> dict[str, str]:
    """Serve until the session ends; the environment that leads there."""
    from tests.data.kaggle_stand_in import two_small_sets

    stack = ExitStack()
    config.add_cleanup(stack.close)
    return stack.enter_context(two_small_sets(Path(stack.enter_context(TemporaryDirectory()))))


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
