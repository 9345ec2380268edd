"""A line of the table that the test run prints about each notebook; its heading stands in conftest.py."""

from ganlib.errors import GanlibError
from tools.minutes import LEDGER, read_ledger, stated


def told(name: str, title: str, seconds: float) -> str:
    """Seconds in this test, minutes that the first cell states, minutes measured, and on which machine."""
    return f"{name:24} {seconds:7.1f} s {_stated(title):>17} {_measured(name)}"


def _stated(title: str) -> str:
    try:
        minutes = stated(title)
    except GanlibError:
        return "nothing"
    return f"{minutes.cpu:g}, {minutes.t4:g} min"


def _measured(name: str) -> str:
    entry = read_ledger(LEDGER).get(name)
    if entry is None:
        return f"{'never':>19}"
    minutes = f"{entry.cpu:.1f}, {entry.t4:.1f} min"
    return f"{minutes:>19}   {entry.machine}, {entry.date}"
